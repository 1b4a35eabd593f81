"""Weighted cross-entropy: a recording of a rare class counts more, up to a limit on what it may change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.config import later
from avianvox.errors import ConfigError
from avianvox.models.backend import keras
from avianvox.training.losses import Classes
from avianvox.training.losses.shares import check_smoothing, shares_of, smoothed

ops = keras.ops


@dataclass(frozen=True)
class Weighted:
    """Cross-entropy, each class with a weight of its own.

    Attributes
    ----------
    power : float in [0, 1]
        Weights are inverse to the number of recordings to this power: 0 is cross-entropy; with 1, a class
        counts the same in sum, however few recordings it has.
    clip : float
        Limit of the slope of a crop's loss with respect to each output. The published 0.01 of a mean over 128
        is 1.28 here; 0 sets no limit.
    smoothing : float in [0, 1)
        The share of the target that is spread over all classes.
    """

    power: float = later(1.0, held=1.0)
    clip: float = later(1.28, held=1.28)
    smoothing: float = later(0.0, held=0.0)

    def __post_init__(self) -> None:
        if not 0 <= self.power <= 1:
            raise ConfigError(f"[train.loss] power: expected 0 to 1, got {self.power}")
        if not 0 <= self.clip < float("inf"):
            raise ConfigError(f"[train.loss] clip: expected at least 0, got {self.clip}")
        check_smoothing(self.smoothing)

    def make(self, classes: Classes) -> keras.losses.Loss:
        return WeightedCrossEntropy(self.weights(classes), self.clip, self.smoothing)

    def weights(self, classes: Classes) -> tuple[float, ...]:
        """The weight of each class; their mean is 1 over the classes that have recordings.

        A class without any has weight 1.
        """
        counts = np.array(classes.counts)
        found = np.ones(len(counts))
        rarity = (counts.sum() / counts[counts > 0]) ** self.power
        found[counts > 0] = rarity / rarity.mean()
        return tuple(found.tolist())


@keras.saving.register_keras_serializable(package="avianvox")
class WeightedCrossEntropy(keras.losses.Loss):  # type: ignore[misc]
    """``-weight log(p)``, with ``p`` the probability of the right class.

    References
    ----------
    Norouzzadeh et al., "Automatically identifying, counting, and describing wild animals in camera-trap
    images with deep learning", 2018: weights from ``N / n``, normalised over the classes, and clipped slopes.
    """

    def __init__(
        self,
        weights: Sequence[float],
        clip: float = 0.0,
        smoothing: float = 0.0,
        name: str = "weighted_cross_entropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.weights, self.clip, self.smoothing = tuple(weights), clip, smoothing

    def call(self, targets: Any, logits: Any) -> Any:
        shares = smoothed(shares_of(targets, logits), self.smoothing)
        weights = ops.convert_to_tensor(self.weights, dtype=logits.dtype)
        if self.clip:
            logits = _clipped(logits, self.clip)
        return -ops.sum(shares * weights * ops.log_softmax(logits, axis=-1), axis=-1)

    def get_config(self) -> dict[str, Any]:
        own = {"weights": list(self.weights), "clip": self.clip, "smoothing": self.smoothing}
        return {**keras.losses.Loss.get_config(self), **own}


def _clipped(logits: Any, most: float) -> Any:
    """``logits``; no slope of a row's own loss goes beyond ``most``, where losses are averaged."""
    limit = most / ops.cast(ops.shape(logits)[0], logits.dtype)

    def passed(x: Any) -> Any:
        def slopes(*args: Any, upstream: Any = None) -> Any:  # Keras' backends differ in how they call it
            return ops.clip(args[0] if upstream is None else upstream, -limit, limit)

        return 1.0 * x, slopes

    return ops.custom_gradient(passed)(logits)
