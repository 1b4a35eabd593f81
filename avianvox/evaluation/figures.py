"""Figures of one model under one grouping of folds, from its predictions alone; nothing is trained here.

A figure is given fold by fold, with mean and standard deviation (of a sample, ``ddof=1``) over the folds, and
once for the test recordings of all folds together (``pooled``), with a 95 % interval from resampling whole
sessions. Figures per class are of the recordings of all folds. Where scores tie, everything is the expected
value over a random order, see `avianvox.evaluation.metrics`; the confusion matrix names the first class.

Average precision and ROC AUC rank the scores of recordings, and each fold's scores come from a model of its
own: pooled, a rule that knows nothing can land far below one half. They are therefore means over the folds,
of a class over those that test it, and have neither ``pooled`` nor interval. Of the few recordings of a fold,
average precision lies a little higher than of many.

References
----------
Forman and Scholz, "Apples-to-apples in cross-validation studies", 2010: counts are pooled, AUC is not.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.audit.durations import (
    DurationCorrelation,
    class_minutes,
    duration_correlation,
)
from avianvox.evaluation import metrics
from avianvox.evaluation.bootstrap import figure_intervals
from avianvox.evaluation.metrics import FIGURES, RANKING
from avianvox.evaluation.predictions import FoldPredictions, Pooled
from avianvox.evaluation.sensitivity import crop_seed_accuracies
from avianvox.types import LabelSet

LEVELS = ("recording", "window")
GROUPED = ("session", "recordist", "site")
"""Groupings that keep what belongs together on one side of the split."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: of each fold, of all folds together, and the bounds of its interval.

    NaN: ``deviation`` of a single fold or where one is undefined; ``low`` and ``high`` of windows, whose
    figures have no interval; ``pooled``, ``low`` and ``high`` of a figure of `metrics.RANKING`.
    """

    folds: tuple[float, ...]
    pooled: float
    low: float = math.nan
    high: float = math.nan

    @property
    def mean(self) -> float:
        """Over the folds where it is defined."""
        return float(metrics.mean_defined(np.array(self.folds)))

    @property
    def deviation(self) -> float:
        return float(np.std(self.folds, ddof=1)) if len(self.folds) > 1 else math.nan

    @property
    def shown(self) -> float:
        """The pooled figure, or the mean over the folds where there is none."""
        return self.mean if math.isnan(self.pooled) else self.pooled

    def __str__(self) -> str:
        """The shown figure with its interval, for example ``0.292 [.24, .35]``."""
        if math.isnan(self.low):
            return f"{self.shown:.3f}"
        low, high = (f"{value:.2f}".removeprefix("0") for value in (self.low, self.high))
        return f"{self.pooled:.3f} [{low}, {high}]"

    def to_mapping(self) -> dict[str, Any]:
        """Values for ``figures.json``."""
        bounds = {"pooled": self.pooled, "low": self.low, "high": self.high}
        return {"mean": self.mean, "deviation": self.deviation, "folds": list(self.folds)} | bounds


@dataclass(frozen=True)
class Outcome:
    """One model under one grouping.

    Attributes
    ----------
    figures : mapping
        ``figures[level, name]`` for every level of `LEVELS` and name of `metrics.FIGURES`.
    confusion : np.ndarray, shape (n_classes, n_classes), int64
        Recordings of all folds; row = target.
    classes : mapping of str to np.ndarray, shape (n_classes,)
        Figures per class.
    crop_seeds : mapping
        See `crop_seed_accuracies`.
    duration : DurationCorrelation
        Of each class's recall with its minutes.
    """

    figures: Mapping[tuple[str, str], Figure]
    confusion: np.ndarray
    classes: Mapping[str, np.ndarray]
    crop_seeds: Mapping[str, Any]
    duration: DurationCorrelation

    def to_mapping(self, labels: LabelSet) -> dict[str, Any]:
        """Values for ``figures.json``; NaN where undefined."""
        figures: dict[str, Any] = {level: {} for level in LEVELS}
        for (level, name), figure in self.figures.items():
            figures[level][name] = figure.to_mapping()
        classes = {
            label: {name: values[i] for name, values in self.classes.items()}
            for i, label in enumerate(labels.names)
        }
        more = {"crop_seeds": dict(self.crop_seeds), "duration": self.duration.to_mapping()}
        return figures | {"classes": classes} | more


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows of text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table with its columns aligned, in a form that is also valid Markdown."""
        lines = (self.columns, *self.rows)
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
        padded.insert(1, ["-" * width for width in widths])
        return "".join(f"| {' | '.join(cells)} |\n" for cells in padded)


def summarise(folds: Sequence[FoldPredictions], pooled: Pooled, labels: LabelSet) -> Outcome:
    """Figures of one model under one grouping; ``pooled``: the same predictions, joined."""
    per_fold = {
        "recording": [metrics.evaluate(fold.targets, fold.recording_scores()) for fold in folds],
        "window": [metrics.evaluate(fold.window_targets, fold.scores) for fold in folds],
    }
    together = {
        "recording": metrics.evaluate(pooled.targets, pooled.scores),
        "window": metrics.evaluate(pooled.targets[pooled.window_rows], pooled.window_scores),
    }
    bounds = figure_intervals(pooled.targets, pooled.scores, pooled.sessions)
    figures = {}
    for level in LEVELS:
        for name in FIGURES:
            values = tuple(found[name] for found in per_fold[level])
            value = math.nan if name in RANKING else together[level][name]
            ends = (bounds[name].low, bounds[name].high) if level == "recording" and name in bounds else ()
            figures[level, name] = Figure(values, value, *ends)
    confusion = metrics.confusion_matrix(pooled.targets, pooled.predicted, n_classes=pooled.scores.shape[1])
    classes = {
        "recordings": metrics.class_support(confusion),
        "recall": metrics.class_recall(confusion),
        "precision": metrics.class_precision(confusion),
        "f1": metrics.class_f1(confusion),
        "average_precision": fold_mean(metrics.class_average_precision, pooled),
        "roc_auc": fold_mean(metrics.class_roc_auc, pooled),
        "accuracy": metrics.class_accuracy(confusion),
    }
    recordings = {recording.id: recording for recording in pooled.recordings}
    minutes = class_minutes(tuple(recordings.values()), labels)
    duration = duration_correlation(labels.names, minutes, classes["recall"])
    return Outcome(figures, confusion, classes, crop_seed_accuracies(pooled), duration)


def fold_mean(figure: Callable[[np.ndarray, np.ndarray], np.ndarray], pooled: Pooled) -> np.ndarray:
    """Mean over the folds of a figure of targets and scores, over those where it is defined."""
    parts = (pooled.folds == k for k in np.unique(pooled.folds))
    return metrics.mean_defined(np.array([figure(pooled.targets[p], pooled.scores[p]) for p in parts]))


Outcomes = Mapping[str, Mapping[str, Outcome]]
"""``model -> grouping -> outcome``; every model has the same groupings."""


def gap_pairs(groupings: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs (ungrouped, grouped) whose difference is shown; the first ungrouped one stands for its kind."""
    loose = [name for name in groupings if name not in GROUPED][:1]
    return tuple((first, name) for first in loose for name in groupings if name in GROUPED)


def gap(by_grouping: Mapping[str, Outcome], pair: tuple[str, str], level: str, name: str) -> float:
    """By how much the ungrouped folds flatter: the figure of all their recordings minus the grouped one."""
    loose, grouped = (by_grouping[grouping].figures[level, name].shown for grouping in pair)
    return loose - grouped


def model_mapping(by_grouping: Mapping[str, Outcome], labels: LabelSet) -> dict[str, Any]:
    """All figures of one model, as ``figures.json`` has them."""
    return {
        "groupings": {name: outcome.to_mapping(labels) for name, outcome in by_grouping.items()},
        "gap": {
            pair[1]: {
                level: {name: gap(by_grouping, pair, level, name) for name in FIGURES} for level in LEVELS
            }
            for pair in gap_pairs(tuple(by_grouping))
        },
    }
