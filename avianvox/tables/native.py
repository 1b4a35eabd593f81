"""Detections as CSV and JSON lines: the same columns, every row kept, also of files that failed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path

from avianvox.errors import InputError
from avianvox.tables.columns import (
    COLUMNS,
    DECIMALS,
    TASK_SCORE,
    TIMES,
    WHOLE,
    answers_to,
    cells,
    detection_of,
    from_csv,
    header_of,
    task_cells,
    task_columns,
    tasks_among,
    with_tasks,
)
from avianvox.tables.rows import Column, Row, json_lines, write_rows
from avianvox.tables.spreadsheet import CsvFormat
from avianvox.types import Detection

_KINDS = dict.fromkeys(DECIMALS, float) | dict.fromkeys(WHOLE, int) | dict.fromkeys(TIMES, datetime)
TYPED_COLUMNS = tuple(Column(name, _KINDS.get(name, str), DECIMALS.get(name, 0)) for name in COLUMNS)
"""`COLUMNS` with their kinds."""


def typed_rows(detections: Iterable[Detection]) -> Iterator[Row]:
    """The values of each detection under `TYPED_COLUMNS`."""
    return ([getattr(detection, name) for name in COLUMNS] for detection in detections)


def typed_table(detections: Iterable[Detection]) -> tuple[tuple[Column, ...], Iterator[Row], tuple[str, ...]]:
    """Columns and rows, and the tasks that have columns besides: those of the first detection."""
    tasks, rows = with_tasks(detections)
    if not tasks:
        return TYPED_COLUMNS, typed_rows(rows), ()
    return (*TYPED_COLUMNS, *typed_task_columns(tasks)), _with_tasks(rows, tasks), tasks


def typed_task_columns(tasks: Iterable[str]) -> Iterator[Column]:
    """`task_columns` with their kinds."""
    for name in task_columns(tasks):
        number = name.endswith(TASK_SCORE)
        yield Column(name, float if number else str, DECIMALS["score"] if number else 0)


def _with_tasks(detections: Iterable[Detection], tasks: Sequence[str]) -> Iterator[Row]:
    for row in detections:
        answers = ((text, score) for _, text, score in answers_to(tasks, row))
        yield [*(getattr(row, name) for name in COLUMNS), *chain.from_iterable(answers)]


class Csv(CsvFormat):
    """Comma-separated values in UTF-8 with the columns of :mod:`avianvox.tables.columns`."""

    endings = (".csv",)
    one_per_recording = False

    def header(self, tasks: Sequence[str] = ()) -> str:
        return header_of(tasks)

    def lines(self, group: Sequence[Detection]) -> str:
        return "".join(self.line((*cells(detection), *task_cells(detection.tasks))) for detection in group)

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        columns, rows, _ = typed_table(detections)
        write_rows(rows, columns, path, "csv", spreadsheet=self.spreadsheet)

    def read(self, path: Path) -> Iterator[Detection]:
        from avianvox.texts import open_lines

        with open_lines(path) as file:
            yield from from_csv(file, origin=str(path))

    def recognises(self, head: str) -> bool:
        columns = head.partition("\n")[0].strip().replace('"', "").split(",")
        return "path" in columns and ("status" in columns or "scientific_name" in columns)


class JsonLines:
    """One JSON object a row, with every column; null where a value is not known."""

    endings = (".jsonl", ".ndjson")
    one_per_recording = False

    def header(self, tasks: Sequence[str] = ()) -> str:
        return ""

    def lines(self, group: Sequence[Detection]) -> str:
        columns, rows, _ = typed_table(group)
        return json_lines(columns, rows)

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        columns, rows, _ = typed_table(detections)
        write_rows(rows, columns, path, "jsonl", about=about)

    def read(self, path: Path) -> Iterator[Detection]:
        from avianvox.documents import parse_json
        from avianvox.texts import open_lines

        with open_lines(path) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                origin = f"{path}, line {number}"
                try:
                    values = parse_json(line)
                except ValueError as error:
                    raise InputError(f"{origin}: not valid JSON: {error}") from error
                yield from_values(values, origin=origin)

    def recognises(self, head: str) -> bool:
        return head.startswith("{") and '"path"' in head


def from_values(values: object, *, origin: str) -> Detection:
    """A detection from an object of JSON or a row of Parquet; other keys are passed over.

    Raises
    ------
    InputError
        There is no path, or a value is not of its column's kind.
    """
    if not isinstance(values, dict) or not isinstance(values.get("path"), str):
        raise InputError(f"{origin}: expected a row of a table of detections, with a 'path'")
    tasks = tasks_among(tuple(values))
    known = (*COLUMNS, *task_columns(tasks))
    texts = {name: str(value) for name in known if (value := values.get(name)) is not None}
    return detection_of(texts, origin=origin, tasks=tasks)
