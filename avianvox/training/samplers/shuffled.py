"""Every recording once, in random order: as published."""

import numpy as np

from avianvox.dataset.training_data import TrainingData
from avianvox.randomness import derive_rng


def plan(data: TrainingData, *, seed: int, epoch: int) -> np.ndarray:
    """All positions in an order of the epoch's own."""
    return derive_rng(seed, "shuffle", epoch).permutation(len(data))
