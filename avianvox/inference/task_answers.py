"""What a model says to its tasks: windows pooled to a recording, numbers to answers."""

from collections.abc import Mapping, Sequence

import numpy as np

from avianvox.errors import AvianvoxError, ModelFileError
from avianvox.inference.calibration import LEAST_TEMPERATURE
from avianvox.inference.pooling import POOLINGS, poolings_of
from avianvox.modelinfo import ModelInfo, Output
from avianvox.tasks import TASK_KINDS
from avianvox.tasks.scaled import scaled
from avianvox.tasks.task import Task
from avianvox.types import TaskAnswer

Outputs = Mapping[str, np.ndarray]
"""Of each task, by name: numbers of one span, shape (n_outputs,)."""


class TaskReader:
    """The tasks of one model, with what its calibration says of them.

    Parameters
    ----------
    info : ModelInfo

    Raises
    ------
    ModelFileError
        A task is of a kind that this release does not know, or its calibration is not valid.
    """

    def __init__(self, info: ModelInfo) -> None:
        self.tasks = tuple(task_of(output, info.name) for output in info.tasks)
        known = info.calibration.get("tasks", {})
        self._temperatures = {task.name: _temperature(known, task.name) for task in self.tasks}

    def answers(self, outputs: Outputs, *, calibrated: bool = True) -> tuple[TaskAnswer, ...]:
        """One answer for each task."""
        found = []
        for task in self.tasks:
            numbers = outputs[task.name].astype(np.float64)
            temperature = self._temperatures[task.name] if calibrated else 1.0
            text, score = task.answer(scaled(numbers, task.activation, temperature))
            found.append(TaskAnswer(task.name, text, score))
        return tuple(found)

    def pool(self) -> "TaskPool":
        """What makes a recording of windows."""
        return TaskPool(self.tasks)


class TaskPool:
    """Windows to a recording, by the pooling of each task."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._pools = {task.name: POOLINGS.get(task.pooling)() for task in tasks}

    def add(self, outputs: Outputs) -> None:
        for name, pool in self._pools.items():
            pool.add(outputs[name], float(outputs[name].max()))

    def outputs(self) -> Outputs:
        """Of the recording; one window at least was added."""
        return {name: pool.scores() for name, pool in self._pools.items()}


def task_of(output: Output, model: str) -> Task:
    """The task that an output answers; raises `ModelFileError` for one that this release does not know."""
    if output.kind not in TASK_KINDS:
        raise ModelFileError(
            f"the model '{model}' answers a task of the kind '{output.kind:.40}', expected one of "
            f"{', '.join(TASK_KINDS)}; update avianvox"
        )
    try:
        task = TASK_KINDS.get(output.kind).of(output.name, output.classes, output.unit, output.pooling)
    except AvianvoxError as error:
        raise ModelFileError(f"the model '{model}': {error}; export it again") from error
    known = poolings_of(task.activation)
    if task.pooling not in known:
        raise ModelFileError(
            f"the model '{model}': the task '{task.name}' asks for the pooling '{task.pooling:.40}', "
            f"expected one of {', '.join(known)}; update avianvox, or train it again"
        )
    if task.n_outputs != output.size:
        raise ModelFileError(
            f"the model '{model}': the task '{output.name}' has {output.size} numbers, expected "
            f"{task.n_outputs}; export it again"
        )
    return task


def _temperature(known: object, name: str) -> float:
    found = known.get(name, {}) if isinstance(known, Mapping) else None
    value = found.get("temperature", 1.0) if isinstance(found, Mapping) else None
    if not isinstance(value, int | float) or not LEAST_TEMPERATURE <= value < float("inf"):
        raise ModelFileError(
            f"the calibration of the task '{name}' is not valid: expected a temperature above 0, "
            f"got {value!r:.40}; calibrate the model again"
        )
    return float(value)
