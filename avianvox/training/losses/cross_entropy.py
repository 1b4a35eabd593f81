"""Cross-entropy, as published."""

from dataclasses import dataclass

from avianvox.models.backend import keras


@dataclass(frozen=True)
class CrossEntropy:
    """The mean negative logarithm of the probability of the right class."""

    def make(self) -> keras.losses.Loss:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
