"""Is 0.8 right eight times of ten? How far scores are from that, and the scaling that brings them there.

``scores`` has shape (n, n_classes), probabilities; ``targets`` (n,), class positions. A `Pooled` goes in
with the model's scores and comes out with calibrated ones: `calibrated` under given scalings, `held_out` fold
by fold, where each fold's scalings know the other folds alone, `cross_fitted` for all folds at once.

Windows are scaled by a temperature and a share of the uniform distribution; a recording's scores are the mean
over its scaled windows (or what else the model's pooling makes of them), scaled once more by numbers of its
own. This was chosen by log loss on held-out folds of networks, regressions and naive Bayes: a temperature
alone can't follow models that are at times surely wrong, and means of unscaled windows, geometric means and a
temperature by number of windows did no better.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation.metrics import expected_hits, validate
from avianvox.evaluation.predictions import Pooled
from avianvox.inference.calibration import LEAST_ODDS, LEAST_SCORE, LogOdds, Scaling
from avianvox.randomness import derive_rng

N_BINS = 15
_LEAST = 1e-12
_MOST_LOG_TEMPERATURE = 7.0
_MOST_LOG_SLOPE = 5.0


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose best score lies between ``low`` and ``high``.

    ``n`` of them, with this mean of the best scores (``confidence``) and this share of right ones.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Floor:
    """The calibration error of a perfectly calibrated model on so many rows: mean, and 95th percentile."""

    mean: float
    high: float


def reliability(scores: np.ndarray, targets: np.ndarray, *, n_bins: int = N_BINS) -> tuple[Bin, ...]:
    """The reliability diagram: bins of equal width over the best score, empty ones left out.

    Of classes that share the best score each is the answer in as many cases.
    """
    best = scores.max(axis=1, initial=0.0)
    right = expected_hits(targets, scores)
    which = _bin_of(best, n_bins)
    return tuple(
        Bin(
            i / n_bins, (i + 1) / n_bins, int(rows.sum()), float(best[rows].mean()), float(right[rows].mean())
        )
        for i in range(n_bins)
        if (rows := which == i).any()
    )


def calibration_error(scores: np.ndarray, targets: np.ndarray, *, n_bins: int = N_BINS) -> float:
    """Expected calibration error: mean distance of accuracy and confidence over the bins, weighted by rows.

    NaN without rows. It is never 0 on few rows: compare it with `error_floor`.

    References
    ----------
    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015;
    Guo et al., "On calibration of modern neural networks", 2017, with its 15 bins.
    """
    if not len(targets):
        return float("nan")
    bins = reliability(scores, targets, n_bins=n_bins)
    return sum(b.n * abs(b.accuracy - b.confidence) for b in bins) / len(targets)


def error_floor(
    scores: np.ndarray, sessions: np.ndarray, *, n_bins: int = N_BINS, n_draws: int = 500, seed: int = 0
) -> Floor:
    """What `calibration_error` would be by chance alone, were each best score the chance of being right.

    Rows of one session with the same best class are right or wrong together, since a session is mostly of
    one species; other rows are independent.

    Parameters
    ----------
    scores : np.ndarray, shape (n, n_classes)
    sessions : np.ndarray, shape (n,)
    """
    if not len(scores):
        return Floor(float("nan"), float("nan"))
    best = scores.max(axis=1)
    which = _bin_of(best, n_bins)
    _, session_of = np.unique(sessions, return_inverse=True)
    _, together = np.unique(session_of * scores.shape[1] + scores.argmax(axis=1), return_inverse=True)
    rng = derive_rng(seed, "error floor")
    errors = [
        np.abs(np.bincount(which, (rng.random(len(best))[together] < best) - best, n_bins)).sum() / len(best)
        for _ in range(n_draws)
    ]
    return Floor(float(np.mean(errors)), float(np.quantile(errors, 0.95)))


def log_loss(scores: np.ndarray, targets: np.ndarray) -> float:
    """Mean of minus the logarithm of the target's score, in nats; scores count as 1e-12 at least."""
    validate(targets, scores)
    found = scores[np.arange(len(targets)), targets]
    return float(-np.log(np.maximum(found, _LEAST)).mean()) if len(targets) else float("nan")


def brier_score(scores: np.ndarray, targets: np.ndarray) -> float:
    """Mean squared distance from 1 at the target and 0 elsewhere, summed over the classes: 0 to 2."""
    validate(targets, scores)
    found = scores[np.arange(len(targets)), targets]
    squares = (scores**2).sum(axis=1) - 2 * found + 1
    return float(squares.mean()) if len(targets) else float("nan")


def fit_scaling(scores: np.ndarray, targets: np.ndarray) -> Scaling:
    """The scaling of least log loss.

    Raises
    ------
    InputError
        There is no row.
    """
    from scipy.optimize import minimize, minimize_scalar

    validate(targets, scores)
    if not len(targets):
        raise InputError("calibration: expected predictions, got none")
    most = _MOST_LOG_TEMPERATURE
    logits = np.log(np.maximum(scores, LEAST_SCORE, dtype=np.float64))
    logits -= logits.max(axis=1, keepdims=True)
    target_logits = logits[np.arange(len(targets)), targets]

    def loss(log_temperature: float, share: float = 0.0) -> float:
        temperature = np.exp(np.clip(log_temperature, -most, most))
        found = np.exp(target_logits / temperature) / np.exp(logits / temperature).sum(axis=1)
        found = (1 - share) * found + share / scores.shape[1]
        return float(-np.log(np.maximum(found, _LEAST)).mean())

    plain = float(minimize_scalar(loss, bounds=(-most, most), method="bounded").x)
    tries = [
        minimize(lambda v: loss(v[0], _squash(v[1])), start, method="Nelder-Mead", options={"xatol": 1e-3})
        for start in ((plain, -3.0), (plain - 1.0, 0.0))
    ]
    log_temperature, share = min(tries, key=lambda result: float(result.fun)).x
    return Scaling(float(np.exp(np.clip(log_temperature, -most, most))), _squash(share))


def fit_log_odds(scores: np.ndarray, right: np.ndarray) -> LogOdds:
    """The `LogOdds` of least log loss for the best answers' scores, shape (n,), and whether they are right.

    Right answers count as (n_right + 1) / (n_right + 2), and wrong ones as 1 / (n_wrong + 2), so that few
    rows do not make it too sure.

    Raises
    ------
    InputError
        All answers are right, or none is.

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    from scipy.optimize import minimize

    n_right, n_wrong = int(right.sum()), int((~right).sum())
    if not n_right or not n_wrong:
        raise InputError(
            f"calibration: expected right and wrong answers in each part, got {n_right} and {n_wrong}; "
            "calibrate with more recordings"
        )
    p = np.clip(scores.astype(np.float64), LEAST_ODDS, 1 - LEAST_ODDS)
    odds = np.log(p / (1 - p))
    wanted = np.where(right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))

    def loss(values: np.ndarray) -> float:
        logits = np.exp(np.clip(values[0], -_MOST_LOG_SLOPE, _MOST_LOG_SLOPE)) * odds + values[1]
        return float((np.logaddexp(0, logits) - wanted * logits).mean())

    starts = ((0.0, 0.0), (-1.0, 0.0))
    tries = [minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-4}) for start in starts]
    log_slope, intercept = min(tries, key=lambda result: float(result.fun)).x
    return LogOdds(float(np.exp(np.clip(log_slope, -_MOST_LOG_SLOPE, _MOST_LOG_SLOPE))), float(intercept))


def fit_levels(pooled: Pooled) -> tuple[Scaling, Scaling]:
    """The scalings of windows and of recordings."""
    window = fit_scaling(pooled.window_scores, pooled.targets[pooled.window_rows])
    return window, fit_scaling(pooled.pooled(window.apply(pooled.window_scores)), pooled.targets)


def calibrated(pooled: Pooled, window: Scaling, recording: Scaling) -> Pooled:
    """The same rows with calibrated scores of windows and recordings."""
    windows = window.apply(pooled.window_scores)
    return replace(pooled, window_scores=windows, scores=recording.apply(pooled.pooled(windows)))


def held_out(pooled: Pooled) -> Iterator[tuple[Pooled, Pooled]]:
    """For each fold, calibrated scores of the other folds' rows, and of its own, by what the others taught.

    Where folds are drawn independently of each other, recordings of the fold are left out of the others.

    Raises
    ------
    InputError
        There is one fold only.
    """
    numbers = np.unique(pooled.folds)
    if len(numbers) < 2:
        raise InputError(
            "calibration: expected 2 folds or more, to fit on some and to test on another; got 1; "
            "choose another grouping"
        )
    for number in numbers:
        rest = others(pooled, number)
        scalings = fit_levels(rest)
        yield calibrated(rest, *scalings), calibrated(pooled.where(pooled.folds == number), *scalings)


def others(pooled: Pooled, fold: int) -> Pooled:
    """The rows of all folds but one, without recordings of that one."""
    ids = np.array([recording.id for recording in pooled.recordings])
    test = pooled.folds == fold
    return pooled.where(~test & ~np.isin(ids, ids[test]))


def cross_fitted(pooled: Pooled, parts: Iterable[tuple[Pooled, Pooled]] | None = None) -> Pooled:
    """All rows with the scores that `held_out` gives them; ``parts``: what it gave, if it was called."""
    scores = np.empty(pooled.scores.shape)
    windows = np.empty(pooled.window_scores.shape)
    parts = held_out(pooled) if parts is None else parts
    for number, (_, test) in zip(np.unique(pooled.folds), parts, strict=True):
        scores[pooled.folds == number] = test.scores
        windows[pooled.folds[pooled.window_rows] == number] = test.window_scores
    return replace(pooled, scores=scores, window_scores=windows)


def _bin_of(best: np.ndarray, n_bins: int) -> np.ndarray:
    return np.minimum((best * n_bins).astype(np.int64), n_bins - 1)


def _squash(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -30.0, 30.0))))
