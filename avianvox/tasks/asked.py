"""The tasks of a training: read from settings, settled on a catalog."""

from collections.abc import Iterable, Sequence
from typing import Any

from avianvox.config import Choice, row_of, settings_to_mapping
from avianvox.dataset.labels.columns import Value, column_value, column_values
from avianvox.errors import ConfigError
from avianvox.tables.columns import COLUMNS, task_columns
from avianvox.tasks import TASK_KINDS
from avianvox.tasks.task import Task
from avianvox.types import Recording

WHERE = "[tasks]"  # in messages between brackets: [[tasks]]


def tasks_of(choices: Iterable[Choice]) -> tuple[Task, ...]:
    """The tasks that ``[[tasks]]`` names.

    Raises
    ------
    ConfigError
        A kind or a setting is unknown, or a name stands there twice.
    """
    tasks = tuple(row_of(TASK_KINDS, choice, WHERE) for choice in choices)
    names = [task.name for task in tasks]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"[[tasks]]: the name '{twice[0]}' stands there twice; give each task its own")
    return tasks


def choices_of(tasks: Iterable[Task]) -> tuple[Choice, ...]:
    """The inverse of `tasks_of`: what is written of tasks, without what says nothing new."""
    return tuple(Choice(task.kind, tuple(settings_to_mapping(task).items())) for task in tasks)


def tasks_from_mappings(rows: Iterable[dict[str, Any]]) -> tuple[Task, ...]:
    """Tasks from the plain values of a configuration in JSON."""
    choices = [Choice(str(row["kind"]), tuple((k, v) for k, v in row.items() if k != "kind")) for row in rows]
    return tasks_of(choices)


def settled_tasks(tasks: Iterable[Task], recordings: Sequence[Recording]) -> tuple[Task, ...]:
    """Tasks with the classes of usable recordings.

    Raises
    ------
    ConfigError
        Two columns of a table of detections would have one name.
    InputError
        As `Task.settled` and `column_values`.
    """
    tasks = tuple(tasks)
    _refuse_taken_columns([task.name for task in tasks])
    return tuple(task.settled(column_values(recordings, task.column)) for task in tasks)


def _refuse_taken_columns(names: Sequence[str]) -> None:
    columns = (*COLUMNS, *task_columns(names))
    for name in names:
        if taken := [column for column in task_columns([name]) if columns.count(column) > 1]:
            raise ConfigError(
                f"[[tasks]] {name}: a table has another column '{taken[0]}'; give the task another name, "
                f'such as "{name[:35]}_task", and column = "{name}" where its labels stand there'
            )


def values_of(recordings: Iterable[Recording], column: str) -> tuple[Value, ...]:
    """The value of a column for each recording, where some of them may lack the column."""
    return tuple(column_value(recording, column) for recording in recordings)


def columns_of(tasks: Iterable[Task], recordings: Sequence[Recording]) -> dict[str, tuple[Value, ...]]:
    """The values of each column that tasks read, one for each recording."""
    return {task.column: values_of(recordings, task.column) for task in tasks}
