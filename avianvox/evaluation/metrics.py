"""Figures of merit for single-label classification, in plain NumPy.

``targets`` and ``predicted`` are class positions, shape (n,), integer; ``scores`` has shape (n, n_classes).
`validate` checks them once at the border, one function gives one number, and `evaluate` gives them all.

Nothing here guesses at an undefined number. Every figure of an empty input is NaN. A class without targets
has recall NaN, one that is never predicted has precision NaN, and one with neither has F1 NaN; averages over
classes pass over NaN.
"""

import numpy as np

from avianvox.errors import InputError


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
    return scores.argmax(axis=1)


def accuracy(targets: np.ndarray, predicted: np.ndarray) -> float:
    """Share of rows that are right; NaN without rows."""
    if targets.shape != predicted.shape:
        raise InputError(f"metrics: expected equal shapes, got {targets.shape} and {predicted.shape}")
    return float(np.mean(targets == predicted)) if len(targets) else float("nan")


def top_k_accuracy(targets: np.ndarray, scores: np.ndarray, *, k: int = 5) -> float:
    """Share of rows whose target is among the ``k`` highest scores; NaN without rows.

    Where scores tie, the class that comes first is ranked higher, as in `Prediction.top`. ``k`` of the
    number of classes or more gives 1.
    """
    if k < 1:
        raise InputError(f"metrics: expected k of 1 or more, got {k}")
    validate(targets, scores)
    if not len(targets):
        return float("nan")
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float(np.mean((best == targets[:, None]).any(axis=1)))


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
    return confusion.sum(axis=1)


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
    return _mean_defined(class_recall(confusion))


def macro_f1(confusion: np.ndarray) -> float:
    """Mean F1 over the classes that are present or predicted; NaN without rows."""
    return _mean_defined(class_f1(confusion))


def evaluate(targets: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Every single-number figure.

    Parameters
    ----------
    targets : np.ndarray, shape (n,), integer
    scores : np.ndarray, shape (n, n_classes), any finite numbers of which higher is better

    Returns
    -------
    dict
        ``accuracy``, ``top5``, ``balanced_accuracy``, ``macro_f1``, each in [0, 1] or NaN, in this order.

    Examples
    --------
    >>> evaluate(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))["accuracy"]
    0.5
    """
    validate(targets, scores)
    predicted = best_class(scores)
    confusion = confusion_matrix(targets, predicted, n_classes=scores.shape[1])
    return {
        "accuracy": accuracy(targets, predicted),
        "top5": top_k_accuracy(targets, scores, k=5),
        "balanced_accuracy": balanced_accuracy(confusion),
        "macro_f1": macro_f1(confusion),
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def _mean_defined(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
