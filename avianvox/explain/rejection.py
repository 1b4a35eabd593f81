"""What overlap is worth: are right answers more on the voice, and is what is left right more often if others
go?

A threshold that keeps a wanted part of the answers is taken from the recordings of other sessions, and is
then used on these: so its effect is that on recordings that it was not chosen on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation.bootstrap import Interval, session_interval
from avianvox.evaluation.metrics import weighted_sums
from avianvox.evaluation.overlap import Weights, on_voice
from avianvox.explain.judged import JudgedMap
from avianvox.randomness import derive_rng

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
N_FOLDS = 5

KEYS = ("score", "gain", "both")
"""What answers are kept by: the score alone, the gain of the overlap alone, the score times the map's
share."""


@dataclass(frozen=True)
class Kept:
    """Answers that a threshold keeps.

    ``by``: a name of `KEYS`; ``wanted``: the part that is to be kept; ``coverage``: the part that is kept;
    ``accuracy``: of these, over sessions; ``gained``: what that is more than of all answers, paired.
    """

    by: str
    wanted: float
    coverage: float
    accuracy: Interval
    gained: Interval


def keys_of(rows: Sequence[JudgedMap]) -> Mapping[str, np.ndarray]:
    """By which numbers answers can be kept; what is not defined comes last."""
    score, gain, share = (
        np.nan_to_num(np.array([getattr(row, name) for row in rows], np.float64), nan=-1.0)
        for name in ("score", "gain", "share")
    )
    return {"score": score, "gain": gain, "both": score * np.maximum(share, 0.0)}


def rejection(
    rows: Sequence[JudgedMap], *, coverages: Sequence[float] = COVERAGES, seed: int = 0
) -> list[Kept]:
    """Accuracy of the answers that thresholds keep which were chosen on other sessions.

    Parameters
    ----------
    rows : sequence of JudgedMap
    coverages : sequence of float in (0, 1]
    seed : int
        Of the folds of sessions.

    Raises
    ------
    InputError
        There are fewer than two sessions.
    """
    sessions = np.array([row.session for row in rows])
    folds = session_folds(sessions, seed=seed)
    right = np.array([row.right for row in rows], np.float64)
    found = []
    for by, values in keys_of(rows).items():
        for wanted in coverages:
            kept = np.zeros(len(rows), bool)
            for fold in range(int(folds.max()) + 1):
                here = folds == fold
                kept[here] = values[here] >= np.quantile(values[~here], 1.0 - wanted) if wanted < 1 else True
            found.append(_kept(by, wanted, kept, right, sessions))
    return found


def _kept(by: str, wanted: float, kept: np.ndarray, right: np.ndarray, sessions: np.ndarray) -> Kept:
    def accuracy(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            share: np.ndarray = weighted_sums(right * kept, weights) / weighted_sums(kept * 1.0, weights)
        return share

    def gained(weights: np.ndarray) -> np.ndarray:
        return np.asarray(accuracy(weights) - weighted_sums(right, weights) / weights.sum(axis=0))

    return Kept(
        by,
        wanted,
        float(kept.mean()),
        session_interval(accuracy, sessions),
        session_interval(gained, sessions),
    )


def session_folds(sessions: np.ndarray, *, n_folds: int = N_FOLDS, seed: int = 0) -> np.ndarray:
    """A fold for each row, whole sessions in one; shape (n,). Raises `InputError` for a single session."""
    names, session_of = np.unique(sessions, return_inverse=True)
    if len(names) < 2:
        raise InputError("rejection needs recordings of two sessions or more; explain more recordings")
    order = derive_rng(seed, "rejection").permutation(len(names))
    return np.asarray((order % min(n_folds, len(names)))[session_of])


def summary_of(rows: Sequence[JudgedMap]) -> dict[str, Any]:
    """Figures over all rows: overlap of right and of wrong answers, and what deletion costs, over
    sessions."""
    sessions = np.array([row.session for row in rows])
    right = np.array([row.right for row in rows], bool)
    gain = np.array([row.gain for row in rows], np.float64)
    found: dict[str, Any] = {
        "recordings": len(rows),
        "sessions": len(np.unique(sessions)),
        "right": int(right.sum()),
        "right_for_the_wrong_reason": int((right & ~on_voice(gain)).sum()),
    }
    for name, chosen in (("right", right), ("wrong", ~right)):
        some = chosen & ~np.isnan(gain)
        for what in ("share", "chance", "gain", "iou"):
            values = np.array([getattr(row, what) for row in rows], np.float64)
            defined = some & ~np.isnan(values)
            found[f"{what}_{name}"] = session_interval(values[defined], sessions[defined])
    deleted = np.array([row.drop_map is not None for row in rows])
    if deleted.any():
        by_map, others = _drops(rows, "drop_map", deleted), ("drop_random", "drop_loudest")
        found["drop_map"] = session_interval(by_map, sessions[deleted])
        for name in others:
            by_other = _drops(rows, name, deleted)
            found[name] = session_interval(by_other, sessions[deleted])
            found[f"{name.replace('drop_', 'map_over_')}"] = session_interval(
                by_map - by_other, sessions[deleted]
            )
    return found


def _drops(rows: Sequence[JudgedMap], name: str, chosen: np.ndarray) -> np.ndarray:
    return np.array([getattr(row, name) for row, one in zip(rows, chosen, strict=True) if one], np.float64)


def weights_of(rows: Sequence[JudgedMap], weights: Weights) -> np.ndarray:
    """How much each recording counts as a training example, shape (n,)."""
    right = np.array([row.right for row in rows], bool)
    return weights.of(right, np.array([row.gain for row in rows], np.float64))
