"""Typed rows of any table, written as CSV, JSON lines, Parquet or a spreadsheet.

A table is a tuple of `Column` and rows with one value for each, None or an empty text where it is not known.
Detections are such a table (:mod:`avianvox.tables.native`); counts by hour and by day are others. Start with
`write_rows`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from avianvox.errors import InputError, UnknownNameError, require_extra
from avianvox.files import atomic_write
from avianvox.registry import nearest
from avianvox.tables.columns import csv_line
from avianvox.tables.spreadsheet import safe_line, write_sheet
from avianvox.words import valid_unicode

Value = str | int | float | None
Row = Sequence[Value]

ROW_GROUP = 16_384
"""Rows that stand in memory at a time while Parquet is written or read."""


@dataclass(frozen=True, slots=True)
class Column:
    """Name and kind of a column; ``decimals`` is how many digits of a fraction are kept.

    Values of the kind `datetime` are texts in ISO 8601. In Parquet they are timestamps in milliseconds, as
    the clock showed them, with another column beside them, see `offset_name`.
    """

    name: str
    kind: type[str] | type[int] | type[float] | type[datetime] = str
    decimals: int = 0

    def text(self, value: Value) -> str:
        """What CSV holds; empty where the value is not known."""
        if value is None:
            return ""
        return f"{value:.{self.decimals}f}" if self.kind is float else valid_unicode(str(value))

    def plain(self, value: Value) -> Value:
        """What JSON and Parquet hold; None where the value is not known."""
        if value is None or value == "":
            return None
        if self.kind is float:
            return round(float(value), self.decimals)
        return int(value) if self.kind is int else valid_unicode(str(value))


def offset_name(name: str) -> str:
    """The column of Parquet beside ``name``: seconds from UTC to that clock, null where nobody knows.

    Examples
    --------
    >>> offset_name("begin_time")
    'begin_utc_offset_s'
    """
    return f"{name.removesuffix('_time')}_utc_offset_s"


def csv_header(columns: Sequence[Column]) -> str:
    return csv_line(column.name for column in columns)


def csv_lines(columns: Sequence[Column], rows: Iterable[Row], *, spreadsheet: bool = False) -> str:
    """``spreadsheet``: no cell is taken for a formula, see :mod:`avianvox.tables.spreadsheet`."""
    line = safe_line if spreadsheet else csv_line
    return "".join(line(c.text(v) for c, v in zip(columns, row, strict=True)) for row in rows)


def json_lines(columns: Sequence[Column], rows: Iterable[Row]) -> str:
    """One object a row, with every column."""
    from json import dumps

    return "".join(
        dumps({c.name: c.plain(v) for c, v in zip(columns, row, strict=True)}, ensure_ascii=False) + "\n"
        for row in rows
    )


def write_rows(
    rows: Iterable[Row],
    columns: Sequence[Column],
    path: Path | str,
    name: str,
    *,
    about: Mapping[str, str] | None = None,
    spreadsheet: bool = False,
) -> None:
    """Write a table; the file appears whole or not at all, and only a part of it is in memory at a time.

    Parameters
    ----------
    rows : iterable of sequences
    columns : sequence of Column
    path : path-like
    name : {"csv", "jsonl", "parquet", "xlsx"}
    about : mapping of str to str, optional
        What the table is and comes from; kept in the metadata of a Parquet file or a spreadsheet.
    spreadsheet : bool
        Of CSV: no cell is taken for a formula.

    Raises
    ------
    UnknownNameError
        ``name`` is none of the four.
    InputError
        There are more rows than a sheet holds; Parquet, and a time that is none of ISO 8601.
    MissingExtraError
        Parquet without the package pyarrow, or a sheet without xlsxwriter.
    OutputError
    """
    known = ["csv", *_WRITERS]
    if name not in known:
        raise UnknownNameError(f"unknown format '{name}'{nearest(name, known)} of typed rows")
    require_package(name)
    with atomic_write(path, "wb") as file:
        if name == "csv":
            _write_csv(rows, columns, file, spreadsheet=spreadsheet)
        else:
            _WRITERS[name](rows, columns, file, about or {})


_PACKAGES = {"parquet": ("pyarrow", "Parquet"), "xlsx": ("xlsxwriter", "a spreadsheet (.xlsx)")}


def require_package(name: str) -> None:
    """Raise `MissingExtraError` where the format ``name`` wants a package that is not installed."""
    if name in _PACKAGES:
        module, purpose = _PACKAGES[name]
        require_extra(module, extra=name, purpose=purpose)


def form_of(path: Path) -> str:
    """The format of `write_rows` that a name ends in.

    Raises
    ------
    InputError
        It ends in none.
    MissingExtraError
        As `write_rows`.
    """
    name, known = path.suffix[1:].lower(), ["csv", *_WRITERS]
    if name not in known:
        endings = ", ".join(f".{one}" for one in known)
        raise InputError(f"{path}: expected a table that ends in {endings}, got '{path.name}'; name another")
    require_package(name)
    return name


About = Mapping[str, str]


def _write_csv(rows: Iterable[Row], columns: Sequence[Column], file: IO[bytes], *, spreadsheet: bool) -> None:
    file.write(csv_header(columns).encode())
    for row in rows:
        file.write(csv_lines(columns, [row], spreadsheet=spreadsheet).encode())


def _write_json(rows: Iterable[Row], columns: Sequence[Column], file: IO[bytes], _: About) -> None:
    for row in rows:
        file.write(json_lines(columns, [row]).encode())


def _write_parquet(rows: Iterable[Row], columns: Sequence[Column], file: IO[bytes], about: About) -> None:
    from pyarrow import parquet

    schema = arrow_schema(columns, about)
    rows = iter(rows)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(islice(rows, ROW_GROUP)):
            writer.write_batch(arrow_batch(group, columns, schema))


def arrow_schema(columns: Sequence[Column], about: About) -> Any:
    """The `pyarrow.Schema` of columns; what ``about`` says is in its metadata."""
    import pyarrow as pa

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), datetime: pa.timestamp("ms")}
    return pa.schema(
        [pa.field(name, kinds[kind]) for name, kind in flat_columns(columns)],
        metadata={f"avianvox.{key}": value for key, value in about.items()},
    )


def arrow_batch(rows: Sequence[Row], columns: Sequence[Column], schema: Any) -> Any:
    """Rows as a `pyarrow.RecordBatch` of the schema that `arrow_schema` gives."""
    import pyarrow as pa

    values = flat_values(rows, columns)
    arrays = [pa.array(one, field.type) for one, field in zip(values, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def flat_columns(columns: Sequence[Column]) -> list[tuple[str, type]]:
    """Names and kinds where a time is two columns: what the clock showed, and `offset_name`."""
    found: list[tuple[str, type]] = []
    for column in columns:
        found.append((column.name, column.kind))
        found += [(offset_name(column.name), int)] if column.kind is datetime else []
    return found


def flat_values(rows: Sequence[Row], columns: Sequence[Column]) -> list[Sequence[Any]]:
    """The values under each of `flat_columns`; None where one is not known."""
    found: list[Sequence[Any]] = []
    for i, column in enumerate(columns):
        plain = [column.plain(row[i]) for row in rows]
        if column.kind is datetime:
            clocks = [_clock(value) for value in plain]
            found += [moment for moment, _ in clocks], [offset for _, offset in clocks]
        else:
            found.append(plain)
    return found


def _clock(text: Value) -> tuple[datetime | None, int | None]:
    """What the clock showed, and its offset from UTC in seconds: a column holds any zone, or none."""
    if text is None:
        return None, None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise InputError(f"expected a time in ISO 8601, got '{text}'") from error
    offset = moment.utcoffset()
    return moment.replace(tzinfo=None), None if offset is None else int(offset.total_seconds())


_WRITERS: dict[str, Callable[[Iterable[Row], Sequence[Column], IO[bytes], About], Any]] = {
    "jsonl": _write_json,
    "parquet": _write_parquet,
    "xlsx": write_sheet,
}
