"""Cross-entropy, as published."""

from avianvox.models.backend import keras


def cross_entropy() -> keras.losses.Loss:
    """The mean negative logarithm of the probability of the right class."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
