"""Poolings: how scores of windows become those of a recording, in memory that does not grow with it.

A pooling is one row of `POOLINGS`: a class whose objects take windows one by one.
"""

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from avianvox.registry import Registry
from avianvox.types import Window

_LEAST = 1e-30  # of a score, before its logarithm


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
        return self._highest.mean(axis=0)


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


class MostConfident:
    """The ``n`` most confident windows: the geometric mean of their scores, which add up to 1 again.

    It is what a linear model says of the mean of these windows' features.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._kept: list[tuple[float, np.ndarray]] = []

    def add(self, scores: np.ndarray, confidence: float = 1.0) -> None:
        self._kept.append((confidence, np.log(np.maximum(scores.astype(np.float64), _LEAST))))
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
        "max": "avianvox.inference.pooling:Maximum",
        "top3": "avianvox.inference.pooling:top3",
        "confident3": "avianvox.inference.pooling:confident3",
    },
)


def pooling_for(*, exclusive: bool) -> str:
    """The row that a model of classes that exclude each other, or do not, is asked with."""
    return "mean" if exclusive else "max"


def pool(windows: Iterable[Window], name: str) -> np.ndarray:
    """Scores of a recording from its windows, of which there is one or more; shape (n_classes,), float64."""
    pooling = POOLINGS.get(name)()
    for window in windows:
        pooling.add(window.scores, window.confidence)
    return pooling.scores()
