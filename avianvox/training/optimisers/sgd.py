"""Plain descent with momentum."""

from dataclasses import dataclass
from typing import Any

from avianvox.config import later
from avianvox.errors import ConfigError
from avianvox.models.backend import keras


@dataclass(frozen=True)
class Sgd:
    """``momentum``: share of a step that goes on in the next one."""

    momentum: float = later(0.9, held=0.9)

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"[train.optimiser] momentum: expected 0 to 1, got {self.momentum}")

    def make(self, learning_rate: Any) -> Any:
        return keras.optimizers.SGD(learning_rate, momentum=self.momentum)
