"""Masks: bands or moments that a network has to do without.

References
----------
Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition", 2019.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.config import later
from avianvox.errors import ConfigError


@dataclass(frozen=True)
class _Mask:
    """``n`` masks a crop, each at most ``share`` of the axis wide; what is masked has a band's mean."""

    n: int = later(2, held=2)
    share: float = later(0.125, held=0.125)

    def __post_init__(self) -> None:
        if self.n < 1 or not 0 < self.share <= 1:
            raise ConfigError(
                f"[train.augment] expected n of 1 or more and a share above 0, at most 1, got {self.n} "
                f"and {self.share}"
            )

    def masks(self, rng: np.random.Generator, n_crops: int, length: int) -> np.ndarray:
        """What is masked along the axis, shape (n_crops, length), bool."""
        widths = rng.integers(0, int(self.share * length) + 1, (n_crops, self.n, 1))
        begins = (rng.random((n_crops, self.n, 1)) * (length - widths + 1)).astype(np.int64)
        places = np.arange(length)
        return np.asarray(((places >= begins) & (places < begins + widths)).any(axis=1))


@dataclass(frozen=True)
class MaskBands(_Mask):
    """Neighbouring bands are masked for the whole crop."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return self.masks(rng, shape[0], shape[2])

    def apply(self, crops: np.ndarray, drawn: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        left = crops.copy()
        np.copyto(left, np.float32(0.0), where=drawn[:, None, :])
        return left


@dataclass(frozen=True)
class MaskTime(_Mask):
    """Neighbouring frames are masked in all bands."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return self.masks(rng, shape[0], shape[1])

    def apply(self, crops: np.ndarray, drawn: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        left = crops.copy()
        left[drawn] = 0.0
        return left
