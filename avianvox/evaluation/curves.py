"""ROC and precision-recall curves of one class against the rest, and the areas under them.

``positive`` says of each row whether the class is there, shape (n,), bool; ``scores`` has shape (n,), higher
for more likely. Rows whose scores tie enter a curve together, as one step, so that no order among them
matters; NaN is refused. A share of no positives, or of no negatives, is NaN, and so is an area that needs it.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a curve, each array of shape (n_points,).

    ``thresholds``: falling; point i is reached by answering yes to scores of ``thresholds[i]`` or more. The
    first one is infinite: no row is called positive.
    """

    x: np.ndarray
    y: np.ndarray
    thresholds: np.ndarray


def roc_curve(positive: np.ndarray, scores: np.ndarray) -> Curve:
    """Share of the negatives that are called positive (x) against share of the positives found (y).

    Examples
    --------
    >>> curve = roc_curve(np.array([True, False, True]), np.array([0.9, 0.5, 0.5]))
    >>> curve.x.tolist(), curve.y.tolist()
    ([0.0, 0.0, 1.0], [0.0, 0.5, 1.0])
    """
    true, false, thresholds = _steps(positive, scores)
    return Curve(_share(false), _share(true), thresholds)


def precision_recall_curve(positive: np.ndarray, scores: np.ndarray) -> Curve:
    """Recall (x) against precision (y), from recall 0, where precision is 1 by convention."""
    true, false, thresholds = _steps(positive, scores)
    recall = _share(true)
    precision = np.append(1.0, true[1:] / (true + false)[1:])
    return Curve(recall, np.where(np.isnan(recall), np.nan, precision), thresholds)


def average_precision(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Sum over the steps of the curve: growth of recall times precision behind the step.

    Returns
    -------
    np.ndarray, shape (), in [0, 1]; NaN without positives

    References
    ----------
    As scikit-learn's ``average_precision_score``: no interpolation.
    """
    true, false, _ = _steps(positive, scores)
    precision = true[1:] / (true + false)[1:]
    return _over((np.diff(true) * precision).sum(), true[-1])


def roc_auc(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Probability that a positive scores higher than a negative, ties counting one half.

    Returns
    -------
    np.ndarray, shape (), in [0, 1]; NaN without positives or without negatives
    """
    true, false, _ = _steps(positive, scores)
    return _over((np.diff(false) * (true[1:] + true[:-1]) / 2).sum(), true[-1] * false[-1])


def _steps(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positives and negatives at each threshold or above, from none on, and the thresholds."""
    if positive.shape != scores.shape or scores.ndim != 1:
        raise InputError(
            f"curves: expected positives and scores of shape (n,), got {positive.shape} and {scores.shape}"
        )
    if np.isnan(scores).any():
        raise InputError(f"curves: expected finite scores, got NaN in row {int(np.isnan(scores).argmax())}")
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(positive[order])
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True)[: len(scores)])
    true = np.append(0.0, hits[ends])
    return true, np.append(0.0, ends + 1.0) - true, np.append(np.inf, ranked[ends])


def _share(cumulated: np.ndarray) -> np.ndarray:
    return _over(cumulated, cumulated[-1])


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``part / whole``, NaN where ``whole`` is 0."""
    whole = np.broadcast_to(whole, part.shape)
    shares: np.ndarray = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return shares
