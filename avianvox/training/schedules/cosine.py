"""A learning rate that ends at 0."""

from dataclasses import dataclass
from typing import Any

from avianvox.models.backend import keras


@dataclass(frozen=True)
class Cosine:
    """Half a period of a cosine, to 0 at the last step.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    """

    def make(self, learning_rate: float, n_steps: int) -> Any:
        return keras.optimizers.schedules.CosineDecay(learning_rate, n_steps)
