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
        moved = np.empty_like(crops)
        for crop, new, bands in zip(crops, moved, np.clip(drawn, -n_bands, n_bands).tolist(), strict=True):
            low, high = max(bands, 0), n_bands + min(bands, 0)  # slices are ten times as fast as an index
            new[:, low:high] = crop[:, low - bands : high - bands]
            new[:, :low] = crop[:, :1]
            new[:, high:] = crop[:, -1:]
        return moved
