"""Ensembles by name: which recordings each of several fits of one network learns from.

``[train] ensemble = "seeds"`` chooses one, and ``[train.ensemble]`` with ``kind`` one with settings. A row is
a frozen dataclass of its settings, each declared with `avianvox.config.later`. Each fit has a seed of its
own; their probabilities are averaged (`avianvox.training.together`). ``tests/test_ensembles.py`` holds each
row to the contract.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from avianvox.config import later
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError, InputError
from avianvox.randomness import derive_rng
from avianvox.registry import Registry

MOST = 10
"""Fits that may be averaged."""


class Ensemble(Protocol):
    """What a row of `ENSEMBLES` stands for; ``n`` fits."""

    @property
    def n(self) -> int: ...

    def parts(self, data: TrainingData, *, seed: int) -> list[np.ndarray]:
        """Positions in ``data.recordings`` that each fit learns from, ascending.

        Raises
        ------
        InputError
            The recordings cannot be parted so.
        """
        ...


def _check(n: int) -> None:
    if not 2 <= n <= MOST:
        raise ConfigError(f"[train.ensemble] n: expected 2 to {MOST}, got {n}")


@dataclass(frozen=True)
class Seeds:
    """``n`` fits of all recordings, each with other random numbers."""

    n: int = later(3, held=3)

    def __post_init__(self) -> None:
        _check(self.n)

    def parts(self, data: TrainingData, *, seed: int) -> list[np.ndarray]:
        return [np.arange(len(data))] * self.n


@dataclass(frozen=True)
class Folds:
    """``n`` fits, each without one of ``n`` parts of the recordings, in whole sessions.

    A recording without which a fit would lack a class stays.
    """

    n: int = later(3, held=3)

    def __post_init__(self) -> None:
        _check(self.n)

    def parts(self, data: TrainingData, *, seed: int) -> list[np.ndarray]:
        """Sessions go to the parts at random, the largest first, so that parts are of one size."""
        sessions = np.unique(data.sessions or data.ids, return_inverse=True)[1]
        sizes = np.bincount(sessions)
        if len(sizes) < self.n:
            raise InputError(
                f"[train] ensemble: expected recordings of {self.n} sessions or more, got {len(sizes)}"
            )
        order = derive_rng(seed, "ensemble").permutation(len(sizes))
        order = order[np.argsort(-sizes[order], kind="stable")]
        fold_of, filled = np.zeros(len(sizes), np.int64), np.zeros(self.n, np.int64)
        for session in order.tolist():
            fold_of[session] = np.argmin(filled)
            filled[fold_of[session]] += sizes[session]
        folds = fold_of[sessions]
        outside = [folds == fold for fold in range(self.n)]
        return [np.flatnonzero(~out | _needed(data.targets, out)) for out in outside]


def _needed(targets: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Which recordings are of a class that is nowhere but among those that are ``out``."""
    return ~np.isin(targets, targets[~out])


ENSEMBLES: Registry[type[Ensemble]] = Registry(
    "ensemble",
    {
        "seeds": "avianvox.training.ensembles:Seeds",
        "folds": "avianvox.training.ensembles:Folds",
    },
)
"""Listing them needs no Keras."""
