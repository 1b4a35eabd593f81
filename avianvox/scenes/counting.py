"""How many animals call, from the number of boxes: what a network that counts is compared with."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from avianvox.boxes.protocol import BoxSource, boxes_in
from avianvox.errors import InputError
from avianvox.evaluation.bootstrap import Interval, session_interval
from avianvox.scenes.settings import bin_name
from avianvox.tasks.ordinal import BINS
from avianvox.types import Recording


@dataclass(frozen=True, slots=True)
class CountFigures:
    """Shares of recordings whose bin is exact, and within one bin, with intervals over sessions."""

    exact: Interval
    within_one: Interval
    recordings: int


def bin_of(number: float) -> int:
    """Position among the bins of `avianvox.tasks.ordinal.BINS`; what is below 1 falls into the first."""
    return BINS.index(bin_name(max(1, round(number))))


def count_figures(true: np.ndarray, told: np.ndarray, sessions: np.ndarray) -> CountFigures:
    """Compare positions of bins, each of shape (n,). Raises `InputError` where there are none."""
    if not len(true):
        raise InputError("count_figures: expected recordings whose number of animals is known, got none")
    off = np.abs(np.asarray(true) - np.asarray(told))
    shares = [session_interval((off <= most).astype(np.float64), sessions) for most in (0, 1)]
    return CountFigures(shares[0], shares[1], len(off))


def box_counts(recordings: Iterable[Recording], source: BoxSource, *, least_score: float = 0.5) -> np.ndarray:
    """Number of boxes of ``least_score`` or more in each recording, shape (n,), int64."""
    found = [
        sum((box.score or 0.0) >= least_score for box in boxes_in(recording.path, source))
        for recording in recordings
    ]
    return np.array(found, np.int64)


def animals_of_boxes(counts: np.ndarray, animals: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Numbers of animals that numbers of boxes stand for, learned on the other folds.

    A power of the number of boxes, fitted by least squares of logarithms: one animal has several boxes, and
    many animals cover each other. Where that falls as boxes grow in number, it is the median of the others.

    Parameters
    ----------
    counts, animals, folds : np.ndarray, shape (n,)

    Returns
    -------
    np.ndarray, shape (n,), float64
    """
    x, y = np.log1p(counts), np.log(animals)
    told = np.zeros(len(counts))
    for fold in np.unique(folds):
        there, others = folds == fold, folds != fold
        if not others.any():
            raise InputError("animals_of_boxes: expected two folds or more, got one")
        centred = x[others] - x[others].mean()
        spread = float(np.sum(centred**2))
        slope = float(np.sum(centred * y[others])) / spread if spread > 0 else 0.0
        if slope > 0:
            told[there] = np.exp(y[others].mean() + slope * (x[there] - x[others].mean()))
        else:
            told[there] = np.median(animals[others])
    return told
