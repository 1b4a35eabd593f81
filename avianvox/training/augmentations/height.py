"""Higher or lower above the noise floor: a bird that is nearer or farther away."""

from dataclasses import dataclass

import numpy as np

from avianvox.config import later
from avianvox.errors import ConfigError


@dataclass(frozen=True)
class Height:
    """Each crop is scaled by a factor between ``1 - most`` and ``1 + most``."""

    most: float = later(0.3, held=0.3)

    def __post_init__(self) -> None:
        if not 0 <= self.most < 1:
            raise ConfigError(f"[train.augment] most: expected 0 to below 1, got {self.most}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Factors, shape (n,)."""
        return rng.uniform(1 - self.most, 1 + self.most, shape[0]).astype(np.float32)

    def apply(self, crops: np.ndarray, drawn: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        return np.asarray(crops * drawn[:, None, None], np.float32)
