"""The columns of a table of detections, and its CSV rows.

The same columns, in the same order, make up CSV, Parquet and JSON lines. A new column is a new
`TABLE_VERSION`; a column is never renamed. Version 2 has `site` and `time_expansion` besides, version 3
`expected_here`; tables of versions before are read, and lack them. Where a model has tasks, two columns for
each follow, its name and its name with `TASK_SCORE`; such a table is of `TASK_TABLE_VERSION`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import chain
from math import isfinite

from avianvox.errors import InputError
from avianvox.tables.times import one_form
from avianvox.types import Decision, Detection, Status, TaskAnswer
from avianvox.words import valid_unicode

TABLE_VERSION = 3
TASK_TABLE_VERSION = 4
TASK_SCORE = "_score"

COLUMNS = tuple(field.name for field in fields(Detection) if field.name != "tasks")

DECIMALS = {
    "begin_s": 3,
    "end_s": 3,
    "low_hz": 1,
    "high_hz": 1,
    "latitude": 6,
    "longitude": 6,
    "score": 4,
    "header_s": 3,
    "decoded_s": 3,
    "time_expansion": 3,
}
"""Numbers with a fraction, and how many of its digits are written."""

WHOLE = ("channel", "rank")
"""Numbers without one."""

TIMES = ("begin_time", "end_time")
"""Times of day, as `avianvox.tables.times.iso_time` writes them."""

MOST_COUNT = 1 << 31
"""Of a channel or rank; Parquet holds no number without end."""


def cells(detection: Detection) -> list[str]:
    """What is written for ``detection`` under each of `COLUMNS`; nothing where a value is None."""
    return [_cell(name, getattr(detection, name)) for name in COLUMNS]


def task_cells(answers: Iterable[TaskAnswer]) -> list[str]:
    """What is written under `task_columns` of these tasks."""
    return [cell for _, text, score in answers for cell in (valid_unicode(text), _cell("score", score))]


def answers_to(tasks: Sequence[str], detection: Detection) -> tuple[TaskAnswer, ...]:
    """What ``detection`` says to each of ``tasks``."""
    own = {answer.name: answer for answer in detection.tasks}
    return tuple(own.get(name, TaskAnswer(name)) for name in tasks)


def with_tasks(detections: Iterable[Detection]) -> tuple[tuple[str, ...], Iterator[Detection]]:
    """The tasks that have columns in a table of these rows, those of the first one; and all the rows."""
    rows = iter(detections)
    first = next(rows, None)
    if first is None:
        return (), rows
    return tuple(answer.name for answer in first.tasks), chain((first,), rows)


def task_columns(names: Iterable[str]) -> tuple[str, ...]:
    """The columns of tasks."""
    return tuple(column for name in names for column in (name, f"{name}{TASK_SCORE}"))


def tasks_among(columns: Sequence[str]) -> tuple[str, ...]:
    """The tasks that have columns in a table: pairs that follow the last of `COLUMNS`.

    Examples
    --------
    >>> tasks_among((*COLUMNS, "call_type", "call_type_score", "note"))
    ('call_type',)
    """
    begin = columns.index(COLUMNS[-1]) + 1 if COLUMNS[-1] in columns else len(columns)
    names: list[str] = []
    for name, score in zip(columns[begin::2], columns[begin + 1 :: 2], strict=False):
        if score != f"{name}{TASK_SCORE}":
            break
        names.append(name)
    return tuple(names)


def version_of(tasks: Sequence[str]) -> int:
    """Of a table with columns of these tasks."""
    return TASK_TABLE_VERSION if tasks else TABLE_VERSION


def _cell(name: str, value: str | float | None) -> str:
    if value is None:
        return ""
    return f"{value:.{DECIMALS[name]}f}" if name in DECIMALS else valid_unicode(str(value))


def csv_line(row: Iterable[str]) -> str:
    """Cells quoted where RFC 4180 asks for it, separated by commas, with a line end."""
    return (
        ",".join(f'"{c.replace(chr(34), chr(34) * 2)}"' if set(c) & set('",\r\n') else c for c in row) + "\n"
    )


HEADER = csv_line(COLUMNS)


def header_of(tasks: Iterable[str]) -> str:
    """The header of a table with columns of these tasks."""
    return csv_line((*COLUMNS, *task_columns(tasks)))


def to_csv(detections: Iterable[Detection]) -> str:
    """The rows of ``detections``, without the header."""
    return "".join(csv_line((*cells(detection), *task_cells(detection.tasks))) for detection in detections)


def from_csv(lines: Iterable[str], *, origin: str = "table") -> Iterator[Detection]:
    """Read rows back; ``lines`` begin with the header.

    Columns may stand in any order, and others beside them are passed over; only ``path`` has to be there.

    Parameters
    ----------
    lines : iterable of str
    origin : str
        What the lines come from, for messages.

    Raises
    ------
    InputError
        There is no column ``path``, or a value is not of its column's kind; the message names the row.
    """
    import csv

    rows = csv.DictReader(lines)
    try:
        if "path" not in (rows.fieldnames or ()):
            between = ";" in "".join(rows.fieldnames or ())
            what = "cells are separated by semicolons; save it with commas" if between else "there is none"
            raise InputError(f"{origin}: expected a table of detections with a column 'path'; {what}")
        tasks = tasks_among(rows.fieldnames or ())
        for row in rows:
            yield detection_of(row, origin=f"{origin}, line {rows.line_num}", tasks=tasks)
    except csv.Error as error:
        raise InputError(f"{origin}, line {rows.line_num}: not valid CSV: {error}") from error


def detection_of(row: Mapping[str, str | None], *, origin: str, tasks: Sequence[str] = ()) -> Detection:
    """A detection from the texts of a row; raises `InputError` for a value of the wrong kind.

    ``tasks``: those that have columns in the table.
    """
    values: dict[str, object] = {}
    for name in COLUMNS:
        if text := row.get(name):
            try:
                values[name] = _READ[name](text)
            except ValueError as error:
                raise InputError(f"{origin}: column '{name}' cannot be '{text}'") from error
    if tasks:
        values["tasks"] = tuple(_task_answer(row, name, origin) for name in tasks)
    return Detection(**values)  # type: ignore[arg-type]


def _task_answer(row: Mapping[str, str | None], name: str, origin: str) -> TaskAnswer:
    text = row.get(f"{name}{TASK_SCORE}")
    try:
        return TaskAnswer(name, row.get(name) or "", _number(text) if text else None)
    except ValueError as error:
        raise InputError(f"{origin}: column '{name}{TASK_SCORE}' cannot be '{text}'") from error


def _number(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(text)
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise ValueError(text)
    return value


def _whole(text: str) -> int:
    """A whole number; ``2.0`` is one, as programs write that keep a column with gaps as fractions."""
    value = _number(text)
    if value != int(value) or abs(value) > MOST_COUNT:
        raise ValueError(text)
    return int(value)


_READ: dict[str, Callable[[str], object]] = dict.fromkeys(COLUMNS, str)
_READ |= dict.fromkeys(DECIMALS, _number) | dict.fromkeys(WHOLE, _whole) | dict.fromkeys(TIMES, one_form)
_READ["time_expansion"] = _positive
_READ |= {"status": Status, "decision": Decision}
