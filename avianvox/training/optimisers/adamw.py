"""Adam with decay of the kernels."""

from dataclasses import dataclass
from typing import Any

from avianvox.config import later
from avianvox.errors import ConfigError
from avianvox.models.backend import keras


@dataclass(frozen=True)
class AdamW:
    """``weight_decay``: share of the kernels that a step takes away, for each unit of the learning rate.

    Biases, and what batch normalisation scales by, do not decay.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
    """

    weight_decay: float = later(0.02, held=0.02)

    def __post_init__(self) -> None:
        if not 0 <= self.weight_decay < 1:
            raise ConfigError(f"[train.optimiser] weight_decay: expected 0 to 1, got {self.weight_decay}")

    def make(self, learning_rate: Any) -> Any:
        optimiser = keras.optimizers.AdamW(learning_rate, weight_decay=self.weight_decay)
        optimiser.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimiser
