"""What models say to a task: figures of all models side by side, and pictures by the kind of task.

`PICTURES` has what is drawn of a kind; a kind that it lacks has its table of figures alone.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from avianvox.evaluation import curves
from avianvox.evaluation.bootstrap import Interval
from avianvox.evaluation.metrics import class_precision, class_recall, confusion_matrix
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.task_figures import Judged, judged_tasks
from avianvox.pages.blocks import Block, Cell, Chart, Column, Table, estimate
from avianvox.report.task_panels import against_panel, confusion_panel, roc_panel
from avianvox.tasks.ordinal import places_of

_LEAST = 0.5  # score from which on an attribute is named

ByModel = Mapping[str, Judged]
Drawn = tuple[tuple[Block, ...], dict[str, Any]]
"""Blocks, and the figures of each class by model."""


def task_blocks(by_model: ByModel, grouping: str) -> Drawn:
    """Figures of one task by all models that have it, if there are several, and the pictures of its kind."""
    figures = {model: one.figures() for model, one in by_model.items()}
    several = len(by_model) > 1
    blocks: tuple[Block, ...] = (_figures_table(by_model, figures, grouping),) if several else ()
    known = {model: one for model, one in by_model.items() if len(one.targets)}
    kind = next(iter(by_model.values())).task.kind
    if kind not in PICTURES or not known:
        return blocks, {}
    drawn, data = PICTURES[kind](known)
    return (*blocks, *drawn), data


def tasks_by_model(run: SavedRun, grouping: str) -> dict[str, dict[str, Judged]]:
    """Name of each task of a run to the answers of each model that has it."""
    found: dict[str, dict[str, Judged]] = {}
    for model in run.models:
        for one in judged_tasks(run, model, grouping):
            found.setdefault(one.task.name, {})[model] = one
    return found


def _figures_table(by_model: ByModel, figures: Mapping[str, Mapping[str, Interval]], grouping: str) -> Table:
    names = list(dict.fromkeys(key for found in figures.values() for key in found))
    rows: list[tuple[Cell, ...]] = [
        (model, len(by_model[model].targets), *(_shown(found.get(key)) for key in names))
        for model, found in figures.items()
    ]
    columns = (
        Column("model"),
        Column("recordings", "d"),
        *(Column(key.replace("_", " ")) for key in names),
    )
    caption = (
        f"Answers to the task `{_name(by_model)}` on {grouping} folds, where the value is known. "
        "In brackets: 95 % intervals over sessions."
    )
    return Table(caption, columns, rows)


def _shown(found: Interval | None) -> str:
    if found is None:
        return estimate(None)
    form = ".3f" if abs(found.value) < 100 else ".0f"
    if np.isnan(found.low):
        return estimate(found.value, form=form)
    return estimate(found.value, found.low, found.high, form=form)


def _one_of_many(by_model: ByModel) -> Drawn:
    """ROC and confusion of each model, and a row for each class."""
    blocks, data = _curves(by_model)
    panels, rows = [], []
    for model, one in by_model.items():
        names = one.task.classes
        counts = confusion_matrix(
            one.targets.argmax(axis=1), one.outputs.argmax(axis=1), n_classes=len(names)
        )
        panels.append(confusion_panel(names, counts, model))
        recall, precision = class_recall(counts), class_precision(counts)
        for c, name in enumerate(names):
            data[model][name] |= {"recall": float(recall[c]), "precision": float(precision[c])}
            rows.append((model, name, *data[model][name].values()))
    columns = _columns("recall", "precision")
    table = Table(f"Classes of the task `{_name(by_model)}`.", columns, rows)
    caption = "Confusion of classes: rows are real, columns predicted. Shade: share of the row."
    return (*blocks, table, Chart(f"{_name(by_model)}-confusion", caption, tuple(panels))), data


def _any_of_many(by_model: ByModel) -> Drawn:
    """ROC of each model, and a row for each attribute at 50 %."""
    blocks, data = _curves(by_model)
    rows = []
    for model, one in by_model.items():
        true, said = one.targets > _LEAST, one.outputs >= _LEAST
        hits = (true & said).sum(axis=0)
        for c, name in enumerate(one.task.classes):
            data[model][name] |= {
                "accuracy": float((true[:, c] == said[:, c]).mean()),
                "recall": _ratio(hits[c], true[:, c].sum()),
                "precision": _ratio(hits[c], said[:, c].sum()),
            }
            rows.append((model, name, *data[model][name].values()))
    caption = f"Attributes of the task `{_name(by_model)}`, each at a score of 50 %."
    return (*blocks, Table(caption, _columns("accuracy", "recall", "precision"), rows)), data


def _bins(by_model: ByModel) -> Drawn:
    """Confusion of bins."""
    panels = []
    for model, one in by_model.items():
        names = one.task.classes
        real, said = places_of(one.targets), places_of(one.outputs)
        panels.append(confusion_panel(names, confusion_matrix(real, said, n_classes=len(names)), model))
    caption = (
        "Real and predicted bins. Answers on the diagonal are exact; those beside it are within one bin."
    )
    return (Chart(f"{_name(by_model)}-bins", caption, tuple(panels)),), {}


def _numbers(by_model: ByModel) -> Drawn:
    """Predicted against real."""
    panels = tuple(
        against_panel(one.targets[:, 0], one.outputs[:, 0], one.task.unit, model)
        for model, one in by_model.items()
    )
    explained = ", ".join(f"`{model}` {_explained(one):.2f}" for model, one in by_model.items())
    caption = (
        "Predicted against real, a dot for each recording. Dashed: both are equal. Share of the variance "
        f"that is explained: {explained}."
    )
    return (Chart(f"{_name(by_model)}-against", caption, panels),), {}


def _explained(one: Judged) -> float:
    """Negative where the mean would be nearer."""
    real, off = one.targets[:, 0], one.targets[:, 0] - one.outputs[:, 0]
    spread = float(((real - real.mean()) ** 2).sum())
    return 1 - float((off**2).sum()) / spread if spread else float("nan")


PICTURES: Mapping[str, Callable[[ByModel], Drawn]] = {
    "single": _one_of_many,
    "multi": _any_of_many,
    "ordinal": _bins,
    "regression": _numbers,
}
"""Kind of task to its blocks and the figures of its classes."""


def _curves(by_model: ByModel) -> tuple[tuple[Block, ...], dict[str, dict[str, dict[str, Any]]]]:
    data: dict[str, dict[str, dict[str, Any]]] = {}
    panels = []
    for model, one in by_model.items():
        positive, names = one.targets > _LEAST, one.task.classes
        panels.append(roc_panel(names, positive, one.outputs, model))
        data[model] = {
            name: {
                "recordings": int(positive[:, c].sum()),
                "auc": float(curves.roc_auc(positive[:, c], one.outputs[:, c])),
            }
            for c, name in enumerate(names)
        }
    caption = (
        f"ROC curve of each class of the task `{_name(by_model)}` against the rest, with the area under it. "
        "Scores of all folds together. Dashed: chance."
    )
    return (Chart(f"{_name(by_model)}-roc", caption, tuple(panels)),), data


def _columns(*figures: str) -> tuple[Column, ...]:
    return (
        *(Column("model"), Column("class"), Column("recordings", "d"), Column("ROC AUC", "bar")),
        *(Column(name, "bar") for name in figures),
    )


def _name(by_model: ByModel) -> str:
    return next(iter(by_model.values())).task.name


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else float("nan")
