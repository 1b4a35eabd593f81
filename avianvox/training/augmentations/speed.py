"""A little faster or slower, at the same height: no bird keeps time like a clock."""

from dataclasses import dataclass

import numpy as np

from avianvox.config import later
from avianvox.errors import ConfigError


@dataclass(frozen=True)
class Speed:
    """Each crop is up to ``most`` faster or slower, around its middle.

    A faster one is too short: at either end, what the other end has comes next, as in a looped recording.
    """

    most: float = later(0.05, held=0.05)

    def __post_init__(self) -> None:
        if not 0 <= self.most <= 0.5:
            raise ConfigError(f"[train.augment] speed: expected most from 0 to 0.5, got {self.most}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Factors, shape (n,)."""
        return rng.uniform(1 - self.most, 1 + self.most, shape[0])

    def apply(self, crops: np.ndarray, drawn: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        n_frames = crops.shape[1]
        middle = (n_frames - 1) / 2
        moments = middle + (np.arange(n_frames) - middle) * drawn[:, None]
        before = np.floor(moments).astype(np.int64)
        part = (moments - before).astype(np.float32)[..., None]
        first, second = (
            np.take_along_axis(crops, (frames % n_frames)[..., None], axis=1)
            for frames in (before, before + 1)
        )
        return np.asarray(first + part * (second - first), np.float32)
