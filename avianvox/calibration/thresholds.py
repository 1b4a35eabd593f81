"""From which score on may a class be named? Thresholds for a wanted precision, or for the best F1.

A row (a window, a recording) is named as the class of its best score where that score reaches the class's
threshold; otherwise it is uncertain. Support is counted in sessions: rows of one session are no independent
witnesses. A precision is reached where its lower confidence bound is, since the best of many thresholds looks
better than it is. A class with too few sessions to tell takes the threshold of all classes together, or a
higher one where its own predictions stay below the precision there. A `Rule` weighs the two thresholds:
`OF_LEVEL` has that of windows and that of recordings, and `benchmarks/event_thresholds.py` compares some.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation.bootstrap import wilson_lower
from avianvox.evaluation.metrics import validate

LEAST_SESSIONS = 5
"""A threshold of its own needs predictions from so many sessions."""

BOUND_LEVEL = 0.8
"""Of the one-sided bound of the precision that decides. At 0.95 hardly a class of 30 recordings is named."""

EVEN_SESSIONS = 20
"""At so many sessions `shrunk` lets a class's own threshold weigh as much as that of all classes."""

OWN, POOLED, NONE = "own", "pooled", "none"

Rule = Callable[[float, int, float], float]
"""From the threshold that a class's predictions suggest (infinity: no score suffices), the sessions that are
named from it on, and the threshold of all classes, to the threshold of the class."""


def alone(own: float, sessions: int, pooled: float) -> float:
    """A class's own threshold."""
    return own


def shrunk(own: float, sessions: int, pooled: float, *, even: float = EVEN_SESSIONS) -> float:
    """A class's own threshold drawn towards that of all classes, the more so the fewer its sessions.

    Where one of both is infinite, it is the other.
    """
    if math.isinf(own) or math.isinf(pooled):
        return min(own, pooled)
    return (sessions * own + even * pooled) / (sessions + even)


OF_LEVEL: Mapping[str, Rule] = {"window": shrunk, "recording": alone}
"""The better one on held-out sessions, for events and for recordings: docs/results.md has the figures."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The threshold of one class, or of all of them, and what it does to the rows that it was found on.

    Attributes
    ----------
    score : float
        Infinity where no score suffices.
    source : {"own", "pooled", "none"}
        Whether this class's predictions have a say in it or those of all classes alone; ``"none"``: no score
        reaches what is wanted, of the class or of all classes, and the class is never named.
    targets, named, right : int
        Rows of the class, rows named as it, and those of them that are right.
    sessions : int
        Sessions of the named rows.
    precision_low : float
        One-sided lower bound of the precision at `BOUND_LEVEL`, counting sessions.
    sure : bool
        The support suffices to tell which threshold would be the class's own, or that none would suffice.
    """

    score: float
    source: str
    targets: int
    named: int
    right: int
    sessions: int
    precision_low: float
    sure: bool

    @property
    def precision(self) -> float:
        return self.right / self.named if self.named else math.nan

    @property
    def recall(self) -> float:
        return self.right / self.targets if self.targets else math.nan

    @property
    def f1(self) -> float:
        both = self.named + self.targets
        return 2 * self.right / both if both else math.nan

    def to_mapping(self) -> dict[str, Any]:
        """Plain values; what is not a finite number is None."""
        numbers = {
            name: round(value, 6) if math.isfinite(value := float(getattr(self, name))) else None
            for name in ("score", "precision", "precision_low", "recall", "f1")
        }
        counts = {name: getattr(self, name) for name in ("targets", "named", "right", "sessions")}
        return numbers | counts | {"source": self.source, "sure": self.sure}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """``pooled``: one for all classes together; ``classes``: one for each, in their order."""

    pooled: Threshold
    classes: tuple[Threshold, ...]

    @property
    def scores(self) -> tuple[float, ...]:
        return tuple(threshold.score for threshold in self.classes)


@dataclass(frozen=True, slots=True)
class Decided:
    """What thresholds do: of ``n`` rows, ``named`` are named, ``right`` of them rightly."""

    n: int
    named: int
    right: int

    @property
    def share(self) -> float:
        return self.named / self.n if self.n else math.nan

    @property
    def precision(self) -> float:
        return self.right / self.named if self.named else math.nan


def find_thresholds(
    scores: np.ndarray,
    targets: np.ndarray,
    sessions: np.ndarray,
    *,
    precision: float | None,
    rule: Rule = alone,
) -> Thresholds:
    """The least thresholds that reach a precision, or those of the best F1.

    Parameters
    ----------
    scores : np.ndarray, shape (n, n_classes)
        Calibrated, of rows that the model did not learn from.
    targets : np.ndarray, shape (n,)
    sessions : np.ndarray, shape (n,)
    precision : float in (0, 1], or None
        None: the best F1 of each class. Ties go to the higher threshold.
    rule : callable
        How a class's own threshold and that of all classes become one: see `Rule`.

    Raises
    ------
    InputError
        The precision is out of range, or there is no row.
    """
    validate(targets, scores)
    if precision is not None and not 0 < precision <= 1:
        raise InputError(f"thresholds: expected a precision above 0 and up to 1, got {precision:g}")
    if not len(targets):
        raise InputError("thresholds: expected predictions to learn from, got none")
    best, named = scores.argmax(axis=1), scores.max(axis=1)
    right = best == targets
    pooled = pooled_threshold(named, right, sessions, precision=precision)
    classes = []
    for k in range(scores.shape[1]):
        mine = best == k
        cuts = _find(named[mine], right[mine], sessions[mine], int((targets == k).sum()))
        limit = cuts.choose(precision)
        own = cuts.borrow(pooled.score, precision) if limit is None else limit
        score = own if own == pooled.score else rule(own, cuts.sessions_at(own), pooled.score)
        sure = limit is not None and not math.isinf(limit)
        source = OWN if sure or score != pooled.score else POOLED
        classes.append(cuts.at(score, source, sure=limit is not None))
    return Thresholds(pooled, tuple(classes))


def pooled_threshold(
    named: np.ndarray, right: np.ndarray, sessions: np.ndarray, *, precision: float | None
) -> Threshold:
    """The threshold of all answers together, where it doesn't matter what they say.

    Parameters
    ----------
    named : np.ndarray, shape (n,)
        Scores of the answers.
    right : np.ndarray, shape (n,), bool
    sessions : np.ndarray, shape (n,)
    precision : float in (0, 1], or None
        As in `find_thresholds`.
    """
    every = _find(named, right, sessions, len(named))
    limit = every.choose(precision)
    return every.at(math.inf if limit is None else limit, OWN, sure=limit is not None)


def decide(scores: np.ndarray, targets: np.ndarray, limits: Sequence[float]) -> Decided:
    """What thresholds, one for each class, do to these rows."""
    validate(targets, scores)
    best = scores.argmax(axis=1)
    named = scores.max(axis=1, initial=0.0) >= np.asarray(limits)[best]
    return Decided(len(targets), int(named.sum()), int((named & (best == targets)).sum()))


@dataclass(frozen=True, slots=True)
class _Cuts:
    """Every threshold that parts rows, from high to low, with what is named at each of them."""

    scores: np.ndarray
    named: np.ndarray
    right: np.ndarray
    sessions: np.ndarray
    targets: int

    def choose(self, precision: float | None) -> float | None:
        """The threshold; infinity where no score suffices, None where there are too few sessions to tell."""
        enough = self.sessions >= LEAST_SESSIONS
        if not enough.any():
            return None
        if precision is None:
            f1 = np.where(enough, 2 * self.right / (self.named + self.targets), 0.0)
            return float(self.scores[f1.argmax()]) if f1.any() else math.inf
        reached = enough & self._reached(precision)
        surely = np.flatnonzero(reached & (self.precision_low >= precision))
        if len(surely):
            return float(self.scores[surely[-1]])
        return None if reached.any() else math.inf

    def borrow(self, score: float, precision: float | None) -> float:
        """The threshold of all classes, or the least that reaches the precision here where that is higher."""
        if precision is None:
            return score
        reached = np.flatnonzero((self.sessions >= LEAST_SESSIONS) & self._reached(precision))
        last = np.count_nonzero(self.scores >= score) - 1
        return float(self.scores[reached[-1]]) if len(reached) and reached[-1] < last else score

    def _reached(self, precision: float) -> np.ndarray:
        reached: np.ndarray = self.right >= precision * self.named - 1e-9
        return reached

    def sessions_at(self, score: float) -> int:
        """Sessions of the rows that are named from this score on."""
        i = int(np.count_nonzero(self.scores >= score)) - 1
        return int(self.sessions[i]) if i >= 0 else 0

    @property
    def precision_low(self) -> np.ndarray:
        return wilson_lower(self.right / self.named * self.sessions, self.sessions, level=BOUND_LEVEL)

    def at(self, score: float, source: str, *, sure: bool) -> Threshold:
        source = NONE if math.isinf(score) else source
        i = int(np.count_nonzero(self.scores >= score)) - 1
        if i < 0:
            return Threshold(score, source, self.targets, 0, 0, 0, 0.0, sure)
        named, right, sessions = int(self.named[i]), int(self.right[i]), int(self.sessions[i])
        low = float(self.precision_low[i])
        return Threshold(score, source, self.targets, named, right, sessions, low, sure)


def _find(scores: np.ndarray, right: np.ndarray, sessions: np.ndarray, targets: int) -> _Cuts:
    order = np.argsort(-scores, kind="stable")
    scores = scores[order]
    last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]  # a threshold takes all rows of a tie
    first_of_session = np.zeros(len(scores), np.int64)
    first_of_session[np.unique(sessions[order], return_index=True)[1]] = 1
    return _Cuts(
        scores[last],
        np.arange(1, len(scores) + 1)[last],
        np.cumsum(right[order])[last],
        np.cumsum(first_of_session)[last],
        targets,
    )
