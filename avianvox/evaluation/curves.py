"""ROC and precision-recall curves of one class against the rest, and the areas under them.

``positive`` says of each row whether the class is there, shape (n,), bool; ``scores`` has shape (n,), higher
for more likely. Rows whose scores tie enter a curve together, as one step, so that no order among them
matters; NaN is refused. A share of no positives, or of no negatives, is NaN, and so is an area that needs it.

The areas take ``weights`` of shape (n,) or (n, r): how often each row counts, for r resamples at once. This
is what makes bootstrapping them cheap.
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
    true, false, thresholds = _steps(positive, scores, np.ones(len(scores)))
    return Curve(_share(false), _share(true), thresholds)


def precision_recall_curve(positive: np.ndarray, scores: np.ndarray) -> Curve:
    """Recall (x) against precision (y), from recall 0, where precision is 1 by convention."""
    true, false, thresholds = _steps(positive, scores, np.ones(len(scores)))
    recall = _share(true)
    precision = np.append(1.0, true[1:] / (true + false)[1:])
    return Curve(recall, np.where(np.isnan(recall), np.nan, precision), thresholds)


def average_precision(
    positive: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Sum over the steps of the curve: growth of recall times precision behind the step.

    Parameters
    ----------
    positive : np.ndarray, shape (n,), bool
    scores : np.ndarray, shape (n,)
    weights : np.ndarray, shape (n,) or (n, r), not negative; each row once by default

    Returns
    -------
    np.ndarray, shape () or (r,), in [0, 1]; NaN where no positive has weight

    References
    ----------
    As scikit-learn's ``average_precision_score``: no interpolation.
    """
    true, false, _ = _steps(
        positive, scores, np.ones(len(scores)) if weights is None else weights, merge=True
    )
    called = true + false
    precision = np.divide(true, called, out=np.zeros_like(called), where=called > 0)
    return _over((np.diff(true, axis=0) * precision[1:]).sum(axis=0), true[-1])


def roc_auc(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Probability that a positive scores higher than a negative, ties counting one half.

    Parameters and shapes as in `average_precision`; NaN where positives or negatives have no weight.
    """
    true, false, _ = _steps(
        positive, scores, np.ones(len(scores)) if weights is None else weights, merge=True
    )
    area = (np.diff(false, axis=0) * (true[1:] + true[:-1]) / 2).sum(axis=0)
    return _over(area, true[-1] * false[-1])


def _steps(
    positive: np.ndarray, scores: np.ndarray, weights: np.ndarray, *, merge: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight of positives and of negatives at each threshold or above, and the thresholds; from nothing on.

    Axis 0 goes along the thresholds. ``merge`` leaves out those between two positives, which no area needs.
    """
    if positive.shape != scores.shape or scores.ndim != 1 or len(weights) != len(scores):
        raise InputError(
            "curves: expected positives and scores of shape (n,) and as many weights, "
            f"got {positive.shape}, {scores.shape} and {weights.shape}"
        )
    if np.isnan(scores).any():
        raise InputError(
            f"curves: expected numbers as scores, got NaN in row {int(np.isnan(scores).argmax())}"
        )
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.flatnonzero(positive[order])
    starts = np.flatnonzero(np.append(True, np.diff(ranked) != 0)[: len(scores)])
    if merge:
        holds = np.zeros(len(starts), bool)
        holds[np.searchsorted(starts, hits, side="right") - 1] = True
        starts = starts[holds | np.append(True, holds[:-1])[: len(starts)]]
    step_of_hit = np.searchsorted(starts, hits, side="right") - 1
    first_hits = np.flatnonzero(np.append(True, np.diff(step_of_hit) != 0)[: len(hits)])
    every = np.add.reduceat(weights[order], starts, axis=0)
    true = np.zeros_like(every)
    true[step_of_hit[first_hits]] = np.add.reduceat(weights[order[hits]], first_hits, axis=0)
    nothing = np.zeros((1, *weights.shape[1:]))
    ends = np.append(starts[1:], len(scores))[: len(starts)] - 1
    return (
        np.concatenate((nothing, np.cumsum(true, axis=0))),
        np.concatenate((nothing, np.cumsum(every - true, axis=0))),
        np.append(np.inf, ranked[ends]),
    )


def _share(cumulated: np.ndarray) -> np.ndarray:
    return _over(cumulated, cumulated[-1])


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``part / whole``, NaN where ``whole`` is 0."""
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
