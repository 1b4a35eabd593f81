"""Between every recording once and classes equally often: rare classes come more often, but not as often."""

from dataclasses import dataclass

import numpy as np

from avianvox.config import later
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError
from avianvox.randomness import derive_rng


@dataclass(frozen=True)
class Tempered:
    """A class comes in proportion to the number of its recordings to the power ``exponent``.

    With 1, classes come as often as they are recorded; with 0, equally often.
    """

    exponent: float = later(0.5, held=0.5)

    def __post_init__(self) -> None:
        if not 0 <= self.exponent <= 1:
            raise ConfigError(f"[train.sampler] exponent: expected 0 to 1, got {self.exponent}")

    def plan(self, data: TrainingData, *, seed: int, epoch: int) -> np.ndarray:
        """As many positions as there are recordings; those of a class come equally often, or once more."""
        rng = derive_rng(seed, "tempered", epoch)
        classes, counts = np.unique(data.targets, return_counts=True)
        totals = np.append(0.0, np.cumsum(counts**self.exponent))
        bounds = totals / totals[-1] * len(data)
        shares = np.diff(np.floor(bounds + rng.random())).astype(np.int64)  # in the mean over epochs, exact
        chosen = [
            np.resize(rng.permutation(np.flatnonzero(data.targets == label)), share)
            for label, share in zip(classes, shares.tolist(), strict=True)
        ]
        return rng.permutation(np.concatenate(chosen))
