"""Cross-entropy with smoothed labels: no answer is wanted to be certain, since some labels are wrong."""

from dataclasses import dataclass
from typing import Any

from avianvox.config import later
from avianvox.models.backend import keras
from avianvox.training.losses import Classes
from avianvox.training.losses.shares import check_smoothing, shares_of

ops = keras.ops


@dataclass(frozen=True)
class LabelSmoothing:
    """``smoothing``: the share of the target that is spread over all classes."""

    smoothing: float = later(0.1, held=0.1)

    def __post_init__(self) -> None:
        check_smoothing(self.smoothing)

    def make(self, classes: Classes) -> keras.losses.Loss:
        return SmoothedCrossEntropy(self.smoothing)


@keras.saving.register_keras_serializable(package="avianvox")
class SmoothedCrossEntropy(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy; ``1 - smoothing`` of the target is what is right, the rest is spread over all classes.

    References
    ----------
    Szegedy et al., "Rethinking the inception architecture for computer vision", 2016.
    """

    def __init__(self, smoothing: float = 0.1, name: str = "smoothed_cross_entropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.smoothing = smoothing

    def call(self, targets: Any, logits: Any) -> Any:
        logs = ops.log_softmax(logits, axis=-1)
        right = ops.sum(shares_of(targets, logits) * logs, axis=-1)
        return -((1.0 - self.smoothing) * right + self.smoothing * ops.mean(logs, axis=-1))

    def get_config(self) -> dict[str, Any]:
        return {**keras.losses.Loss.get_config(self), "smoothing": self.smoothing}
