"""What boxes are worth beside average precision: found and named over thresholds, by class, against IoU.

- *Found it*: a box agrees with a drawn one, whatever its name.
- *Named it*: it has the name of the drawn one too. A wrong name is a false positive and a false negative.

Boxes are counted, and of recordings without a drawn box those in which nothing was found: the true negatives.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from avianvox.boxes.matching import Sound, match
from avianvox.boxes.overlap import as_array, iou
from avianvox.errors import InputError
from avianvox.evaluation.detection import (
    Counts,
    DetectionRow,
    Metric,
    Question,
    best_threshold,
    count_figures,
)

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
CURVE_IOUS = tuple(round(0.05 * i, 2) for i in range(1, 20))


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One label at a threshold: counts, and how far its drawn boxes were met."""

    label: str
    n_drawn: int
    tp: int
    fp: int
    fn: int
    mean_iou: float


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A threshold that was chosen on one set of recordings, there and on another set, unchanged."""

    threshold: float
    question: Question
    metric: Metric
    chosen: Counts
    confirmed: Counts


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through points, its share of explained variance, and the rank correlation."""

    slope: float
    intercept: float
    r2: float
    rank_correlation: float


def at_least(sounds: Sequence[Sound], threshold: float) -> list[Sound]:
    """The recordings with the found boxes that reach a score."""
    return [
        replace(sound, found=tuple(box for box in sound.found if (box.score or 0.0) >= threshold))
        for sound in sounds
    ]


def threshold_rows(
    sounds: Sequence[Sound], *, least_iou: float = 0.5, thresholds: Sequence[float] = THRESHOLDS
) -> list[DetectionRow]:
    """Both questions over thresholds.

    ``accuracy`` of the counts has the true negatives, and ``accuracy_without_tn`` leaves them out. For
    figures of recordings with a box alone, give these: `with_boxes`.
    """
    return [_row(at_least(sounds, threshold), threshold, least_iou) for threshold in thresholds]


def with_boxes(sounds: Sequence[Sound]) -> list[Sound]:
    """The recordings in which a box is drawn."""
    return [sound for sound in sounds if sound.drawn]


def confirm(
    rows: Sequence[DetectionRow],
    sounds: Sequence[Sound],
    *,
    metric: Metric = "f1",
    question: Question = "identification",
    least_iou: float = 0.5,
) -> Confirmed:
    """Fix the threshold that maximises a metric on ``rows``, and look at other recordings with it.

    Raises
    ------
    InputError
        The metric is undefined or 0 at every threshold.
    """
    best = best_threshold(rows, metric, question=question)
    (there,) = threshold_rows(sounds, least_iou=least_iou, thresholds=[best.threshold])
    return Confirmed(best.threshold, question, metric, getattr(best, question), getattr(there, question))


def class_rows(sounds: Sequence[Sound], *, threshold: float = 0.5, least_iou: float = 0.5) -> list[ClassRow]:
    """Counts of each label, drawn or found, at a threshold; ``mean_iou`` is over its drawn boxes."""
    kept = at_least(sounds, threshold)
    drawn = {box.label for sound in kept for box in sound.drawn}
    found = {box.label for sound in kept for box in sound.found}
    rows = []
    for label in sorted(drawn | found):
        matches = match(kept, least_iou, label=label)
        n, tp = int(matches.n_drawn.sum()), int(matches.right.sum())
        met = best_ious(kept, label=label)
        mean = float(met.mean()) if len(met) else float("nan")
        rows.append(ClassRow(label, n, tp, len(matches.right) - tp, n - tp, mean))
    return rows


def against_iou(
    sounds: Sequence[Sound], *, threshold: float = 0.5, ious: Sequence[float] = CURVE_IOUS
) -> list[tuple[float, float, float]]:
    """IoU that is asked for, precision and recall of the boxes that reach a score; NaN where undefined."""
    kept = at_least(sounds, threshold)
    rows = []
    for least in ious:
        matches = match(kept, least)
        tp, n = int(matches.right.sum()), int(matches.n_drawn.sum())
        counts = count_figures(tp, len(matches.right) - tp, n - tp, 0)
        rows.append((least, counts.precision, counts.recall))
    return rows


def best_ious(sounds: Sequence[Sound], *, label: str | None = None, any_name: bool = True) -> np.ndarray:
    """How far each drawn box (of a label) was met by the found box that agrees with it most; 0 for none."""
    best: list[float] = []
    for sound in sounds:
        drawn = [box for box in sound.drawn if label is None or box.label == label]
        found = [box for box in sound.found if any_name or box.label == label]
        agreement = iou(as_array(drawn), as_array(found))
        best += agreement.max(axis=1, initial=0.0).tolist()
    return np.array(best)


def trend(x: Sequence[float], y: Sequence[float]) -> Trend:
    """Linear regression and rank correlation (Spearman's) of two rows of numbers; NaN with less than three.

    Of examples of a class against its IoU: do classes with more examples have better boxes?
    """
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if xs.shape != ys.shape or xs.ndim != 1:
        raise InputError(f"trend: expected as many numbers twice, got {xs.shape} and {ys.shape}")
    if len(xs) < 3 or np.ptp(xs) == 0:
        return Trend(*(float("nan"),) * 4)
    correlation = _correlation(xs, ys)
    slope = float(((xs - xs.mean()) * (ys - ys.mean())).sum() / ((xs - xs.mean()) ** 2).sum())
    return Trend(
        slope, float(ys.mean() - slope * xs.mean()), correlation**2, _correlation(_ranks(xs), _ranks(ys))
    )


def iou_trend(sounds: Sequence[Sound], n_examples: Mapping[str, int]) -> Trend:
    """`trend` of the examples that a detector learned of each label, against the IoU of that label here."""
    drawn = {box.label for sound in sounds for box in sound.drawn}
    labels = sorted(drawn & set(n_examples))
    met = [float(best_ious(sounds, label=label).mean()) for label in labels]
    return trend([n_examples[label] for label in labels], met)


def _row(kept: Sequence[Sound], threshold: float, least_iou: float) -> DetectionRow:
    n_found = sum(len(sound.found) for sound in kept)
    n_drawn = sum(len(sound.drawn) for sound in kept)
    silent = sum(not sound.drawn and not sound.found for sound in kept)
    found = int(match(kept, least_iou).right.sum())
    labels = {box.label for sound in kept for box in sound.drawn}
    named = sum(int(match(kept, least_iou, label=label).right.sum()) for label in labels)
    return DetectionRow(
        float(threshold),
        count_figures(found, n_found - found, n_drawn - found, silent),
        count_figures(named, n_found - named, n_drawn - named, silent),
    )


def _correlation(xs: np.ndarray, ys: np.ndarray) -> float:
    a, b = xs - xs.mean(), ys - ys.mean()
    spread = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / spread) if spread else float("nan")


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of theirs."""
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray = (last - (counts - 1) / 2)[position]
    return ranks
