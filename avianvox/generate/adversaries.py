"""`Adversaries`: generator and discriminator as they are trained, one step at a time.

All that is drawn is drawn by name (seed, epoch, step), and `state` holds every variable that the next step
depends on. So training that was continued ends with the weights of training that was not.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from avianvox.errors import RunError
from avianvox.generate.networks import N_NOISE, build_discriminator, build_generator, unscaled
from avianvox.generate.settings import GenerateSettings
from avianvox.models.backend import keras
from avianvox.randomness import derive_rng

import tensorflow as tf  # isort: skip  # behind its backend, which tells it to be quiet

_BATCH = 64
_LEAST_MOVED = 0.05
ops = keras.ops


class Adversaries:
    """Both networks and their optimisers.

    References
    ----------
    Mao et al., "Mode seeking generative adversarial networks for diverse image synthesis", 2019: the loss
    that keeps samples of one condition apart.

    Parameters
    ----------
    settings : GenerateSettings
    n_condition : int
    """

    def __init__(self, settings: GenerateSettings, n_condition: int) -> None:
        seed = settings.seed % 2**20
        shape, width = settings.shape, settings.width
        self.settings = settings
        self.generator = build_generator(shape, n_condition, width=width, seed=seed)
        self.discriminator = build_discriminator(
            shape,
            n_condition,
            width=width,
            spectral=settings.spectral,
            dropout=settings.dropout,
            seed=seed,
        )
        rates = (settings.learning_rate, settings.learning_rate * settings.lead)
        self._optimisers = [keras.optimizers.Adam(rate, beta_1=0.5) for rate in rates]
        for optimiser, model in zip(self._optimisers, (self.generator, self.discriminator), strict=True):
            optimiser.build(model.trainable_variables)
        self._step = tf.function(self._adversarial, jit_compile=False)

    def step(self, real: np.ndarray, conditions: np.ndarray, wrong: np.ndarray, *names: int) -> np.ndarray:
        """One step of both; ``names`` tell its noise from that of others.

        Parameters
        ----------
        real : np.ndarray, shape (n, frames, bands, 1)
        conditions, wrong : np.ndarray, shape (n, n_condition)
            Of the patches, and others that they don't have.

        Returns
        -------
        np.ndarray, shape (4,)
            Losses of generator and discriminator, and the shares of real and of generated patches that the
            discriminator took for what they are.
        """
        noise = noises(2 * len(real), self.settings.seed, "step", *names)
        found: np.ndarray = self._step(
            tf.constant(real), tf.constant(conditions), tf.constant(wrong), tf.constant(noise)
        ).numpy()
        return found

    def _adversarial(self, real: Any, conditions: Any, wrong: Any, noise: Any) -> Any:
        settings = self.settings
        with tf.GradientTape() as tape:
            first, second = ops.split(noise, 2)
            made = self.generator([first, conditions], training=True)
            with tf.GradientTape() as judged:
                on_real = self.discriminator([real, conditions], training=True)
                on_made = self.discriminator([tf.stop_gradient(made), conditions], training=True)
                loss = _loss(on_real, 1.0 - settings.smoothing) + _loss(on_made, 0.0)
                if settings.mismatched:
                    on_wrong = self.discriminator([real, wrong], training=True)
                    loss += settings.mismatched * _loss(on_wrong, 0.0)
            self._apply(1, judged, loss, self.discriminator)
            fooled = _loss(self.discriminator([made, conditions], training=True), 1.0)
            wanted = fooled
            if settings.diverse:
                moved = ops.mean(ops.abs(made - self.generator([second, conditions], training=True)))
                wanted += settings.diverse * ops.mean(ops.abs(first - second)) / (moved + _LEAST_MOVED)
        self._apply(0, tape, wanted, self.generator)
        right = [
            ops.mean(ops.cast(where, "float32")) for where in (on_real > 0, on_made <= 0)
        ]  # of the discriminator, before it learned from them
        return ops.stack([fooled, loss, *right])

    def _apply(self, which: int, tape: Any, loss: Any, model: Any) -> None:
        weights = model.trainable_variables
        values = [weight.value for weight in weights]
        self._optimisers[which].apply(tape.gradient(loss, values), weights)

    def state(self) -> dict[str, np.ndarray]:
        """Every variable, each once and in a fixed order."""
        return {f"state_{i:03}": variable.numpy() for i, variable in enumerate(self._variables())}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`. Raises ``KeyError`` or ``ValueError`` where they are of other networks."""
        for i, variable in enumerate(self._variables()):
            variable.assign(arrays[f"state_{i:03}"])

    def _variables(self) -> list[Any]:
        of_models = [v for model in (self.generator, self.discriminator) for v in model.variables]
        return [*of_models, *(v for optimiser in self._optimisers for v in optimiser.variables)]


def noises(n: int, seed: int, *names: str | int) -> np.ndarray:
    """Shape (n, 100), float32, normal."""
    return derive_rng(seed, "noise", *names).standard_normal((n, N_NOISE)).astype(np.float32)


def draw(generator: Any, noise: np.ndarray, conditions: np.ndarray) -> np.ndarray:
    """Patches of a generator, shape (n, n_frames, n_bands); a row does not depend on the others.

    Raises
    ------
    RunError
        They are no numbers.
    """
    parts = [
        ops.convert_to_numpy(generator([noise[i : i + _BATCH], conditions[i : i + _BATCH]], training=False))
        for i in range(0, len(noise), _BATCH)
    ]
    made = unscaled(np.concatenate(parts))
    if not np.isfinite(made).all():
        raise RunError("the generator gives no numbers; train it again with a lower learning_rate")
    return made


def _loss(logits: Any, target: float) -> Any:
    """Mean binary cross-entropy of logits against one target."""
    targets = ops.full_like(logits, target)
    return ops.mean(ops.binary_crossentropy(targets, logits, from_logits=True))
