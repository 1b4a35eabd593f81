"""What a foreign format has no column for, carried along under our own names.

Raven, Kaleidoscope and BirdNET's readers keep columns that they do not know, so that a table can go through
them without loss. Answers to tasks stand behind all others, as in our own tables.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from avianvox.tables.columns import (
    COLUMNS,
    answers_to,
    cells,
    detection_of,
    task_cells,
    task_columns,
    tasks_among,
)
from avianvox.tables.delimited import Line
from avianvox.types import Detection

_OURS = ("time_source", "header_s", "decoded_s")
"""Columns that together stand in no other program's tables. Without them, a column ``status`` or ``rank`` is
somebody else's and means something else."""


class Carried:
    """The columns that follow those of a format.

    Parameters
    ----------
    *held : str
        Columns of a detection that the format has a place for.
    known : iterable of str
        Columns of the format in lower case. A task called like one of them has ``_`` behind its name there.
    """

    def __init__(self, *held: str, known: Iterable[str]) -> None:
        self._columns = tuple(name for name in COLUMNS if name not in held)
        self._known = frozenset((*known, *COLUMNS))

    def header(self, tasks: Sequence[str]) -> tuple[str, ...]:
        """The names of the columns; those of ``tasks`` come last."""
        return (*self._columns, *task_columns(map(self._written, tasks)))

    def cells(self, row: Detection, tasks: Sequence[str]) -> list[str]:
        """What is written under them."""
        values = dict(zip(COLUMNS, cells(row), strict=True))
        return [*(values[name] for name in self._columns), *task_cells(answers_to(tasks, row))]

    def take_back(self, line: Line, row: Detection) -> Detection:
        """``row`` with what a line of our own making carries; any other line adds nothing.

        Raises
        ------
        InputError
            A value is not of its column's kind.
        """
        if not all(name in line.cells for name in _OURS):
            return row
        tasks = tasks_among(tuple(line.cells))
        known = (*self._columns, *task_columns(tasks))
        texts = {name: text for name in known if (text := line.text(name))}
        values = detection_of({"path": row.path, **texts}, origin=line.origin, tasks=tasks)
        answers = tuple(answer._replace(name=self._read(answer.name)) for answer in values.tasks)
        found = {name: getattr(values, name) for name in self._columns if name in texts}
        return replace(row, tasks=answers, **found)

    def _written(self, task: str) -> str:
        return f"{task}_" if task.rstrip("_") in self._known else task

    def _read(self, task: str) -> str:
        return task[:-1] if task.endswith("_") and task.rstrip("_") in self._known else task
