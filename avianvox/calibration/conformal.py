"""Sets of species that hold the right one as often as promised, and how often they really do.

A set holds the classes whose `nonconformity` stays within a limit; the limit is a quantile of the
nonconformity that true classes had on other recordings. The promise holds on average over recordings that
are drawn like those, one by one. They come in sessions, so it is measured: on each fold with a limit from
the others, and on random halves of the sessions.

``distances``, shape (n, n_classes), is what `nonconformity` makes of calibrated scores of rows that the model
did not learn from; ``targets``, shape (n,), are class positions.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation.metrics import validate
from avianvox.inference.calibration import RANK_PENALTY
from avianvox.randomness import derive_rng

COVERAGES = (0.5, 0.8, 0.9, 0.95)
N_HALVES = 1000


@dataclass(frozen=True, slots=True)
class Coverage:
    """What sets of one nominal coverage hold.

    Attributes
    ----------
    nominal : float
    limit : float
        Of `nonconformity`, from all rows: what goes into the model file.
    held_out : float
        Share of rows whose class is in the set, each fold under the limit of the others.
    folds : tuple of float
        The same, fold by fold.
    halves, halves_deviation : float
        Mean and deviation of the share over random halves of the sessions, under the limit of the other half;
        NaN where there is one session.
    mean_size : float
        Classes in a set, on held-out folds.
    single : float in [0, 1]
        Share of the sets that hold one class.
    """

    nominal: float
    limit: float
    held_out: float
    folds: tuple[float, ...]
    halves: float
    halves_deviation: float
    mean_size: float
    single: float


def set_limit(distances: np.ndarray, targets: np.ndarray, coverage: float) -> float:
    """The distance up to which a class belongs to a set; with too few rows, one that no class exceeds.

    Parameters
    ----------
    distances : np.ndarray, shape (n, n_classes)
    targets : np.ndarray, shape (n,)
    coverage : float in (0, 1)

    References
    ----------
    Split conformal prediction: the value at ``ceil((n + 1) * coverage)`` of the sorted ones; Vovk,
    Gammerman and Shafer, "Algorithmic learning in a random world", 2005.
    """
    return _limit(_true(distances, targets), coverage, distances.shape[1])


def covered(distances: np.ndarray, targets: np.ndarray, limit: float) -> np.ndarray:
    """Whether each row's set holds its class, shape (n,), bool."""
    return _true(distances, targets) <= limit


def set_sizes(distances: np.ndarray, limit: float) -> np.ndarray:
    """The number of classes in each row's set, shape (n,); 1 at least."""
    sizes: np.ndarray = (distances <= limit).sum(axis=1)
    return sizes


def random_halves(
    distances: np.ndarray,
    targets: np.ndarray,
    sessions: np.ndarray,
    coverage: float,
    *,
    n_halves: int = N_HALVES,
    seed: int = 0,
) -> np.ndarray:
    """Share of covered rows in one random half of the sessions under the limit of the other.

    Returns
    -------
    np.ndarray, shape (n_halves,)
        NaN where all rows are of one session.
    """
    true = _true(distances, targets)
    names, session_of = np.unique(sessions, return_inverse=True)
    if len(names) < 2:
        return np.full(n_halves, np.nan)
    rng = derive_rng(seed, "halves of sessions")
    shares = np.empty(n_halves)
    for i in range(n_halves):
        fitted = (rng.permutation(len(names)) < len(names) // 2)[session_of]
        shares[i] = np.mean(true[~fitted] <= _limit(true[fitted], coverage, distances.shape[1]))
    return shares


def _true(distances: np.ndarray, targets: np.ndarray) -> np.ndarray:
    validate(targets, distances)
    true: np.ndarray = distances[np.arange(len(targets)), targets]
    return true


def _limit(true: np.ndarray, coverage: float, n_classes: int) -> float:
    if not 0 < coverage < 1:
        raise InputError(f"coverage: expected above 0 and below 1, got {coverage:g}")
    position = int(np.ceil((len(true) + 1) * coverage - 1e-9))
    if position > len(true):
        return 1 + RANK_PENALTY * n_classes
    return float(np.partition(true, position - 1)[position - 1])
