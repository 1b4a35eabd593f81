"""Average precision of boxes, with intervals over sessions.

The precision at a recall is the greatest at this or any higher one, and the average is over all recalls that
occur (all-points interpolation, as in PASCAL VOC since 2010). Boxes of equal scores come in together. Where
labels count, it is the mean over the labels that are drawn.

References
----------
Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", 2015; Lin et al., "Microsoft
COCO", 2014, for the mean over IoU 0.50 to 0.95.
"""

from collections.abc import Sequence

import numpy as np

from avianvox.boxes.matching import Matches, Sound, match
from avianvox.evaluation.bootstrap import N_RESAMPLES, Interval, session_interval

IOUS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
"""0.50 to 0.95, over which the second figure is a mean."""

_CELLS = 4_000_000  # of a block of resamples: 32 MB each


def average_precision(matches: Matches, weights: np.ndarray | None = None) -> np.ndarray:
    """Average precision of matched boxes.

    Parameters
    ----------
    matches : Matches
    weights : np.ndarray, shape (n_recordings, r), optional
        How often each recording counts, in each of r resamples; by default once.

    Returns
    -------
    np.ndarray, shape (r,) or (1,), in [0, 1]
        NaN where no box is drawn.
    """
    weights = np.ones((len(matches.n_drawn), 1)) if weights is None else weights
    step = max(1, _CELLS // max(1, len(matches.scores)))
    parts = [_average(matches, weights[:, i : i + step]) for i in range(0, weights.shape[1], step)]
    return np.concatenate(parts)


def _average(matches: Matches, weights: np.ndarray) -> np.ndarray:
    """Precision is looked at where recall rises alone: between such scores it falls."""
    n_drawn = (matches.n_drawn[:, None] * weights).sum(axis=0)
    found: np.ndarray = np.where(n_drawn > 0, 0.0, np.nan)
    rows = np.flatnonzero(matches.right)
    if not len(rows):
        return found
    last = np.flatnonzero(np.diff(matches.scores, append=-np.inf))  # of each score
    ends = np.unique(last[np.searchsorted(last, rows)])  # of the scores that right boxes have
    total = _sums_to(ends, weights[matches.recording[: ends[-1] + 1]])
    right = _sums_to(np.searchsorted(rows, ends, side="right") - 1, weights[matches.recording[rows]])
    precision = np.divide(right, total, out=np.zeros_like(right), where=total > 0)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    gained = np.diff(right, axis=0, prepend=np.zeros((1, right.shape[1])))
    np.divide((gained * envelope).sum(axis=0), n_drawn, out=found, where=n_drawn > 0)
    return found


def _sums_to(ends: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sums of the rows up to each end, which belongs to them; shape (len(ends), r)."""
    parts = np.add.reduceat(counts, np.append(0, ends[:-1] + 1), axis=0)
    sums: np.ndarray = np.cumsum(parts, axis=0)
    return sums


class Averages:
    """Average precision of recordings as a figure of weights, which `session_interval` takes.

    Parameters
    ----------
    sounds : sequence of Sound
    ious : sequence of float
        The figure is the mean over these.
    named : bool
        Whether a found box has to have the right label; the figure is then the mean over drawn labels.
    """

    def __init__(self, sounds: Sequence[Sound], ious: Sequence[float], *, named: bool = False) -> None:
        labels = sorted({box.label for sound in sounds for box in sound.drawn}) if named else [None]
        self._matches = [[match(sounds, least, label=label) for least in ious] for label in labels]

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Weights of shape (n_recordings, r) to r figures; labels that a resample lacks don't count there."""
        figures = [
            np.mean([average_precision(one, weights) for one in matches], axis=0) for matches in self._matches
        ]
        if not figures:
            return np.full(weights.shape[1], np.nan)
        defined = ~np.isnan(figures)
        n = defined.sum(axis=0)
        total = np.where(defined, figures, 0.0).sum(axis=0)
        found: np.ndarray = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
        return found


def sessions_of(sounds: Sequence[Sound]) -> np.ndarray:
    return np.array([sound.session for sound in sounds], np.str_)


def precision_interval(
    sounds: Sequence[Sound],
    ious: Sequence[float] = (0.5,),
    *,
    named: bool = False,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Average precision with its 95 % interval over resampled sessions."""
    figure = Averages(sounds, ious, named=named)
    return session_interval(figure, sessions_of(sounds), n_resamples=n_resamples, seed=seed)


def paired_difference(
    sounds: Sequence[Sound],
    others: Sequence[Sound],
    ious: Sequence[float] = (0.5,),
    *,
    named: bool = False,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Average precision of ``sounds`` minus that of ``others``: two sources on the same recordings.

    Both have the recordings of a session in a resample, or neither has.
    """
    one, other = Averages(sounds, ious, named=named), Averages(others, ious, named=named)
    return session_interval(
        lambda weights: one(weights) - other(weights),
        sessions_of(sounds),
        n_resamples=n_resamples,
        seed=seed,
    )
