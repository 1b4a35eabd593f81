"""A little higher or lower: individuals and dialects differ."""

from dataclasses import dataclass

import numpy as np

from avianvox.config import later
from avianvox.errors import ConfigError


@dataclass(frozen=True)
class ShiftBands:
    """Each crop is moved by at most ``most`` bands; the outermost band fills what is left free."""

    most: int = later(3, held=3)

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ConfigError(f"[train.augment] most: expected 1 or more, got {self.most}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Bands, shape (n,)."""
        return rng.integers(-self.most, self.most + 1, shape[0])

    def apply(self, crops: np.ndarray, drawn: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        n_bands = crops.shape[2]
        source = np.clip(np.arange(n_bands) - drawn[:, None], 0, n_bands - 1)
        return np.take_along_axis(crops, source[:, None, :], axis=2)
