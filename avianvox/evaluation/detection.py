"""Two questions kept apart over thresholds: does something call, and is it named rightly.

An item, a window or a recording, fires when the highest score of a bird reaches the threshold; that bird is
its name. Each item has a truth: one bird, or "no bird".

- Identification asks whether something calls. A bird that fires is a true positive whatever its name, and one
  that doesn't is a false negative; "no bird" that fires is a false positive, and else a true negative.
- Classification asks for the name. A bird that fires under its own name is a true positive. A wrong name is a
  false positive of the bird that was named and a false negative of the one that was there, so precision is
  the share of given names that are right, and recall the share of birds that are rightly named.

Without items of "no bird" nothing can be a true negative, or fire without a cause. What would only look good
then is NaN: the precision and F1 of identification, and accuracies with true negatives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation import metrics
from avianvox.types import NO_BIRD, LabelSet

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, *(round(0.5 + 0.05 * i, 2) for i in range(10)))
"""Also low ones: calibrated scores of a model that knows little lie below 0.5."""

Question = Literal["identification", "classification"]
Metric = Literal["precision", "recall", "f1", "accuracy", "accuracy_without_tn"]


@dataclass(frozen=True, slots=True)
class Counts:
    """True and false positives and negatives, and what follows from them; NaN where undefined.

    ``accuracy`` is the share of items that are right; ``accuracy_without_tn`` leaves true negatives out,
    which flatter where most items hold nothing.
    """

    tp: int
    fp: int
    fn: int
    tn: int
    precision: float
    recall: float
    f1: float
    accuracy: float
    accuracy_without_tn: float


@dataclass(frozen=True, slots=True)
class DetectionRow:
    """Both questions at one threshold."""

    threshold: float
    identification: Counts
    classification: Counts


def detection_table(
    targets: np.ndarray,
    scores: np.ndarray,
    labels: LabelSet,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
) -> list[DetectionRow]:
    """Counts and figures of both questions, one row for each threshold.

    Parameters
    ----------
    targets : np.ndarray, shape (n,), class positions
    scores : np.ndarray, shape (n, n_classes), in [0, 1]
    labels : LabelSet
        The class called `NO_BIRD`, where there is one, holds the items in which nothing calls.
    thresholds : sequence of float

    References
    ----------
    The definitions are those of camera-trap evaluation, where a wrong name counts as found.
    """
    metrics.validate(targets, scores)
    is_bird = np.array([name != NO_BIRD for name in labels.names])
    calls = is_bird[targets]
    birds = np.where(is_bird, scores, -np.inf)
    confidence = birds.max(axis=1)
    named_right = calls & (birds.argmax(axis=1) == targets)
    return [_row(threshold, confidence >= threshold, calls, named_right) for threshold in thresholds]


def best_threshold(
    rows: Sequence[DetectionRow], metric: Metric = "f1", *, question: Question = "classification"
) -> DetectionRow:
    """The row that maximises a metric; of equal ones that with the lowest threshold.

    The figure at a threshold that was chosen on the same items is too good: confirm it on others.

    Raises
    ------
    InputError
        The metric is undefined or 0 at every threshold.
    """
    positive = [row for row in rows if getattr(getattr(row, question), metric) > 0]  # NaN is not
    if not positive:
        raise InputError(
            f"{question}: {metric} is 0 or undefined at every threshold (it needs recordings with birds and "
            f"some of '{NO_BIRD}'); choose another metric"
        )
    return max(positive, key=lambda row: (getattr(getattr(row, question), metric), -row.threshold))


def _row(threshold: float, fires: np.ndarray, calls: np.ndarray, named_right: np.ndarray) -> DetectionRow:
    n, n_fired, n_birds = len(calls), int(fires.sum()), int(calls.sum())
    heard, named = int((fires & calls).sum()), int((fires & named_right).sum())
    silent = int((~fires & ~calls).sum())
    identification = count_figures(heard, n_fired - heard, n_birds - heard, silent)
    classification = count_figures(named, n_fired - named, n_birds - named, silent, n=n)
    if n_birds == n:  # no item could have been a false alarm or a true negative
        identification = replace(identification, precision=np.nan, f1=np.nan, accuracy=np.nan)
        classification = replace(classification, accuracy=np.nan)
    return DetectionRow(float(threshold), identification, classification)


def count_figures(tp: int, fp: int, fn: int, tn: int, *, n: int | None = None) -> Counts:
    """What follows from counts; ``n``: items, where a wrong name is a false positive and a false negative.

    Examples
    --------
    >>> found = count_figures(1166, 548, 192, 9499)
    >>> round(found.precision, 2), round(found.recall, 2), round(found.f1, 2), round(found.accuracy, 3)
    (0.68, 0.86, 0.76, 0.935)
    """
    n = tp + fp + fn + tn if n is None else n
    return Counts(
        tp,
        fp,
        fn,
        tn,
        precision=_share(tp, tp + fp),
        recall=_share(tp, tp + fn),
        f1=_share(2 * tp, 2 * tp + fp + fn),
        accuracy=_share(tp + tn, n),
        accuracy_without_tn=_share(tp, n - tn),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
