"""Every recording once, in random order: as published."""

from dataclasses import dataclass

import numpy as np

from avianvox.dataset.training_data import TrainingData
from avianvox.randomness import derive_rng


@dataclass(frozen=True)
class Shuffled:
    """Every recording once."""

    def plan(self, data: TrainingData, *, seed: int, epoch: int) -> np.ndarray:
        """All positions in an order of the epoch's own."""
        return derive_rng(seed, "shuffle", epoch).permutation(len(data))
