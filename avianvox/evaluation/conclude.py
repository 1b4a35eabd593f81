"""From the predictions in a run folder to figures, tables and pictures; nothing is trained here.

`conclude` is the end of every cross-validation, and by itself the way to compute figures anew: it needs the
folder alone. It writes ``figures.json``, ``table.md``, ``table.csv``, ``confusion/`` and ``durations/``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.audit.durations import draw_durations
from avianvox.audit.findings import Audit
from avianvox.dataset.splits import SplitReport, report_split
from avianvox.errors import UnknownNameError
from avianvox.evaluation.bootstrap import session_interval
from avianvox.evaluation.confusion_picture import draw_confusion
from avianvox.evaluation.figures import GROUPED, Outcome, Outcomes, Table, model_mapping, summarise
from avianvox.evaluation.ladder import (
    Neighbours,
    against_lines,
    compare_against,
    compare_neighbours,
    ladder_csv,
    ladder_lines,
    ladder_table,
)
from avianvox.evaluation.metrics import expected_hits
from avianvox.evaluation.plain import plain
from avianvox.evaluation.predictions import pool
from avianvox.evaluation.rules import RULES
from avianvox.evaluation.run_folder import FIGURES, RECIPES, RunFolder, fit_name, predictions_path
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.task_figures import Judged, judged_tasks, task_table
from avianvox.registry import nearest


@dataclass(frozen=True)
class CrossvalResult:
    """What a cross-validation found.

    Attributes
    ----------
    outcomes : mapping
        ``model -> grouping -> Outcome``, of the models that name species.
    neighbours : sequence of Neighbours
        Each rung of the ladder against the one below, under each grouping.
    table : Table
        The ladder: one row for each of these models.
    figures : mapping
        What ``figures.json`` holds.
    splits : mapping of str to SplitReport
        ``grouping -> `` classes that it leaves unevaluable, and what tests share with training.
    seconds : mapping of str to float
        ``model -> mean seconds of a fit`` on a whole training part, over this and earlier, continued runs.
    n_weights : mapping of str to int
        ``model -> weights``, of those that have some.
    notes : tuple of str
        What to know beside the numbers.
    audit : Audit or None
        What the catalog and its sound give away.
    tasks : Table or None
        One row for each figure of a task, where models have tasks.
    """

    outcomes: Outcomes
    neighbours: Sequence[Neighbours]
    table: Table
    figures: Mapping[str, Any]
    splits: Mapping[str, SplitReport]
    seconds: Mapping[str, float]
    n_weights: Mapping[str, int]
    notes: tuple[str, ...]
    audit: Audit | None
    tasks: Table | None = None


def conclude(
    run: SavedRun, *, against: str | None = None, progress: Callable[[int, int], None] | None = None
) -> CrossvalResult:
    """Compute and write everything that follows from the predictions of the models in ``run``.

    ``against`` is a model of the run that each other one is compared with, besides the one before it.
    ``progress``, if given, is called with models done and their number.

    Raises
    ------
    UnknownNameError
        The run has no model ``against``.
    """
    models = run.species_models
    if against is not None and against not in models:
        raise UnknownNameError(
            f"{run.path}: no model '{against}' to compare with{nearest(against, list(models))} "
            f"(models of this run that name species: {', '.join(models) or 'none'})"
        )
    folder = RunFolder(run.path, run.config)
    outcomes: dict[str, dict[str, Outcome]] = {}
    right: dict[str, dict[str, np.ndarray]] = {grouping: {} for grouping in run.groupings}
    sessions: dict[str, np.ndarray] = {}
    for done, model in enumerate(models):
        if progress:
            progress(done, len(models))
        outcomes[model] = {}
        for grouping in run.groupings:
            folds = run.predictions(model, grouping)
            pooled = pool(folds, run.by_id)
            sessions[grouping] = pooled.sessions
            right[grouping][model] = expected_hits(pooled.targets, pooled.scores)
            outcomes[model][grouping] = summarise(folds, pooled, run.labels)
            if model not in RULES:  # a picture of nothing heard
                _draw(folder, run, model, grouping, outcomes[model][grouping])
    neighbours = [
        step
        for grouping in sessions
        for step in compare_neighbours(grouping, right[grouping], sessions[grouping])
    ]
    comparisons = [
        step
        for grouping in sessions
        if against is not None
        for step in compare_against(against, grouping, right[grouping], sessions[grouping])
    ]
    result = _result(folder, run, outcomes, neighbours, comparisons)
    _write(folder, run, result)
    if progress:
        progress(len(models), len(models))
    return result


def _result(
    folder: RunFolder,
    run: SavedRun,
    outcomes: Outcomes,
    neighbours: Sequence[Neighbours],
    comparisons: Sequence[Neighbours],
) -> CrossvalResult:
    splits = {grouping: report_split(split, run.recordings) for grouping, split in run.splits.items()}
    kept = ("n_folds", "seed", "model_settings", RECIPES)
    settings = {key: run.config[key] for key in kept if key in run.config}
    figures = {
        "settings": {"n_recordings": len(run.recordings), **settings},
        "n_classes": len(run.labels),
        "splits": splits,
        "models": {model: model_mapping(by_grouping, run.labels) for model, by_grouping in outcomes.items()},
        "neighbours": neighbours,
        "learning_curve": learning_curve(run),
    }
    if comparisons:
        figures["against"] = comparisons
    ladder = ladder_lines(run.groupings) if outcomes else ()
    tasks = _tasks(run)
    if tasks:
        figures["tasks"] = {
            model: {
                grouping: {one.task.name: one.to_mapping() for one in found}
                for grouping, found in by_grouping.items()
            }
            for model, by_grouping in tasks.items()
        }
    return CrossvalResult(
        outcomes,
        neighbours,
        ladder_table(outcomes, neighbours, run.groupings),
        plain(figures),
        splits,
        _seconds(folder, run),
        _weights(run),
        (*ladder, *against_lines(comparisons), *_split_notes(splits)),
        Audit.from_mapping(run.audit) if run.audit else None,
        task_table(tasks),
    )


def _tasks(run: SavedRun) -> dict[str, dict[str, list[Judged]]]:
    """By model and grouping, the answers to tasks; models without tasks are left out."""
    found = {
        model: {grouping: judged_tasks(run, model, grouping) for grouping in run.groupings}
        for model in run.models
        if run.settings_of(model).get("tasks")
    }
    return {model: by_grouping for model, by_grouping in found.items() if any(by_grouping.values())}


def _write(folder: RunFolder, run: SavedRun, result: CrossvalResult) -> None:
    folder.write_json(FIGURES, result.figures)
    folder.write_text("table.csv", ladder_csv(result.outcomes, result.neighbours, run.groupings))
    notes = [f"- {note}" for note in result.notes]
    found = ["", "## Audit", "", "```text", *result.audit.lines(), "```"] if result.audit else []
    tasks = [] if result.tasks is None else ["", "## Tasks", "", result.tasks.markdown()]
    ladder = [result.table.markdown()] if result.table.rows else []
    text = "\n".join((*ladder, *notes, *tasks, *found, ""))
    folder.write_text("table.md", text.encode(errors="backslashreplace").decode())  # ids may be any bytes


def _draw(folder: RunFolder, run: SavedRun, model: str, grouping: str, outcome: Outcome) -> None:
    name, title = f"{model}-{grouping}", f"{model}, {grouping} folds"
    accuracy = f"accuracy per recording {outcome.figures['recording', 'accuracy']}"
    confusion = folder.picture("confusion", name)
    draw_confusion(confusion, outcome.confusion, run.labels.names, title=f"{title}\n{accuracy}")
    if outcome.duration.labels:
        draw_durations(folder.picture("durations", name), outcome.duration, title=title)


def learning_curve(run: SavedRun) -> list[dict[str, Any]]:
    """Accuracy per recording by number of training recordings a class, for each model that was asked for it.

    The last entry of a model, with ``per_class`` None, is that of the whole training part. ``n_train`` is the
    mean over the folds.
    """
    points = []
    for model in run.species_models:
        for grouping in run.groupings:
            sizes = [n for n in sorted(run.config.get("per_class", ())) if _has_fits(run, model, grouping, n)]
            for per_class in (*sizes, None) if sizes else ():
                folds = run.predictions(model, grouping, per_class)
                pooled = pool(folds, run.by_id)
                right = expected_hits(pooled.targets, pooled.scores)
                interval = session_interval(right, pooled.sessions)
                points.append(
                    {
                        "model": model,
                        "grouping": grouping,
                        "per_class": per_class,
                        "n_train": float(np.mean([len(fold.train_ids) for fold in folds])),
                        "accuracy": interval.value,
                        "low": interval.low,
                        "high": interval.high,
                    }
                )
    return points


def _has_fits(run: SavedRun, model: str, grouping: str, per_class: int) -> bool:
    names = [fit_name(model, grouping, k, per_class) for k in range(len(run.splits[grouping].folds))]
    return all(predictions_path(run.path, name).exists() for name in names)


def _seconds(folder: RunFolder, run: SavedRun) -> dict[str, float]:
    timings = folder.timings()
    found = {}
    for model in run.models:
        names = [fit_name(model, g, k) for g, split in run.splits.items() for k in range(len(split.folds))]
        if seconds := [timings[name] for name in names if name in timings]:
            found[model] = float(np.mean(seconds))
    return found


def _weights(run: SavedRun) -> dict[str, int]:
    """Of the models that noted how many they have, in the first fold."""
    noted = {model: run.notes(model, run.groupings[0])[0].get("n_weights") for model in run.models}
    return {model: n for model, n in noted.items() if n is not None}


def _split_notes(splits: Mapping[str, SplitReport]) -> tuple[str, ...]:
    notes = []
    for grouping, report in splits.items():
        absent = sorted({*report.untrained, *report.untested})
        notes.append(
            f"{grouping} folds: {report.shared_session:.0%} of test recordings share a session with "
            f"training, {report.shared_recordist:.0%} share recordist and species; "
            f"classes not evaluated in every fold: {', '.join(absent) or 'none'}"
        )
        notes.extend(filter(None, [report.caveat(grouping)]))
    if not any(grouping in GROUPED for grouping in splits):
        notes.append(
            "all recordings are from one session, so training and test share it and the figures are too "
            "optimistic; add recordings from other days, places or recordists"
        )
    return tuple(notes)
