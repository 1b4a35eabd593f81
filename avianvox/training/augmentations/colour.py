"""Another colour of the spectrum: what distance, leaves and microphones take from a voice."""

from dataclasses import dataclass

import numpy as np

from avianvox.config import later
from avianvox.errors import ConfigError


@dataclass(frozen=True)
class Colour:
    """Voices are louder or quieter by up to ``most_db`` at ``nodes`` places over the bands, lines between.

    What is at 0, the noise floor, stays as it is; what is 10 dB above it changes by all of the decibels.

    References
    ----------
    Nam, Kim and Park, "FilterAugment: an acoustic environmental data augmentation method", 2022, for gains by
    band; that they spare the noise floor is our own.
    """

    most_db: float = later(6.0, held=6.0)
    nodes: int = later(4, held=4)

    def __post_init__(self) -> None:
        if not 0 <= self.most_db < float("inf"):
            raise ConfigError(f"[train.augment] most_db: expected at least 0, got {self.most_db}")
        if not 2 <= self.nodes <= 100:
            raise ConfigError(f"[train.augment] nodes: expected 2 to 100, got {self.nodes}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Decibels at the nodes, shape (n, nodes)."""
        return rng.uniform(-self.most_db, self.most_db, (shape[0], self.nodes)).astype(np.float32)

    def apply(self, crops: np.ndarray, drawn: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        at = np.linspace(0, self.nodes - 1, crops.shape[2])
        below = np.minimum(at.astype(np.int64), self.nodes - 2)
        part = (at - below).astype(np.float32)
        offset = drawn[:, below] * (1 - part) + drawn[:, below + 1] * part
        above = np.clip(crops * (deviation / 10), 0, 1)
        return np.asarray(crops + above * (offset / deviation)[:, None, :], np.float32)
