"""Activation maximisation: the window that a class, or a filter, answers to most.

A window of faint noise climbs the gradient. Three things keep it from noise that only a network can see: what
is loud costs, neighbours that differ cost, and it is shifted in time by a little before every step.

References
----------
Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks", 2014; Mordvintsev, Olah and Tyka,
"Inceptionism", 2015, for the shifts.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.errors import InputError
from avianvox.explain.network import RunListener, layer_named
from avianvox.features.floor import LEAST_DB, MOST_DB, SCALE_DB
from avianvox.models.backend import keras
from avianvox.randomness import derive_rng


@dataclass(frozen=True)
class Climb:
    """``steps`` of the length ``rate``; ``loudness`` and ``roughness`` are what they cost; ``jitter``:
    frames."""

    steps: int = 96
    rate: float = 0.05
    loudness: float = 0.02
    roughness: float = 0.2
    jitter: int = 4

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.rate > 0 or min(self.loudness, self.roughness, self.jitter) < 0:
            raise InputError(
                "activation maximisation: expected steps and a rate above 0, and costs of at least 0, "
                f"got {self}"
            )


@dataclass(frozen=True)
class Maximised:
    """``window``: shape (n_frames, n_rows), in the units of the network's input; ``answers``: of each
    step."""

    window: np.ndarray
    answers: np.ndarray


def maximised(
    opened: RunListener,
    *,
    target: int | None = None,
    layer: str = "",
    channel: int = 0,
    climb: Climb | None = None,
    seed: int = 0,
) -> Maximised:
    """Find the window that a class, or a channel of a layer, answers to most; the same seed gives the same
    one.

    Parameters
    ----------
    opened : RunListener
    target : int, optional
        A class, by its logit. Without it, a channel:
    layer : str
    channel : int
        The mean over the layer's map is what rises.
    climb : Climb, optional
    seed : int

    Raises
    ------
    InputError
        There is no such layer or channel.
    """
    import tensorflow as tf

    climb = climb or Climb()
    model, spec = opened.network.model, opened.network.spec
    asked, at = _asked(model, target, layer, channel)
    names = (target,) if target is not None else (layer, channel)
    rng = derive_rng(seed, "activation maximisation", *names)
    low, high = (LEAST_DB / SCALE_DB, MOST_DB / SCALE_DB) if spec.combine == "above_floor" else (-3.0, 3.0)
    start = 0.1 * rng.standard_normal((1, spec.n_frames, spec.n_rows, 1))
    shifts = rng.integers(-climb.jitter, climb.jitter + 1, climb.steps)
    window = tf.Variable(np.clip(start, low, high).astype(np.float32))

    def step(shift: Any) -> Any:
        with tf.GradientTape() as tape:
            given = asked(tf.roll(window, shift, axis=1), training=False)
            answer = tf.reduce_mean(given[..., at])
            loud = tf.reduce_mean(tf.square(window))
            rough = tf.reduce_mean(tf.square(window[:, 1:] - window[:, :-1])) + tf.reduce_mean(
                tf.square(window[:, :, 1:] - window[:, :, :-1])
            )
            wanted = answer - climb.loudness * loud - climb.roughness * rough
        gradient = tape.gradient(wanted, window)
        length = tf.sqrt(tf.reduce_mean(tf.square(gradient))) + 1e-12
        window.assign(tf.clip_by_value(window + climb.rate * gradient / length, low, high))
        return answer

    compiled = tf.function(step)
    answers = [float(compiled(tf.constant(shift))) for shift in shifts.tolist()]
    return Maximised(window.numpy()[0, :, :, 0], np.array(answers))


def _asked(model: Any, target: int | None, layer: str, channel: int) -> tuple[Any, int]:
    """A network whose output has what is to rise, and where in its last axis."""
    if target is not None:
        return model, target
    output = layer_named(model, layer).output
    if not 0 <= channel < output.shape[-1]:
        raise InputError(
            f"the layer '{layer}' has no channel {channel}; expected 0 to {output.shape[-1] - 1}"
        )
    return keras.Model(model.input, output), channel
