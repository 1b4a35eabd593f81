"""From the predictions of all folds to figures and tables; nothing is trained here.

A figure is computed fold by fold, then given as mean and standard deviation (of a sample, ``ddof=1``) over
folds. Figures per class come from the recordings of all folds together.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.evaluation import metrics
from avianvox.evaluation.predictions import FoldPredictions

LEVELS = ("recording", "window")
FIGURES = ("accuracy", "top5", "balanced_accuracy", "macro_f1")

TABLE_ROWS = (
    ("recording", "accuracy", "accuracy per recording"),
    ("window", "accuracy", "accuracy per window"),
    ("recording", "top5", "top-5 per recording"),
    ("recording", "balanced_accuracy", "balanced accuracy per recording"),
    ("recording", "macro_f1", "macro F1 per recording"),
)
"""Rows of the printed table for each model; ``table.csv`` and ``figures.json`` hold every figure."""

GROUPED = ("session", "recordist", "site")
"""Groupings that keep what belongs together on one side of the split."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure over the folds; ``deviation`` is NaN for a single fold."""

    folds: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.folds))

    @property
    def deviation(self) -> float:
        return float(np.std(self.folds, ddof=1)) if len(self.folds) > 1 else math.nan

    def __str__(self) -> str:
        if math.isnan(self.deviation):
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} ± {self.deviation:.3f}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One model under one grouping.

    ``figures[level, name]`` for every level of `LEVELS` and name of `FIGURES`; ``confusion``: recordings of
    all folds, shape (n_classes, n_classes), row = target.
    """

    figures: Mapping[tuple[str, str], Figure]
    confusion: np.ndarray


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


def summarise(folds: Sequence[FoldPredictions]) -> Outcome:
    """Figures of one model under one grouping."""
    per_fold: dict[str, list[dict[str, float]]] = {level: [] for level in LEVELS}
    n_classes = folds[0].scores.shape[1]
    confusion = np.zeros((n_classes, n_classes), np.int64)
    for fold in folds:
        scores = fold.recording_scores()
        per_fold["recording"].append(metrics.evaluate(fold.targets, scores))
        per_fold["window"].append(metrics.evaluate(fold.window_targets, fold.scores))
        predicted = metrics.best_class(scores)
        confusion += metrics.confusion_matrix(fold.targets, predicted, n_classes=n_classes)
    figures = {
        (level, name): Figure(tuple(values[name] for values in per_fold[level]))
        for level in LEVELS
        for name in FIGURES
    }
    return Outcome(figures, confusion)


Outcomes = Mapping[str, Mapping[str, Outcome]]
"""``model -> grouping -> outcome``; every model has the same groupings."""


def gap_pairs(groupings: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs (ungrouped, grouped) whose difference is shown; the first ungrouped one stands for its kind."""
    loose = [name for name in groupings if name not in GROUPED][:1]
    return tuple((first, name) for first in loose for name in groupings if name in GROUPED)


def comparison_table(outcomes: Outcomes, groupings: Sequence[str]) -> Table:
    """Groupings side by side, and by how much random folds flatter the model: random minus grouped."""
    pairs = gap_pairs(groupings)
    heads = ("gap",) if len(pairs) == 1 else tuple(f"gap to {grouped}" for _, grouped in pairs)
    rows = []
    for model, by_grouping in outcomes.items():
        for level, name, title in TABLE_ROWS:
            cells = [by_grouping[grouping].figures[level, name] for grouping in groupings]
            gaps = [_gap(by_grouping, pair, level, name) for pair in pairs]
            rows.append((model, title, *map(str, cells), *(f"{gap:+.3f}" for gap in gaps)))
    return Table(("model", "figure", *groupings, *heads), tuple(rows))


def _gap(by_grouping: Mapping[str, Outcome], pair: tuple[str, str], level: str, name: str) -> float:
    loose, grouped = (by_grouping[grouping].figures[level, name].mean for grouping in pair)
    return loose - grouped


def long_csv(outcomes: Outcomes) -> str:
    """Every figure in a row of its own: model, grouping, level, figure, mean, deviation, folds."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", "grouping", "level", "figure", "mean", "deviation", "n_folds"))
    for model, by_grouping in outcomes.items():
        for grouping, outcome in by_grouping.items():
            for (level, name), figure in outcome.figures.items():
                numbers = [_number(value) for value in (figure.mean, figure.deviation)]
                writer.writerow((model, grouping, level, name, *numbers, len(figure.folds)))
    return text.getvalue()


def figures_mapping(outcomes: Outcomes, labels: Sequence[str], groupings: Sequence[str]) -> dict[str, Any]:
    """All figures as plain values for JSON; an undefined number is None."""
    return {
        model: {
            "groupings": {name: _plain(outcome, labels) for name, outcome in by_grouping.items()},
            "gap": {
                pair[1]: {
                    level: {name: _number(_gap(by_grouping, pair, level, name)) for name in FIGURES}
                    for level in LEVELS
                }
                for pair in gap_pairs(groupings)
            },
        }
        for model, by_grouping in outcomes.items()
    }


def _plain(outcome: Outcome, labels: Sequence[str]) -> dict[str, Any]:
    plain: dict[str, Any] = {level: {} for level in LEVELS}
    for (level, name), figure in outcome.figures.items():
        plain[level][name] = {
            "mean": _number(figure.mean),
            "deviation": _number(figure.deviation),
            "folds": [_number(value) for value in figure.folds],
        }
    columns = {
        "recordings": metrics.class_support(outcome.confusion),
        "accuracy": metrics.class_accuracy(outcome.confusion),
        "recall": metrics.class_recall(outcome.confusion),
        "precision": metrics.class_precision(outcome.confusion),
        "f1": metrics.class_f1(outcome.confusion),
    }
    plain["classes"] = {
        label: {name: _number(values[i]) for name, values in columns.items()}
        for i, label in enumerate(labels)
    }
    return plain


def _number(value: float) -> float | int | None:
    """A JSON number of six decimals, or None for NaN."""
    if isinstance(value, int | np.integer):
        return int(value)
    return None if math.isnan(value) else round(float(value), 6)
