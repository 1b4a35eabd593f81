"""How good answers to tasks are: figures of each task with intervals over sessions, from predictions alone.

Targets are encoded anew from what the run folder knows of its recordings, so that figures need no training.
Recordings whose value is not known take no part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.errors import RunError
from avianvox.evaluation.bootstrap import Interval, session_interval
from avianvox.evaluation.figures import Table
from avianvox.evaluation.metrics import weighted_sums
from avianvox.evaluation.predictions import FoldPredictions, Pooled, pool
from avianvox.evaluation.saved_run import SavedRun
from avianvox.inference.pooling import pool_rows
from avianvox.tasks.asked import tasks_from_mappings, values_of
from avianvox.tasks.task import Ratio, Task
from avianvox.types import Recording

_LARGE = 100.0
"""From here on, a fraction says nothing."""


@dataclass(frozen=True)
class Judged:
    """The answers to one task for recordings whose value is known.

    Attributes
    ----------
    task : Task
    targets, outputs : np.ndarray, shape (n, task.n_outputs)
    sessions : np.ndarray, shape (n,), str
    recordings : tuple of Recording, length n
    """

    task: Task
    targets: np.ndarray
    outputs: np.ndarray
    sessions: np.ndarray
    recordings: tuple[Recording, ...] = ()

    def figures(self) -> dict[str, Interval]:
        """By name, each with its interval; NaN where nothing is known."""
        found = self.task.figures(self.targets, self.outputs) if len(self.targets) else {}
        return {name: _interval(ratio, self.sessions) for name, ratio in found.items()}

    def to_mapping(self) -> dict[str, Any]:
        """Plain values for ``figures.json``."""
        figures = {
            name: {"pooled": found.value, "low": found.low, "high": found.high}
            for name, found in self.figures().items()
        }
        return {"kind": self.task.kind, "n_recordings": len(self.targets), "figures": figures}


def _interval(ratio: Ratio, sessions: np.ndarray) -> Interval:
    def share(weights: np.ndarray) -> np.ndarray:
        below = weighted_sums(ratio.below, weights)
        whole: np.ndarray = np.where(
            below > 0, weighted_sums(ratio.above, weights) / np.where(below > 0, below, 1), np.nan
        )
        return whole

    return session_interval(share, sessions)


def judged(task: Task, recordings: Sequence[Recording], outputs: np.ndarray) -> Judged:
    """Answers for ``recordings``, shape (n, task.n_outputs), without those whose value is not known."""
    values = values_of(recordings, task.column)
    known = task.known(values)
    kept = tuple(recording for recording, keep in zip(recordings, known, strict=True) if keep)
    sessions = np.array([recording.session for recording in kept])
    return Judged(task, task.encode(values)[known], outputs[known], sessions, kept)


def pooled_outputs(task: Task, outputs: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    """What a task's pooling makes of ``n`` recordings' windows, shape (n, task.n_outputs), float64."""
    return pool_rows(outputs, rows, n, task.pooling, outputs.max(axis=1))


def tasks_of_run(run: SavedRun, model: str) -> tuple[Task, ...]:
    """The tasks that a model of a cross-validation has."""
    rows = run.settings_of(model).get("tasks", ())
    return tasks_from_mappings(rows) if run.answers_tasks(model) else ()


def judged_tasks(run: SavedRun, model: str, grouping: str) -> list[Judged]:
    """The answers of a model to each of its tasks, of the recordings of all folds together.

    Raises
    ------
    RunError
        The predictions lack a task.
    """
    tasks = tasks_of_run(run, model)
    if not tasks:
        return []
    folds = run.predictions(model, grouping)
    joined = pool(folds, run.by_id)
    return [judged(task, joined.recordings, outputs_of(task, folds, joined)) for task in tasks]


def outputs_of(task: Task, folds: Sequence[FoldPredictions], joined: Pooled) -> np.ndarray:
    """Of each row of ``joined``, what the folds' predictions say to a task. Raises as `judged_tasks`."""
    if any(task.name not in fold.tasks for fold in folds):
        raise RunError(f"the predictions have no answers to the task '{task.name}'; run them again")
    outputs = np.concatenate([fold.tasks[task.name] for fold in folds])
    return pooled_outputs(task, outputs, joined.window_rows, len(joined))


def task_table(found: Mapping[str, Mapping[str, Sequence[Judged]]]) -> Table | None:
    """One row for each model, grouping, task and figure; None without tasks. By model, then grouping."""
    rows = [
        (model, grouping, one.task.name, name, shown(interval), str(len(one.targets)))
        for model, by_grouping in found.items()
        for grouping, tasks in by_grouping.items()
        for one in tasks
        for name, interval in one.figures().items()
    ]
    return Table(("model", "folds", "task", "figure", "value", "recordings"), tuple(rows)) if rows else None


def shown(found: Interval) -> str:
    """A figure with its interval, for example ``0.292 [0.24, 0.35]``, or ``2,616 [2,140, 3,146]``."""
    most = max((abs(end) for end in (found.value, found.low, found.high) if end == end), default=0.0)
    value, ends = (",.0f", ",.0f") if most >= _LARGE else (".3f", ".2f")
    if np.isnan(found.low):
        return format(found.value, value)
    return f"{found.value:{value}} [{found.low:{ends}}, {found.high:{ends}}]"
