"""Adam, as published."""

from dataclasses import dataclass
from typing import Any

from avianvox.models.backend import keras


@dataclass(frozen=True)
class Adam:
    """Adam without weight decay."""

    def make(self, learning_rate: Any) -> Any:
        return keras.optimizers.Adam(learning_rate)
