"""Lines of foreign tables: columns found by name, numbers read, errors that name file and line."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from pathlib import Path

from avianvox.errors import InputError
from avianvox.tables.columns import MOST_COUNT
from avianvox.texts import open_lines


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table: ``column -> text``, names in lower case without ``*``.

    ``origin`` says in messages where it stands.
    """

    cells: Mapping[str, str]
    origin: str

    def text(self, *names: str) -> str:
        """The first of the named columns that holds anything, or an empty text."""
        return next((cell for name in names if (cell := self.cells.get(name, "").strip())), "")

    def exact(self, name: str) -> str:
        """The text of a column with the spaces around it, which may belong to the name of a file."""
        return self.cells.get(name, "")

    def number(self, *names: str) -> float | None:
        """Like `text`, as a number; None where there is none.

        Raises
        ------
        InputError
            It is not a finite number.
        """
        text = self.text(*names)
        return read_number(text, origin=f"{self.origin}, column '{names[0]}'") if text else None

    def whole(self, *names: str) -> int | None:
        """Like `number`, without its fraction; raises `InputError` for one that counts nothing."""
        value = self.number(*names)
        if value is not None and abs(value) > MOST_COUNT:
            raise InputError(f"{self.origin}, column '{names[0]}': expected a small number, got {value:g}")
        return None if value is None else int(value)

    def needed(self, *names: str) -> float:
        """Like `number`; raises `InputError` where there is none."""
        value = self.number(*names)
        if value is None:
            raise InputError(f"{self.origin}: column '{names[0]}' is empty or missing; expected a number")
        return value


def read_number(text: str, *, origin: str) -> float:
    """A finite number, with a point or, as some countries write it, a comma; else `InputError`."""
    try:
        value = float(text if "." in text else text.replace(",", "."))
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise InputError(f"{origin}: expected a number, got '{text}'")
    return value


def column_names(header: str, delimiter: str) -> list[str]:
    """Names of the columns as `Line` knows them; none where ``header`` is no line of a table."""
    try:
        return [_name(cell) for cell in next(csv.reader([header], delimiter=delimiter), [])]
    except csv.Error:  # a line that ends in \r alone goes on behind it
        return []


def read_head(path: Path) -> tuple[str, list[str]]:
    """What parts the cells of a table, comma, semicolon or tab, and the names of its columns.

    Raises
    ------
    InputError
        It cannot be read.
    """
    with open_lines(path) as lines:
        header = next(lines, "")
    delimiter = delimiter_of(header)
    return delimiter, column_names(header, delimiter)


def delimiter_of(header: str) -> str:
    """What parts the cells of a line: comma, semicolon (spreadsheets where 1,5 is a number) or tab.

    Examples
    --------
    >>> delimiter_of("path;label;latitude"), delimiter_of("path")
    (';', ',')
    """
    return max(",;\t", key=header.count)


def dict_rows(lines: Iterator[str]) -> "csv.DictReader[str]":
    """Rows by the names in the first line, whatever parts its cells; an absent cell is an empty text."""
    header = next(lines, "")
    return csv.DictReader(
        chain([header] if header else [], lines), restval="", delimiter=delimiter_of(header)
    )


def read_lines(path: Path, delimiter: str) -> Iterator[Line]:
    """The lines of a table whose first line holds the names of its columns; empty ones are passed over.

    Raises
    ------
    InputError
        It cannot be read, or is not a table.
    """
    with open_lines(path) as lines:
        tabs = delimiter == "\t"
        rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL)
        plain = unquoted if tabs else str
        try:
            names = [_name(plain(cell)) for cell in next(rows, [])]
            for row in rows:
                if any(row):
                    cells = dict(zip(names, map(plain, row), strict=False))
                    yield Line(cells, f"{path}, line {rows.line_num}")
        except csv.Error as error:
            raise InputError(f"{path}, line {rows.line_num}: not a table of text: {error}") from error


def unquoted(cell: str) -> str:
    """A cell between tabs without the quotes around all of it.

    Programs that write tabs don't quote, and a name may hold a quote of its own; spreadsheets and R quote
    whole cells, and double the quotes within.
    """
    cell = cell.strip()
    if len(cell) < 2 or cell[0] != '"' or cell[-1] != '"' or '"' in cell[1:-1].replace('""', ""):
        return cell
    return cell[1:-1].replace('""', '"').strip()


def _name(cell: str) -> str:
    return cell.strip().rstrip("*").strip().lower()
