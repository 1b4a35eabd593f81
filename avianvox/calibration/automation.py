"""How much can be labelled without a person: confidence thresholds, and what is right above them.

Items, recordings or events, whose confidence reaches a threshold keep the model's answer; a person listens to
the others. `automation_curve` has every threshold, `automation_at` the largest share that is as accurate as
asked for, and `held_out_automation` says what becomes of such a threshold on items that it wasn't chosen on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation.bootstrap import wilson_lower

CONFIDENCE_LEVEL = 0.95

Answers = tuple[np.ndarray, np.ndarray]
"""Whether each answer is right, and its confidence."""


@dataclass(frozen=True, slots=True)
class AutomationPoint:
    """One threshold and what it automates.

    ``share`` of all items, ``n_items`` of them; ``accuracy`` among these and its one-sided lower bound
    ``accuracy_low`` at `CONFIDENCE_LEVEL`, which takes items for independent; ``hours``: recorded hours of
    these items, NaN where durations are not known. Nothing automated: ``threshold`` infinite, accuracy NaN.
    """

    threshold: float
    n_items: int
    share: float
    accuracy: float
    accuracy_low: float
    hours: float

    def hours_saved(self, *, listening_factor: float = 1.0) -> float:
        """Hours of listening that a person is spared.

        Parameters
        ----------
        listening_factor : float
            Hours that a person needs for one recorded hour: 1 where each recording is heard once, in full.
        """
        return self.hours * listening_factor


@dataclass(frozen=True)
class AutomationCurve:
    """One point for each distinct confidence, arrays of shape (n_points,), thresholds falling.

    The fields are those of `AutomationPoint`.
    """

    thresholds: np.ndarray
    n_items: np.ndarray
    shares: np.ndarray
    accuracies: np.ndarray
    accuracies_low: np.ndarray
    hours: np.ndarray


def automation_curve(
    correct: np.ndarray, confidence: np.ndarray, *, durations_s: np.ndarray | None = None
) -> AutomationCurve:
    """Share and accuracy of what is automated, over all thresholds.

    Parameters
    ----------
    correct : np.ndarray, shape (n,), in [0, 1]
        Whether the answer is right.
    confidence : np.ndarray, shape (n,)
        Score of the answer; items of equal confidence are automated together.
    durations_s : np.ndarray, shape (n,), optional
        Length of each item; one that is NaN adds nothing to the hours, which are NaN where all are.

    Raises
    ------
    InputError
        Shapes differ.

    Examples
    --------
    >>> curve = automation_curve(np.array([1, 1, 0]), np.array([0.9, 0.8, 0.3]))
    >>> automation_at(curve, 0.95).share
    0.6666666666666666
    """
    seconds = np.full(len(correct), np.nan) if durations_s is None else durations_s
    if not (correct.shape == confidence.shape == seconds.shape and correct.ndim == 1):
        raise InputError(
            "automation: expected answers, confidences and durations of shape (n,), "
            f"got {correct.shape}, {confidence.shape} and {seconds.shape}"
        )
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True)[: len(ranked)])
    right = np.cumsum(correct[order].astype(np.float64))[ends]
    n_items = ends + 1
    return AutomationCurve(
        ranked[ends],
        n_items,
        n_items / max(len(correct), 1),
        right / n_items,
        wilson_lower(right, n_items, level=CONFIDENCE_LEVEL),
        np.full(len(ends), np.nan) if np.isnan(seconds).all() else np.nancumsum(seconds[order])[ends] / 3600,
    )


def automation_at(
    curve: AutomationCurve, target_accuracy: float, *, conservative: bool = False
) -> AutomationPoint:
    """The largest share whose accuracy reaches the target.

    Parameters
    ----------
    curve : AutomationCurve
    target_accuracy : float in [0, 1]
    conservative : bool
        Ask it of the lower confidence bound, so that a few lucky answers at the top don't pass.
    """
    if not 0 <= target_accuracy <= 1:
        raise InputError(f"automation: expected a target accuracy from 0 to 1, got {target_accuracy}")
    reached = curve.accuracies_low if conservative else curve.accuracies
    points = np.flatnonzero(reached >= target_accuracy)
    if not len(points):
        return AutomationPoint(np.inf, 0, 0.0, np.nan, np.nan, 0.0)
    i = points[-1]
    return AutomationPoint(
        float(curve.thresholds[i]),
        int(curve.n_items[i]),
        float(curve.shares[i]),
        float(curve.accuracies[i]),
        float(curve.accuracies_low[i]),
        float(curve.hours[i]),
    )


def held_out_automation(
    folds: Sequence[tuple[Answers, Answers]], target_accuracy: float, *, conservative: bool = False
) -> tuple[float, float]:
    """Share and accuracy of the automated when each fold's threshold is chosen on other items.

    Parameters
    ----------
    folds : sequence of pairs
        Of each fold the items that its threshold is chosen on, and its own; both as ``correct`` and
        ``confidence`` of `automation_curve`. Nothing of the first may know the second, scalings included.
    target_accuracy : float in [0, 1]
    conservative : bool
        As in `automation_at`.

    Returns
    -------
    share, accuracy : float
        Accuracy is NaN where nothing is automated. It falls short of the target as far as the threshold was
        luck.
    """
    automated = []
    for others, (correct, confidence) in folds:
        chosen = automation_at(automation_curve(*others), target_accuracy, conservative=conservative)
        automated.append(correct[confidence >= chosen.threshold])
    hits = np.concatenate(automated)
    n_items = sum(len(correct) for _, (correct, _) in folds)
    return len(hits) / max(n_items, 1), float(hits.mean()) if len(hits) else float("nan")
