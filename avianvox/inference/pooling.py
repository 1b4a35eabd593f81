"""Poolings: how scores of windows become those of a recording, in memory that does not grow with it.

A pooling is one row of `POOLINGS`: a class whose objects take windows one by one.
"""

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from avianvox.registry import Registry
from avianvox.types import Window

LEAST = 1e-30  # of a score, before its logarithm, and of a confidence


class Pooling(Protocol):
    """Takes the scores of one recording's windows."""

    def add(self, scores: np.ndarray, confidence: float = 1.0) -> None:
        """Take one window in: scores of shape (n_classes,), and how much it counts beside the others."""
        ...

    def scores(self) -> np.ndarray:
        """Of the recording: shape (n_classes,), float64. One window at least was added."""
        ...


class Mean:
    """The mean over the windows: for classes that exclude each other."""

    def __init__(self) -> None:
        self._total: np.ndarray | float = 0.0
        self._n = 0

    def add(self, scores: np.ndarray, confidence: float = 1.0) -> None:
        self._total = self._total + scores.astype(np.float64)
        self._n += 1

    def scores(self) -> np.ndarray:
        return np.asarray(self._total / self._n)


class Top:
    """The mean of each class's ``n`` highest scores; where there are fewer windows, of them all."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._highest: np.ndarray | None = None

    def add(self, scores: np.ndarray, confidence: float = 1.0) -> None:
        rows = scores[None].astype(np.float64)
        if self._highest is not None:
            rows = np.concatenate((self._highest, rows))
        self._highest = np.sort(rows, axis=0)[-self._n :]

    def scores(self) -> np.ndarray:
        assert self._highest is not None
        scores: np.ndarray = self._highest.mean(axis=0)
        return scores


class Maximum:
    """The highest score of each class: for classes that may be heard together, each for a moment."""

    def __init__(self) -> None:
        self._highest: np.ndarray | None = None

    def add(self, scores: np.ndarray, confidence: float = 1.0) -> None:
        before = scores if self._highest is None else self._highest
        self._highest = np.maximum(before, scores.astype(np.float64))

    def scores(self) -> np.ndarray:
        assert self._highest is not None
        return self._highest


class Weighted:
    """The mean over the windows, each weighted by the square of its confidence."""

    def __init__(self) -> None:
        self._total: np.ndarray | float = 0.0
        self._weight = 0.0

    def add(self, scores: np.ndarray, confidence: float = 1.0) -> None:
        weight = max(float(confidence), LEAST) ** 2
        self._total = self._total + weight * scores.astype(np.float64)
        self._weight += weight

    def scores(self) -> np.ndarray:
        return np.asarray(self._total / self._weight)


class MostConfident:
    """The ``n`` most confident windows: the geometric mean of their scores, which add up to 1 again.

    It is what a linear model says of the mean of these windows' features.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._kept: list[tuple[float, np.ndarray]] = []

    def add(self, scores: np.ndarray, confidence: float = 1.0) -> None:
        self._kept.append((confidence, np.log(np.maximum(scores.astype(np.float64), LEAST))))
        self._kept.sort(key=lambda row: -row[0])  # stable: of equals the first one stays
        del self._kept[self._n :]

    def scores(self) -> np.ndarray:
        mean = np.mean([row for _, row in self._kept], axis=0)
        return np.asarray(np.exp(mean) / np.exp(mean).sum())


def confident3() -> MostConfident:
    """The three most confident windows."""
    return MostConfident(3)


def top3() -> Top:
    """The mean of the three highest scores of each class."""
    return Top(3)


class PoolingFactory(Protocol):
    """What a row of `POOLINGS` stands for."""

    def __call__(self) -> Pooling: ...


POOLINGS: Registry[PoolingFactory] = Registry(
    "pooling",
    {
        "mean": "avianvox.inference.pooling:Mean",
        "weighted": "avianvox.inference.pooling:Weighted",
        "max": "avianvox.inference.pooling:Maximum",
        "top3": "avianvox.inference.pooling:top3",
        "confident3": "avianvox.inference.pooling:confident3",
    },
)


def pooling_for(*, exclusive: bool) -> str:
    """The row that a model of classes that exclude each other, or do not, is asked with."""
    return "mean" if exclusive else "max"


_BY_CONFIDENCE = ("weighted", "confident3")


def poolings_of(activation: str) -> list[str]:
    """The rows that fit numbers past an activation: a window's confidence is its highest probability.

    That says something of classes that exclude each other ("softmax"), and nothing of numbers, or of classes
    that may all be absent.
    """
    return [name for name in POOLINGS if activation == "softmax" or name not in _BY_CONFIDENCE]


def pool(windows: Iterable[Window], name: str) -> np.ndarray:
    """Scores of a recording from its windows, of which there is one or more; shape (n_classes,), float64."""
    pooling = POOLINGS.get(name)()
    for window in windows:
        pooling.add(window.scores, window.confidence)
    return pooling.scores()


def pool_rows(
    scores: np.ndarray, rows: np.ndarray, n: int, name: str = "mean", confidence: np.ndarray | None = None
) -> np.ndarray:
    """Scores of ``n`` recordings from those of all their windows; zeros for one without windows.

    Parameters
    ----------
    scores : np.ndarray, shape (n_windows, n_classes)
    rows : np.ndarray, shape (n_windows,), int in [0, n)
        The recording that each window belongs to.
    n : int
    name : str
        A row of `POOLINGS`.
    confidence : np.ndarray, shape (n_windows,), optional
        How much each window counts beside the others; all alike when left out.

    Returns
    -------
    np.ndarray, shape (n, n_classes), float64
    """
    if name == "mean":
        total = np.zeros((n, scores.shape[1]))
        np.add.at(total, rows, scores)
        means: np.ndarray = total / np.maximum(np.bincount(rows, minlength=n), 1)[:, None]
        return means
    sure = np.ones(len(scores)) if confidence is None else confidence
    found = np.zeros((n, scores.shape[1]))
    for row in np.unique(rows).tolist():
        pooling = POOLINGS.get(name)()
        for i in np.flatnonzero(rows == row).tolist():
            pooling.add(scores[i], float(sure[i]))
        found[row] = pooling.scores()
    return found


class Answers(Protocol):
    """What a model says of all windows of some recordings."""

    @property
    def scores(self) -> np.ndarray: ...

    @property
    def positions(self) -> np.ndarray: ...

    @property
    def pooling(self) -> str: ...


def pool_answers(answers: Answers, n: int) -> np.ndarray:
    """`pool_rows` of a model's own pooling, by which a window counts what its highest score is."""
    confidence = answers.scores.max(axis=1)
    return pool_rows(answers.scores, answers.positions, n, answers.pooling, confidence)
