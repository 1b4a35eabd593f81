"""Figures of merit for single-label classification, in plain NumPy.

``targets`` and ``predicted`` are class positions, shape (n,), integer; ``scores`` has shape (n, n_classes).
`validate` checks them once at the border, one function gives one number, and `evaluate` gives them all;
`evaluate_weighted` gives most of them for many resamples at once.

Where scores tie, figures are expected values over a random order of the tied classes: a rule that scores all
classes alike has the accuracy of chance, and not that of the first class. `best_class` alone, which must
name one class, takes the first.

Nothing here guesses at an undefined number. Every figure of an empty input is NaN. A class without targets
has recall NaN, one that is never predicted has precision NaN, and one with neither has F1 NaN; averages over
classes pass over NaN.
"""

from collections.abc import Callable

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation import curves

FIGURES = (
    "accuracy",
    "top3",
    "top5",
    "balanced_accuracy",
    "macro_f1",
    "mean_average_precision",
    "mean_roc_auc",
)
"""Names of the single-number figures, in the order of `evaluate`."""

RANKING = ("mean_average_precision", "mean_roc_auc")
"""Those of `FIGURES` that compare the scores of one row with the scores of another."""


def validate(targets: np.ndarray, scores: np.ndarray) -> None:
    """Refuse what no figure can be computed from.

    Raises
    ------
    InputError
        Shapes do not fit each other, targets are not class positions, or a score is not finite.
    """
    if scores.ndim != 2 or targets.shape != scores.shape[:1]:
        raise InputError(
            "metrics: expected targets of shape (n,) and scores of shape (n, n_classes), "
            f"got {targets.shape} and {scores.shape}"
        )
    _check_positions("targets", targets, scores.shape[1])
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
        raise InputError(f"metrics: expected finite scores, got {scores[row]} in row {row}")


def _check_positions(what: str, positions: np.ndarray, n_classes: int) -> None:
    if not np.issubdtype(positions.dtype, np.integer):
        raise InputError(f"metrics: expected {what} as integer class positions, got {positions.dtype}")
    if len(positions) and (positions.min() < 0 or positions.max() >= n_classes):
        raise InputError(
            f"metrics: expected {what} from 0 to {n_classes - 1}, got {positions.min()} to {positions.max()}"
        )


def best_class(scores: np.ndarray) -> np.ndarray:
    """Position of the highest score of each row, shape (n,), int64; the first one where scores tie."""
    best: np.ndarray = scores.argmax(axis=1)
    return best


def accuracy(targets: np.ndarray, predicted: np.ndarray) -> float:
    """Share of rows that are right; NaN without rows."""
    if targets.shape != predicted.shape:
        raise InputError(f"metrics: expected equal shapes, got {targets.shape} and {predicted.shape}")
    return float(np.mean(targets == predicted)) if len(targets) else float("nan")


def expected_hits(targets: np.ndarray, scores: np.ndarray, *, k: int = 1) -> np.ndarray:
    """Probability that a row's target is among the ``k`` highest scores when ties are broken at random.

    Returns
    -------
    np.ndarray, shape (n,), float64 in [0, 1]; 0 or 1 where the target's score doesn't tie

    Raises
    ------
    InputError
        ``k`` is below 1, or as `validate` says.
    """
    if k < 1:
        raise InputError(f"metrics: expected k of 1 or more, got {k}")
    validate(targets, scores)
    own = scores[np.arange(len(targets)), targets][:, None]
    above, tied = (scores > own).sum(axis=1), (scores == own).sum(axis=1)
    hits: np.ndarray = np.clip((k - above) / tied, 0.0, 1.0)
    return hits


def top_k_accuracy(targets: np.ndarray, scores: np.ndarray, *, k: int = 5) -> float:
    """Share of rows whose target is among the ``k`` highest scores, see `expected_hits`; NaN without rows.

    ``k`` of the number of classes or more gives 1.
    """
    hits = expected_hits(targets, scores, k=k)
    return float(hits.mean()) if len(hits) else float("nan")


def class_average_precision(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision of each class against the rest, shape (n_classes,); NaN for one without targets."""
    validate(targets, scores)
    return _per_class(curves.average_precision, targets, scores)


def class_roc_auc(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """ROC AUC of each class against the rest, shape (n_classes,); NaN where all rows or none are targets."""
    validate(targets, scores)
    return _per_class(curves.roc_auc, targets, scores)


def confusion_matrix(targets: np.ndarray, predicted: np.ndarray, *, n_classes: int) -> np.ndarray:
    """Counts: row = target, column = prediction.

    Returns
    -------
    np.ndarray, shape (n_classes, n_classes), int64

    Raises
    ------
    InputError
        Shapes differ, or a value is not a class position.
    """
    if targets.shape != predicted.shape or targets.ndim != 1:
        raise InputError(f"metrics: expected two of shape (n,), got {targets.shape} and {predicted.shape}")
    _check_positions("targets", targets, n_classes)
    _check_positions("predictions", predicted, n_classes)
    cells = targets.astype(np.int64) * n_classes + predicted
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_support(confusion: np.ndarray) -> np.ndarray:
    """Targets of each class, shape (n_classes,), int64."""
    support: np.ndarray = confusion.sum(axis=1)
    return support


def class_recall(confusion: np.ndarray) -> np.ndarray:
    """Share of each class's targets that were found, shape (n_classes,); NaN for a class without targets."""
    return _ratio(np.diag(confusion), confusion.sum(axis=1))


def class_precision(confusion: np.ndarray) -> np.ndarray:
    """Share of each class's predictions that were right, shape (n_classes,); NaN where never predicted."""
    return _ratio(np.diag(confusion), confusion.sum(axis=0))


def class_f1(confusion: np.ndarray) -> np.ndarray:
    """``2 tp / (2 tp + fp + fn)``, shape (n_classes,); NaN for a class neither present nor predicted."""
    return _ratio(2 * np.diag(confusion), confusion.sum(axis=0) + confusion.sum(axis=1))


def class_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of rows on the right side of "this class or another", shape (n_classes,); NaN without rows."""
    wrong = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * np.diag(confusion)
    return 1.0 - _ratio(wrong, np.full(len(confusion), confusion.sum()))


def balanced_accuracy(confusion: np.ndarray) -> float:
    """Mean recall over the classes that have targets; NaN without rows."""
    return float(mean_defined(class_recall(confusion)))


def macro_f1(confusion: np.ndarray) -> float:
    """Mean F1 over the classes that are present or predicted; NaN without rows."""
    return float(mean_defined(class_f1(confusion)))


def evaluate(targets: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Every single-number figure.

    Parameters
    ----------
    targets : np.ndarray, shape (n,), integer
    scores : np.ndarray, shape (n, n_classes), any finite numbers of which higher is better

    Returns
    -------
    dict
        Each of `FIGURES` in [0, 1] or NaN. ``top3`` and ``top5`` are 1 with as few classes.
        ``mean_average_precision`` and ``mean_roc_auc`` are means over the classes where it is defined.

    Examples
    --------
    >>> evaluate(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))["accuracy"]
    0.5
    """
    weighted = evaluate_weighted(targets, scores, np.ones((len(targets), 1)))
    areas = {
        "mean_average_precision": class_average_precision(targets, scores),
        "mean_roc_auc": class_roc_auc(targets, scores),
    }
    return {name: float(values[0]) for name, values in weighted.items()} | {
        name: float(mean_defined(values)) for name, values in areas.items()
    }


def evaluate_weighted(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """The figures of `evaluate` but those of `RANKING`, once for each column of weights.

    Parameters
    ----------
    targets : np.ndarray, shape (n,), integer
    scores : np.ndarray, shape (n, n_classes)
    weights : np.ndarray, shape (n, r), how often each row counts

    Returns
    -------
    dict of np.ndarray, shape (r,)
        With whole weights these are the figures of the rows repeated so often.
    """
    validate(targets, scores)
    if weights.ndim != 2 or len(weights) != len(targets):
        raise InputError(f"metrics: expected weights of shape ({len(targets)}, r), got {weights.shape}")
    total = weights.sum(axis=0)
    best = scores == scores.max(axis=1, keepdims=True)
    answered = best / best.sum(axis=1, keepdims=True)  # tied classes share the answer
    there = (targets[:, None] == np.arange(scores.shape[1])).astype(np.float64)
    support, predicted, right = (weighted_sums(each, weights) for each in (there, answered, there * answered))
    return {
        "accuracy": _ratio(right.sum(axis=0), total),
        "top3": _ratio(weighted_sums(expected_hits(targets, scores, k=3), weights), total),
        "top5": _ratio(weighted_sums(expected_hits(targets, scores, k=5), weights), total),
        "balanced_accuracy": mean_defined(_ratio(right, support)),
        "macro_f1": mean_defined(_ratio(2 * right, support + predicted)),
    }


def weighted_sums(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sums of the rows of ``values``, once for each column of weights: the same bits whatever BLAS there is.

    Parameters
    ----------
    values : np.ndarray, shape (n,) or (n, m)
    weights : np.ndarray, shape (n, r)

    Returns
    -------
    np.ndarray, shape (r,) or (m, r)
    """
    sums: np.ndarray = np.einsum("i...,ir->...r", values, weights)
    return sums


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two rows of numbers; NaN where all numbers of a row are equal.

    Examples
    --------
    >>> rank_correlation(np.array([1.0, 5.0, 7.0]), np.array([0.0, 0.1, 99.0]))
    1.0
    """
    a, b = (ranks(values) - (len(values) + 1) / 2 for values in (a, b))
    spread = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / spread) if spread else float("nan")


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 on; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return found


def mean_defined(values: np.ndarray) -> np.ndarray:
    """Mean over axis 0 of what is not NaN; NaN where nothing is left, and of nothing."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=0), defined.sum(axis=0))


def _per_class(
    area: Callable[[np.ndarray, np.ndarray], np.ndarray], targets: np.ndarray, scores: np.ndarray
) -> np.ndarray:
    """``area`` of each class against the rest, shape (n_classes,)."""
    return np.array([area(targets == c, scores[:, c]) for c in range(scores.shape[1])])


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    ratio: np.ndarray = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return ratio
