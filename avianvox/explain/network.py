"""A network of a training run, opened: what goes in, what each layer makes of it, and its scores."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.errors import InputError
from avianvox.explain.heard import stretched
from avianvox.explain.listener import Listener, as_windows
from avianvox.features.spec import FeatureSpec
from avianvox.inference.pooling import pool
from avianvox.models.backend import keras
from avianvox.models.front_end import CombineAndNormalise
from avianvox.models.protocol import FittedModel
from avianvox.training.estimator import FittedNetwork
from avianvox.training.run import Run
from avianvox.training.together import FittedTogether
from avianvox.types import LabelSet

_BATCH = 32


@dataclass(frozen=True)
class RunListener:
    """A training run that is asked for scores; see `avianvox.explain.listener.Listener`."""

    run: Run
    fitted: FittedModel

    @classmethod
    def open(cls, path: Path) -> "RunListener":
        """Read a run folder. Raises `RunError`, and `InputError` for one that learned no species."""
        run = Run.open(path)
        if not run.settings.species:
            raise InputError(
                f"{path}: the network learned tasks and no species; name a run with species = true"
            )
        return cls(run, run.fitted())

    @property
    def name(self) -> str:
        return self.run.architecture

    @property
    def spec(self) -> FeatureSpec:
        return self.run.spec

    @property
    def labels(self) -> LabelSet:
        return self.run.labels

    @property
    def overlap_s(self) -> float:
        return float(self.run.pooling.get("overlap_s", 0.0))

    @cached_property
    def _graph(self) -> Any:
        return self.fitted.graph()

    def scores(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `avianvox.explain.listener.Listener`."""
        batches = range(0, len(rows), _BATCH)
        found = [self._graph(rows[k : k + _BATCH], training=False) for k in batches]
        # a network with tasks answers by name
        parts = [np.asarray(one["scores"] if isinstance(one, dict) else one) for one in found]
        scores = np.concatenate(parts)
        return scores, scores.max(axis=1).astype(np.float64)

    def pooled(self, scores: np.ndarray, confidences: np.ndarray) -> np.ndarray:
        """See `avianvox.explain.listener.Listener`; nothing is calibrated yet."""
        return pool(as_windows(scores, confidences), self.run.pooling.get("kind", "mean"))

    @cached_property
    def network(self) -> FittedNetwork:
        """The network; of several models that answer as one, the first. Raises `InputError`."""
        fitted = self.fitted.members[0] if isinstance(self.fitted, FittedTogether) else self.fitted
        if not isinstance(fitted, FittedNetwork):
            raise InputError(
                f"{self.run.path}: '{self.name}' is no network, so it has no layers to look at; use --method "
                "occlusion"
            )
        return fitted

    @cached_property
    def _combine(self) -> Any:
        normalisation = self.network.normalisation
        return CombineAndNormalise(self.network.spec, normalisation.mean, normalisation.deviation)

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """Rows of windows as the network sees them, shape (n, n_frames, n_rows, 1), float32."""
        return np.asarray(self._combine(rows))


def network_of(listener: Listener) -> RunListener:
    """The listener as a training run whose network can be looked at. Raises `InputError`."""
    if not isinstance(listener, RunListener):
        raise InputError(f"'{listener.name}' is a model file; expected the folder of a training run")
    _ = listener.network
    return listener


def layer_named(model: Any, name: str) -> Any:
    """A layer of a network. Raises `InputError`, which lists those that there are."""
    names = [layer.name for layer in model.layers]
    if name not in names:
        from avianvox.registry import nearest

        raise InputError(
            f"the network has no layer '{name}'{nearest(name, names)} (known: {', '.join(names)})"
        )
    return model.get_layer(name)


def last_convolution(model: Any) -> Any:
    """The last convolution that gives a map of time and bands, with the normalisation and activation after
    it.

    Raises
    ------
    InputError
        The network has none.
    """
    layers = model.layers
    kinds = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    found = [k for k, layer in enumerate(layers) if isinstance(layer, kinds) and layer.output.shape[-1] > 1]
    if not found:
        raise InputError(f"the network '{model.name}' has no convolution to look at; use --method occlusion")
    at = found[-1]
    after = keras.layers.BatchNormalization, keras.layers.ReLU, keras.layers.Activation
    while at + 1 < len(layers) and isinstance(layers[at + 1], after):
        at += 1
    return layers[at]


def on_bands(maps: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """Maps over a network's input for the mel bands in it; bands that MFCC stand in place of have 0.

    Parameters
    ----------
    maps : np.ndarray, shape (n, n_times, n_bands)

    Returns
    -------
    np.ndarray, shape (n, n_times, n_bands), float64
        With MFCC in the input, of as many cells as the input has bands.
    """
    if spec.combine in ("mel", "above_floor"):
        return maps.astype(np.float64)
    found: np.ndarray = stretched(maps.astype(np.float64), spec.n_frames, spec.n_rows)[:, :, : spec.n_mels]
    if spec.combine == "overwrite":
        found[:, :, : spec.n_mfcc] = 0.0
    return found
