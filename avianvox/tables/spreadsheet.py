"""Tables for spreadsheets, in which no text is taken for a formula.

``.xlsx`` says of each cell whether it is a text or a number. CSV can't, and a spreadsheet runs what begins
with =, +, - or @: `safe_cell` puts an apostrophe in front, on request alone, since such names join no more.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from avianvox.errors import InputError
from avianvox.files import scratch_folder
from avianvox.tables.columns import csv_line, version_of

if TYPE_CHECKING:
    from avianvox.tables.rows import Column, Row
    from avianvox.types import Detection

MOST_ROWS = 1_048_576
"""Of a sheet, the header among them."""
MOST_CHARACTERS = 32_767
"""Of a cell."""

_FORMULA = re.compile(r"[=+\-@＝＋－＠\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


def safe_cell(text: str) -> str:
    """``text``, with an apostrophe in front where a spreadsheet might run it.

    Examples
    --------
    >>> [safe_cell(text) for text in ("=1+1", "-Turdus merula", "-66.5", "Turdus")]
    ["'=1+1", "'-Turdus merula", '-66.5', 'Turdus']
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def safe_line(cells: Iterable[str]) -> str:
    """`csv_line` of safe cells."""
    return csv_line(map(safe_cell, cells))


class CsvFormat:
    """What formats in CSV have in common: they may be written with safe cells."""

    spreadsheet = False

    def line(self, cells: Iterable[str]) -> str:
        """The line that stands for ``cells``."""
        return safe_line(cells) if self.spreadsheet else csv_line(cells)


class Xlsx:
    """One sheet with typed cells, a row at a time in memory. It is written and not read back."""

    endings = (".xlsx",)
    one_per_recording = False

    def write(
        self, detections: "Iterable[Detection]", path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        from avianvox.tables.native import typed_table
        from avianvox.tables.rows import write_rows

        columns, found, tasks = typed_table(detections)
        about = {"table": "detections", "table_version": str(version_of(tasks)), **(about or {})}
        write_rows(found, columns, path, "xlsx", about=about)

    def read(self, path: Path) -> "Iterator[Detection]":
        raise InputError(f"{path}: a spreadsheet is not read back; save the sheet as CSV (UTF-8)")

    def recognises(self, head: str) -> bool:
        return head.startswith("PK\x03\x04")


def write_sheet(
    rows: "Iterable[Row]", columns: "Sequence[Column]", file: IO[bytes], about: Mapping[str, str]
) -> None:
    """Write a workbook of one sheet; the same rows give the same bytes."""
    from datetime import datetime

    from xlsxwriter import Workbook

    with scratch_folder() as folder:
        book = Workbook(file, {"constant_memory": True, "tmpdir": str(folder)})
        book.set_properties({"created": datetime(2000, 1, 1)})
        for key, text in about.items():
            book.set_custom_property(f"avianvox.{key}", text, "text")
        sheet = book.add_worksheet("avianvox")
        try:
            _fill(sheet, rows, columns)
        except BaseException:
            sheet.row_data_fh.close()  # which the library does only where the book is finished
            raise
        book.close()


def _fill(sheet: Any, rows: "Iterable[Row]", columns: "Sequence[Column]") -> None:
    sheet.freeze_panes(1, 0)
    for n, column in enumerate(columns):
        sheet.write_string(0, n, column.name)
    for number, row in enumerate(rows, start=1):
        if number >= MOST_ROWS:
            raise InputError(f"a sheet holds {MOST_ROWS:,} rows, here are more; write CSV or Parquet")
        for n, (field, given) in enumerate(zip(columns, row, strict=True)):
            value = field.plain(given)
            if isinstance(value, int | float):
                sheet.write_number(number, n, value)
            elif value is not None and sheet.write_string(number, n, value):
                raise InputError(
                    f"row {number}, column '{field.name}': a cell of a sheet holds {MOST_CHARACTERS:,} "
                    f"characters, and there are {len(value):,}; write CSV or Parquet"
                )
