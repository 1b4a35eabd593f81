"""Fitting both stages together, step by step, with a checkpoint at each evaluation.

A step depends on its number, the seed and the weights alone. A checkpoint holds every variable of network and
optimiser, so training that was killed and goes on ends with the weights of training that was not.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.config import row_of
from avianvox.detect.anchors import Grid
from avianvox.detect.losses import class_loss, objectness_loss, offset_loss
from avianvox.detect.network import DetectorNetwork
from avianvox.detect.proposals import Limits, padded
from avianvox.detect.settings import DetectConfig
from avianvox.detect.targets import RegionTargets, anchor_targets, region_targets
from avianvox.detect.windows import Piece, WindowBatches
from avianvox.documents import parse_json
from avianvox.errors import RunError
from avianvox.features.floor import above_floor
from avianvox.files import atomic_write
from avianvox.models.backend import keras
from avianvox.training.history import opened_checkpoint
from avianvox.training.optimisers import OPTIMISERS
from avianvox.training.schedules import SCHEDULES

LOSSES = ("objectness", "proposal_offsets", "classes", "region_offsets")
"""Names of the parts of the loss, which is their sum."""


class Fitter:
    """Fits a network in place.

    Parameters
    ----------
    network : DetectorNetwork
    grid : Grid
    config : DetectConfig
    n_classes : int
    """

    def __init__(self, network: DetectorNetwork, grid: Grid, config: DetectConfig, n_classes: int) -> None:
        self.network, self.grid, self.config, self.n_classes = network, grid, config, n_classes
        self.anchors = grid.anchors()
        schedule = row_of(SCHEDULES, config.schedule, "detect.schedule").make(
            config.learning_rate, config.steps
        )
        self.optimiser = row_of(OPTIMISERS, config.optimiser, "detect.optimiser").make(schedule)
        self.optimiser.build(network.trainable_weights)
        self._at: tuple[int, list[Piece]] = (0, [])
        import tensorflow as tf  # after Keras, which tells it to be quiet

        self._learn = tf.function(self._one_step, jit_compile=False)

    def step(self, number: int, windows: np.ndarray, pieces: list[Piece]) -> dict[str, float]:
        """Learn from one batch; the parts of the loss."""
        config = self.config
        wanted = anchor_targets(self.anchors, pieces, n=config.anchors_sampled, seed=config.seed, step=number)
        self._at = number, pieces
        parts = self._learn(windows[..., None], *wanted)
        return {name: float(part) for name, part in zip(LOSSES, parts, strict=True)}

    def _one_step(self, windows: Any, objects: Any, asked: Any, offsets: Any, boxed: Any) -> tuple[Any, ...]:
        """Both stages in one graph, with the choice of regions in NumPy between them."""
        import tensorflow as tf

        network = self.network
        with tf.GradientTape() as tape:
            given = network.first(windows, training=True)
            types = (tf.float32, tf.int64, tf.float32, tf.float32, tf.float32)
            chosen = tf.numpy_function(self._regions, [given["objectness"], given["offsets"]], types)
            shape = (windows.shape[0], self.config.regions_sampled)
            for tensor, last in zip(chosen, ((4,), (), (), (4,), ()), strict=True):
                tensor.set_shape(shape + last)
            regions, classes, regions_asked, regions_offsets, regions_boxed = chosen
            named = network.regions(given["map"], regions, training=True)
            parts = (
                objectness_loss(given["objectness"], objects, asked),
                offset_loss(given["offsets"], offsets, boxed),
                class_loss(named["classes"], classes, regions_asked),
                offset_loss(named["offsets"], regions_offsets, regions_boxed),
            )
            loss = sum(parts[1:], start=parts[0])
        weights = network.trainable_weights
        self.optimiser.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return parts

    def _regions(self, objectness: np.ndarray, offsets: np.ndarray) -> RegionTargets:
        step, pieces = self._at
        return region_targets(
            objectness,
            offsets,
            self.anchors,
            self.grid,
            pieces,
            limits=Limits(proposals=self.config.proposals),
            n=self.config.regions_sampled,
            n_classes=self.n_classes,
            seed=self.config.seed,
            step=step,
        )

    def fit(
        self,
        batches: WindowBatches,
        *,
        evaluate: Callable[[], Mapping[str, float]],
        checkpoint: Path | None = None,
        progress: Callable[[int, int, Mapping[str, float]], None] | None = None,
    ) -> list[dict[str, float]]:
        """All steps that are left.

        Parameters
        ----------
        batches : WindowBatches
        evaluate : callable
            Figures of the network as it is.
        checkpoint : Path, optional
            Written at each evaluation, and gone on from where it exists.
        progress : callable, optional
            Called after each step with its number, the number of all, and the last row of the history.

        Returns
        -------
        list of dict
            The history: a row for each evaluation, with step, mean loss since the last one and its parts, and
            what ``evaluate`` gave.

        Raises
        ------
        RunError
            The checkpoint is damaged or of another network, or the loss became NaN.
        """
        history: list[dict[str, float]] = []
        if checkpoint is not None and checkpoint.exists():
            history = self.restore(checkpoint)
        done = int(history[-1]["step"]) if history else 0
        seen: list[dict[str, float]] = []
        for step in range(done, self.config.steps):
            seen.append(self.step(step, *batches.batch(step)))
            if not np.isfinite(sum(seen[-1].values())):
                raise RunError(
                    f"the training loss is NaN at step {step + 1}; train again with a lower learning_rate"
                )
            last = step + 1 == self.config.steps
            if last or (step + 1) % self.config.evaluate_every == 0:
                means = {name: float(np.mean([row[name] for row in seen])) for name in LOSSES}
                row = {"step": float(step + 1), "loss": sum(means.values()), **means, **evaluate()}
                history.append(row)
                seen = []
                if checkpoint is not None:
                    self.save(checkpoint, history)
            if progress is not None:
                progress(step + 1, self.config.steps, history[-1] if history else {})
        return history

    def save(self, path: Path, history: list[dict[str, float]]) -> None:
        """Write the checkpoint."""
        arrays: dict[str, Any] = {f"state_{i:04}": np.asarray(v) for i, v in enumerate(self._state())}
        with atomic_write(path, "wb") as stream:
            np.savez(stream, history=np.array(json.dumps(history)), **arrays)

    def restore(self, path: Path) -> list[dict[str, float]]:
        """Take up a checkpoint; its history."""
        with opened_checkpoint(path) as arrays:
            for i, variable in enumerate(self._state()):
                variable.assign(arrays[f"state_{i:04}"])
            return list(parse_json(str(arrays["history"])))

    def _state(self) -> list[Any]:
        """All variables that the next step depends on, in a fixed order."""
        return [*self.network.first.variables, *self.network.second.variables, *self.optimiser.variables]


class KerasParts:
    """A network as `avianvox.detect.finding` asks for it, run by Keras.

    Parameters
    ----------
    network : DetectorNetwork
        As it is at each call.
    n_bands : int
    n_regions : int
        Regions that are looked at together.
    """

    def __init__(self, network: DetectorNetwork, n_bands: int, n_regions: int) -> None:
        import tensorflow as tf

        self._n_bands, self._n_regions = n_bands, n_regions
        self._first = tf.function(lambda window: network.first(window, training=False))
        self._second = tf.function(lambda found, regions: network.regions(found, regions))

    def first(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
        window = above_floor(rows[:, : self._n_bands])[None, ..., None]
        given = self._first(keras.ops.convert_to_tensor(window))
        return np.asarray(given["objectness"][0]), np.asarray(given["offsets"][0]), given["map"]

    def second(self, found: Any, regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        named = self._second(found, keras.ops.convert_to_tensor(padded(regions, self._n_regions)[None]))
        scores = keras.ops.softmax(named["classes"][0], axis=-1)
        return np.asarray(scores)[: len(regions)], np.asarray(named["offsets"][0])[: len(regions)]
