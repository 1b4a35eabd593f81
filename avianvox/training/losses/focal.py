"""Focal loss: what the network names surely already counts little, so that hard recordings are learned."""

from dataclasses import dataclass
from typing import Any

from avianvox.config import later
from avianvox.errors import ConfigError
from avianvox.models.backend import keras
from avianvox.training.losses import Classes
from avianvox.training.losses.shares import shares_of

ops = keras.ops


@dataclass(frozen=True)
class Focal:
    """``gamma``: the larger, the less a sure answer counts; 0 is cross-entropy."""

    gamma: float = later(2.0, held=2.0)

    def __post_init__(self) -> None:
        if not 0 <= self.gamma < float("inf"):
            raise ConfigError(f"[train.loss] gamma: expected at least 0, got {self.gamma}")

    def make(self, classes: Classes) -> keras.losses.Loss:
        return FocalCrossEntropy(self.gamma)


@keras.saving.register_keras_serializable(package="avianvox")
class FocalCrossEntropy(keras.losses.Loss):  # type: ignore[misc]
    """``-(1 - p)^gamma log(p)``, with ``p`` the probability of the right class.

    References
    ----------
    Lin et al., "Focal loss for dense object detection", 2017, without the weights of classes.
    """

    def __init__(self, gamma: float = 2.0, name: str = "focal_cross_entropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.gamma = gamma

    def call(self, targets: Any, logits: Any) -> Any:
        logs = ops.log_softmax(logits, axis=-1)
        missing = ops.maximum(1.0 - ops.exp(logs), 1e-7)  # of a sure answer, too: the slope stays finite
        return -ops.sum(shares_of(targets, logits) * missing**self.gamma * logs, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**keras.losses.Loss.get_config(self), "gamma": self.gamma}
