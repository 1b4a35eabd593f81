"""A learning rate in steps."""

from dataclasses import dataclass
from typing import Any

from avianvox.models.backend import keras

_STEPS = ((18, 1.0), (29, 0.5), (43, 0.1), (52, 0.05), (55, 0.01))
"""Of 55 epochs: the last one with each share of the learning rate."""


@dataclass(frozen=True)
class Steps:
    """Five steps down to a hundredth, at the same shares of the training as in the publication.

    References
    ----------
    Norouzzadeh et al., "Automatically identifying, counting, and describing wild animals in camera-trap
    images with deep learning", 2018.
    """

    def make(self, learning_rate: float, n_steps: int) -> Any:
        last = _STEPS[-1][0]
        boundaries = [round(epoch / last * n_steps) for epoch, _ in _STEPS[:-1]]
        values = [learning_rate * share for _, share in _STEPS]
        return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)
