"""The rows that an overview is made of: those of each recording together, and no recording twice."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from avianvox.audio.locate import recordings_in
from avianvox.errors import InputError
from avianvox.files import named
from avianvox.tables.formats import EVERY_ROW, FORMATS, WRITE_ONLY, format_of, read_table
from avianvox.tables.recordings import folder_of
from avianvox.types import Detection

ROWS = ".rows.csv"
"""What ``classify`` appends to the name of a table in another format, for the rows that it keeps."""


def recordings_of(
    tables: Sequence[Path],
    *,
    form: str | None = None,
    audio: Path | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> Iterator[list[Detection]]:
    """The rows of one recording after the other.

    A table of a format that holds named spans alone says nothing of recordings without any. Where the rows
    that ``classify`` kept lie beside it, these are read in its place.

    Parameters
    ----------
    tables : sequence of Path
        Tables, or folders of them.
    form : str, optional
        The format of all tables; by default what their content says.
    audio : Path, optional
        The folder of the recordings, for tables that don't say by themselves what their times mean.
    warn : callable
        Called with what should be known of a table.

    Raises
    ------
    InputError
        A recording comes twice, or its rows don't stand together: its length would count twice.
    """
    met: dict[int, Path] = {}
    places: set[str] = set()
    for table in tables:
        if (place := os.path.realpath(table)) in places:
            raise InputError(f"{table}: given twice; its length would count twice")
        places.add(place)
        path, name = _source(table, form, warn)
        beside = folder_of(path)
        sounds = recordings_in(audio or beside, tables=beside, may_be_empty=audio is None)
        table_rows = read_table(path, name, recordings=sounds)
        for recording, rows in groupby(table_rows, key=lambda row: row.path):
            key = hash(recording)
            if key in met:
                raise InputError(_twice(recording, met[key], path))
            met[key] = path
            yield list(rows)


def _twice(recording: str, first: Path, path: Path) -> str:
    if first == path:
        return f"{path}: the rows of {recording} don't stand together; sort the table by path and begin"
    return f"{recording} is in {first} and in {path}: its length would count twice; give one of the two"


def _counts_periods(table: Path, name: str) -> bool:
    """Whether a table holds no detections: one by hour, say."""
    try:
        next(read_table(table, name), None)
    except InputError:
        return True
    return False


def _source(table: Path, form: str | None, warn: Callable[[str], None]) -> tuple[Path, str | None]:
    """The table to read in place of ``table``, and its format."""
    kept = named(table)
    kept = kept.with_name(kept.name + ROWS)
    if os.path.isdir(table):
        name = form or next((n for n in FORMATS if FORMATS.get(n).one_per_recording), "")
    elif not os.path.exists(table):
        raise InputError(f"{table}: no such table")
    else:
        try:
            name = format_of(table, form)
        except InputError:
            if not os.path.isfile(kept):
                raise
            name = ""  # a table by hour, say
    readable = name in EVERY_ROW and name not in WRITE_ONLY
    if readable and not (os.path.isfile(kept) and _counts_periods(table, name)):
        return table, name
    if os.path.isfile(kept):
        if name not in EVERY_ROW:
            warn(f"{table}: read from {kept.name}, which also holds recordings without detections")
        return kept, "csv"
    if name in WRITE_ONLY:
        raise InputError(f"{table}: a table in the format {name} is not read; give it as CSV or Parquet")
    warn(
        f"{table}: recordings without detections are not in it, so effort is too low and rates are too high; "
        "give CSV, JSON lines or Parquet"
    )
    return table, form
