"""Louder or quieter: a recorder's gain and a bird's distance tell nothing of its species."""

from dataclasses import dataclass

import numpy as np

from avianvox.config import later
from avianvox.errors import ConfigError


@dataclass(frozen=True)
class Gain:
    """Each crop is louder or quieter by at most ``most_db``."""

    most_db: float = later(6.0, held=6.0)

    def __post_init__(self) -> None:
        if not 0 <= self.most_db < float("inf"):
            raise ConfigError(f"[train.augment] most_db: expected at least 0, got {self.most_db}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Decibels, shape (n,)."""
        return rng.uniform(-self.most_db, self.most_db, shape[0]).astype(np.float32)

    def apply(self, crops: np.ndarray, drawn: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        return np.asarray(crops + drawn[:, None, None] / deviation, np.float32)
