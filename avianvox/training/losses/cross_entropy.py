"""Cross-entropy, as published."""

from dataclasses import dataclass
from typing import Any

from avianvox.models.backend import keras
from avianvox.training.losses import Classes
from avianvox.training.losses.shares import shares_of


@dataclass(frozen=True)
class CrossEntropy:
    """The mean negative logarithm of the probability of what is right."""

    def make(self, classes: Classes) -> keras.losses.Loss:
        return SharedCrossEntropy()


@keras.saving.register_keras_serializable(package="avianvox")
class SharedCrossEntropy(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy of classes, or of shares in them."""

    def __init__(self, name: str = "cross_entropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, targets: Any, logits: Any) -> Any:
        return keras.losses.categorical_crossentropy(shares_of(targets, logits), logits, from_logits=True)
