"""Classes equally often, so that one with many recordings is not learned at the cost of the others."""

from dataclasses import dataclass

import numpy as np

from avianvox.dataset.training_data import TrainingData
from avianvox.randomness import derive_rng


@dataclass(frozen=True)
class Balanced:
    """Classes equally often."""

    def plan(self, data: TrainingData, *, seed: int, epoch: int) -> np.ndarray:
        """As many positions as there are recordings; the numbers of two classes differ by 1 at most.

        Recordings of a rare class come several times, each as often as the others of it or once more; of a
        frequent class, each epoch leaves other recordings out.
        """
        rng = derive_rng(seed, "balanced", epoch)
        classes = rng.permutation(np.unique(data.targets))
        shares = len(data) // len(classes) + (np.arange(len(classes)) < len(data) % len(classes))
        chosen = [
            np.resize(rng.permutation(np.flatnonzero(data.targets == label)), share)
            for label, share in zip(classes, shares.tolist(), strict=True)
        ]
        return rng.permutation(np.concatenate(chosen))
