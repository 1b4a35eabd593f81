"""What may be suggested or has a label: windows, or recordings by a few of their windows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avianvox.find.windows import Windows
from avianvox.models.probes.heard import N_WINDOWS


@dataclass(frozen=True)
class Items:
    """Windows or groups of them.

    Attributes
    ----------
    windows : Windows
    members : tuple of np.ndarray
        Positions of the windows of each item.
    """

    windows: Windows
    members: Sequence[np.ndarray]

    @classmethod
    def of_recordings(cls, windows: Windows, kept: np.ndarray) -> "Items":
        """One item for each recording that has some of the windows that a mask keeps."""
        there = np.flatnonzero(kept)
        edges = np.flatnonzero(np.diff(windows.position[there])) + 1
        return cls.confident(windows, np.split(there, edges) if len(there) else [])

    @classmethod
    def of_windows(cls, windows: Windows, kept: np.ndarray) -> "Items":
        """One item for each window that a mask keeps."""
        return cls(windows, list(np.flatnonzero(kept)[:, None]))

    @classmethod
    def confident(cls, windows: Windows, groups: Sequence[np.ndarray]) -> "Items":
        """Each group by its three most confident windows, as probes see a recording.

        Where the store keeps no scores, by all of its windows.
        """
        sure = windows.confidence
        if np.isnan(sure).any():
            return cls(windows, groups)
        return cls(windows, [g[np.argsort(-sure[g], kind="stable")[:N_WINDOWS]] for g in groups])

    def __len__(self) -> int:
        return len(self.members)

    def numbers(self, chosen: np.ndarray) -> np.ndarray:
        """The mean of the numbers of each chosen item's windows, shape (n, n_numbers), float32."""
        groups = [self.members[i] for i in chosen.tolist()]
        if not groups:
            return self.windows.at(np.zeros(0, np.int64)).numbers()
        counts = np.array([len(group) for group in groups])
        numbers = self.windows.at(np.concatenate(groups)).numbers()
        sums = np.add.reduceat(numbers, np.cumsum(counts) - counts, axis=0)
        return np.asarray(sums / counts[:, None].astype(np.float32))
