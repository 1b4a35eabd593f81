"""How sure a figure is: intervals and tests that treat a session, not a recording, as one observation.

Recordings of one session resemble each other, so an interval that counts them one by one is too narrow. Here
whole sessions are drawn with replacement, as many as there are, and the figure is computed of the recordings
that came along. Start at `figure_intervals` and `paired_test`; `session_weights` is what they stand on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation import metrics
from avianvox.randomness import derive_rng

N_RESAMPLES = 2000

Statistic = Callable[[np.ndarray], np.ndarray]
"""Weights of shape (n, r) in, one number for each column out; NaN where a resample leaves it undefined."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the ends of its interval; the ends are NaN where they cannot be known."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Accuracy of a minus accuracy of b, its interval, and the two-sided p-value of there being none."""

    difference: float
    low: float
    high: float
    p_value: float


def session_weights(sessions: np.ndarray, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each row is drawn in each resample of whole sessions.

    Parameters
    ----------
    sessions : np.ndarray, shape (n,), what says which rows belong together
    n_resamples : int
    seed : int
        The same seed gives the same draws of the same sessions, in whatever order the rows stand.

    Returns
    -------
    np.ndarray, shape (n, n_resamples), float64, whole numbers
    """
    names, session_of = np.unique(sessions, return_inverse=True)
    if not len(names):
        return np.zeros((0, n_resamples))
    rng = derive_rng(seed, "session bootstrap")
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples)
    return np.ascontiguousarray(drawn.T, dtype=np.float64)[session_of]


def session_interval(
    statistic: np.ndarray | Statistic,
    sessions: np.ndarray,
    *,
    n_resamples: int = N_RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a figure over resampled sessions.

    Parameters
    ----------
    statistic : np.ndarray of shape (n,), or callable
        Numbers whose mean is the figure, for example `metrics.expected_hits`; or a function from weights of
        the rows, shape (n, r), to r figures, for example
        ``lambda w: weighted_sums(values, w) / w.sum(axis=0)``.
    sessions : np.ndarray, shape (n,)
    n_resamples : int
    level : float in (0, 1)
    seed : int

    Returns
    -------
    Interval
        Resamples in which the figure is undefined are passed over. The ends are NaN with a single session.

    Examples
    --------
    >>> right, sessions = np.array([1.0, 1.0, 0.0, 0.0]), np.array(["a", "a", "b", "b"])
    >>> session_interval(right, sessions)
    Interval(value=0.5, low=0.0, high=1.0)

    References
    ----------
    Field and Welsh, "Bootstrapping clustered data", 2007: the cluster bootstrap.
    """
    if callable(statistic):
        figure = statistic
    else:
        values = _rows(statistic, sessions)

        def figure(weights: np.ndarray) -> np.ndarray:
            means: np.ndarray = metrics.weighted_sums(values, weights) / weights.sum(axis=0)
            return means

    if not len(sessions):
        return Interval(np.nan, np.nan, np.nan)
    value = figure(np.ones((len(sessions), 1)))
    drawn = figure(session_weights(sessions, n_resamples=n_resamples, seed=seed))
    return _interval(float(value[0]), drawn, sessions, level)


def figure_intervals(
    targets: np.ndarray,
    scores: np.ndarray,
    sessions: np.ndarray,
    *,
    n_resamples: int = N_RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Every figure of `metrics.evaluate_weighted` with its interval over resampled sessions.

    The intervals are those of `session_interval`, but for macro F1: a resample lacks classes and repeats
    rows, so that its F1 lies off. These are moved back by twice the mean deviation. On drawn data of 25
    classes in 120 sessions, 95 % intervals held the truth in 92 to 97 % of the draws; of macro F1 in 90 %
    (81 % unmoved).
    """
    values = metrics.evaluate(targets, scores)
    weights = session_weights(sessions, n_resamples=n_resamples, seed=seed)
    drawn = metrics.evaluate_weighted(targets, scores, weights)
    if len(targets):
        f1 = drawn["macro_f1"]
        drawn["macro_f1"] = np.clip(f1 - 2 * (np.nanmean(f1) - values["macro_f1"]), 0.0, 1.0)
    return {name: _interval(values[name], drawn[name], sessions, level) for name in drawn}


def paired_test(
    correct_a: np.ndarray,
    correct_b: np.ndarray,
    sessions: np.ndarray,
    *,
    n_resamples: int = N_RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> PairedTest:
    """Whether a is right more often than b on the same recordings, with sessions as observations.

    The interval is the bootstrap's of the mean difference. The p-value is that of `sign_flip_p`.

    Parameters
    ----------
    correct_a, correct_b : np.ndarray, shape (n,), in [0, 1]
        As `metrics.expected_hits` gives them.
    sessions : np.ndarray, shape (n,)
    n_resamples : int
        Of the bootstrap and of the permutations: p is never below ``1 / (n_resamples + 1)``.
    level : float in (0, 1)
    seed : int
    """
    differences = _rows(correct_a, sessions) - _rows(correct_b, sessions)
    interval = session_interval(differences, sessions, n_resamples=n_resamples, level=level, seed=seed)
    p_value = sign_flip_p(differences, sessions, n_resamples=n_resamples, seed=seed)
    return PairedTest(interval.value, interval.low, interval.high, p_value)


def sign_flip_p(
    differences: np.ndarray, sessions: np.ndarray, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> float:
    """Two-sided p-value of there being no difference, by a permutation test with sessions as observations.

    Were there none, each session's sum of differences could as well have the other sign. The p-value is the
    share of random sign patterns, with the observed one among them, whose sum is at least as far from 0 as
    the observed one.

    Parameters
    ----------
    differences : np.ndarray, shape (n,)
    sessions : np.ndarray, shape (n,)
    n_resamples : int
    seed : int

    References
    ----------
    Phipson and Smyth, "Permutation p-values should never be zero", 2010.
    """
    differences = _rows(differences, sessions)
    _, session_of = np.unique(sessions, return_inverse=True)
    sums = np.bincount(session_of, weights=differences)
    signs = derive_rng(seed, "sign flips").choice([-1.0, 1.0], size=(n_resamples, len(sums)))
    as_far = np.abs(metrics.weighted_sums(sums, signs.T)) >= abs(sums.sum()) - 1e-9
    return (1 + int(as_far.sum())) / (1 + n_resamples)


def wilson_lower(right: np.ndarray, n: np.ndarray, *, level: float = 0.95) -> np.ndarray:
    """One-sided lower confidence bound of a share of ``right`` among ``n``; 0 where ``n`` is 0.

    Takes rows for independent. Rows of few sessions are not, and their true bound lies lower.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    right, n = np.asarray(right, np.float64), np.asarray(n, np.float64)
    z = NormalDist().inv_cdf(level)
    counted = np.maximum(n, 1.0)
    share = right / counted
    spread = z * np.sqrt(share * (1 - share) / counted + (z / (2 * counted)) ** 2)
    low = (share + z**2 / (2 * counted) - spread) / (1 + z**2 / counted)
    return np.where(n > 0, np.maximum(low, 0.0), 0.0)


def _rows(values: np.ndarray, sessions: np.ndarray) -> np.ndarray:
    if values.ndim != 1 or values.shape != sessions.shape:
        raise InputError(f"bootstrap: expected one number a row, got {values.shape} and {sessions.shape}")
    return values.astype(np.float64)


def _interval(value: float, drawn: np.ndarray, sessions: np.ndarray, level: float) -> Interval:
    defined = drawn[~np.isnan(drawn)]
    if len(np.unique(sessions)) < 2 or not len(defined):
        return Interval(value, np.nan, np.nan)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
