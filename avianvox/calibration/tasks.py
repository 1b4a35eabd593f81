"""What scores of tasks are worth: a temperature for each task with scores, judged on held-out folds.

The temperature divides the numbers before the activation, of recordings and of windows alike. It is fitted on
recordings, by least log loss; for the figures, each fold has the temperature of the others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.calibration.scaling import calibration_error
from avianvox.evaluation.plain import plain
from avianvox.evaluation.predictions import pool
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.task_figures import outputs_of, tasks_of_run
from avianvox.tasks.asked import values_of
from avianvox.tasks.scaled import scaled

_MOST_LOG_TEMPERATURE = 3.0
_LEAST = 1e-7
"""Of a probability before its logarithm."""


@dataclass(frozen=True, slots=True)
class TaskCalibration:
    """Of one task; ``error``: expected calibration error, of each class where several may be right.

    ``n``: recordings whose value is known. ``after`` is of held-out folds.
    """

    temperature: float
    n: int
    error_before: float
    error_after: float
    log_loss_before: float
    log_loss_after: float

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dict(plain(self))


def calibrate_tasks(run: SavedRun, model: str, grouping: str) -> dict[str, TaskCalibration]:
    """By name: the calibration of each task of a model that has scores; empty without tasks.

    Raises
    ------
    RunError
        The predictions lack a task.
    """
    found: dict[str, TaskCalibration] = {}
    for task in tasks_of_run(run, model):
        if task.activation == "none":
            continue
        folds = run.predictions(model, grouping)
        joined = pool(folds, run.by_id)
        values = values_of(joined.recordings, task.column)
        known = task.known(values)
        targets = task.encode(values)[known]
        outputs = outputs_of(task, folds, joined)[known]
        ids = np.array([recording.id for recording in joined.recordings])[known]
        found[task.name] = _calibration(targets, outputs, ids, joined.folds[known], task.activation)
    return found


def _calibration(
    targets: np.ndarray, outputs: np.ndarray, ids: np.ndarray, folds: np.ndarray, activation: str
) -> TaskCalibration:
    crossed = outputs.astype(np.float64)
    for fold in np.unique(folds):
        own = folds == fold
        rest = ~np.isin(ids, ids[own])  # folds drawn independently of each other share recordings
        if rest.any():
            temperature = fit_temperature(targets[rest], outputs[rest], activation)
            crossed[own] = scaled(crossed[own], activation, temperature)
    return TaskCalibration(
        temperature=fit_temperature(targets, outputs, activation),
        n=len(targets),
        error_before=_error(targets, outputs, activation),
        error_after=_error(targets, crossed, activation),
        log_loss_before=_log_loss(targets, outputs, activation),
        log_loss_after=_log_loss(targets, crossed, activation),
    )


def fit_temperature(targets: np.ndarray, outputs: np.ndarray, activation: str) -> float:
    """The temperature of least log loss; 1 where there is nothing to learn from."""
    from scipy.optimize import minimize_scalar

    if not len(targets):
        return 1.0

    def loss(log_temperature: float) -> float:
        return _log_loss(targets, scaled(outputs, activation, float(np.exp(log_temperature))), activation)

    most = _MOST_LOG_TEMPERATURE
    return float(np.exp(minimize_scalar(loss, bounds=(-most, most), method="bounded").x))


def _log_loss(targets: np.ndarray, outputs: np.ndarray, activation: str) -> float:
    p = np.clip(outputs.astype(np.float64), _LEAST, 1 - _LEAST)
    each = targets * np.log(p)
    if activation == "sigmoid":
        each = each + (1 - targets) * np.log(1 - p)
    return float(-each.sum(axis=1).mean()) if len(each) else float("nan")


def _error(targets: np.ndarray, outputs: np.ndarray, activation: str) -> float:
    if not len(targets):
        return float("nan")
    if activation == "softmax":
        return calibration_error(outputs, targets.argmax(axis=1))
    yes = outputs.astype(np.float64).ravel()
    return calibration_error(np.stack([1 - yes, yes], axis=1), targets.ravel().astype(np.int64))
