"""Tables of the same rows in one format or several: one for all recordings, or one for each of them.

`plan_tables` says which tables come about, and `write_tables` writes them, each in a pass of its own over the
rows, so that nothing is kept of them.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avianvox.errors import InputError
from avianvox.files import output_error
from avianvox.tables.formats import FORMATS, form_of, format_of_new, is_one_file, write_folder
from avianvox.tables.spreadsheet import CsvFormat
from avianvox.types import Detection


@dataclass(frozen=True, slots=True)
class Tables:
    """What is written.

    Attributes
    ----------
    out : Path
        The file, or the folder of all tables.
    whole : tuple of (str, Path)
        Formats and files with the rows of all recordings.
    each : tuple of str
        Formats with a table for each recording, below ``out``.
    """

    out: Path
    whole: tuple[tuple[str, Path], ...]
    each: tuple[str, ...]

    @property
    def in_folder(self) -> bool:
        """Whether ``out`` is a folder."""
        return bool(self.each) or self.whole[0][1] != self.out

    def told(self) -> str:
        """The tables, for people: ``results/events.csv, raven tables of each recording in results``."""
        parts = [str(path) for _, path in self.whole]
        parts += [f"{' and '.join(self.each)} tables of each recording in {self.out}"] if self.each else []
        return ", ".join(parts)


def plan_tables(out: Path | str, names: Sequence[str], *, base: str, per_file: bool | None = None) -> Tables:
    """Which tables come of ``out``.

    One format is written as `write_table` does. Several are written into the folder ``out``: formats whose
    tables speak of one recording as a table for each, and the others as ``<out>/<base>.csv`` and so on.

    Parameters
    ----------
    out : path-like
    names : sequence of str
        Names in `FORMATS`.
    base : str
        What a table of all recordings is called in a folder, without its ending.
    per_file : bool, optional
        True: a table for each recording in every format. False: one for all of them.

    Raises
    ------
    InputError
        A folder is needed and ``out`` is called like a table, or a format holds no more than one recording.

    Examples
    --------
    >>> tables = plan_tables("results", ["csv", "xlsx", "raven"], base="events")
    >>> [path.as_posix() for _, path in tables.whole], tables.each
    (['results/events.csv', 'results/events.xlsx'], ('raven',))
    """
    if per_file is False:
        for name in names:
            if FORMATS.get(name).one_per_recording and name != "raven":
                raise InputError(f"a table of {name} holds one recording; expected --per-file for it")
        if len(names) == 1 and not is_one_file(out, names[0]):
            ending = FORMATS.get(names[0]).endings[0]
            raise InputError(f"'{out}': a table of all recordings is one file; end its name in {ending}")
    if len(names) == 1 and not per_file:
        one = is_one_file(out, names[0])
        return Tables(Path(out), ((names[0], Path(out)),) if one else (), () if one else tuple(names))
    if (called := _called(out)) and not os.path.isdir(out):
        raise InputError(
            f"'{out}' is called like a {called} table, and these tables need a folder; name one, such as "
            f"'{os.path.splitext(out)[0]}'"
        )
    each = tuple(
        name for name in names if (FORMATS.get(name).one_per_recording if per_file is None else per_file)
    )
    rest = (name for name in names if name not in each)
    return Tables(
        Path(out), tuple((name, Path(out, f"{base}{FORMATS.get(name).endings[0]}")) for name in rest), each
    )


def _called(out: Path | str) -> str:
    """The format that a name ends in; nothing where it ends in none."""
    try:
        return format_of_new(out)
    except InputError:
        return ""


def write_tables(
    tables: Tables,
    rows: Callable[[], Iterable[Detection]],
    *,
    root: Path | str | None = None,
    about: Mapping[str, str] | None = None,
    spreadsheet: bool = False,
    refuse: Callable[[str], None] | None = None,
) -> None:
    """Write all tables.

    Parameters
    ----------
    tables : Tables
    rows : callable
        Gives the rows anew each time; those of a recording stand together.
    root, about, refuse
        As in `avianvox.tables.formats.write_table`.
    spreadsheet : bool
        Of the formats in CSV: no cell is taken for a formula.

    Raises
    ------
    InputError, OutputError, MissingExtraError
        As `avianvox.tables.formats.write_table`.
    """
    if tables.in_folder:
        make_folder(tables.out)
    for name, path in tables.whole:
        if tables.in_folder and refuse is not None:
            refuse(str(path))
        form_of(name, spreadsheet=spreadsheet and is_csv(name)).write(rows(), path, about)
    for name in tables.each:
        safe = spreadsheet and is_csv(name)
        write_folder(rows(), tables.out, name, root=root, about=about, spreadsheet=safe, refuse=refuse)


def make_folder(out: Path) -> None:
    """Make a folder if need be; raises `OutputError`."""
    try:
        os.makedirs(out, exist_ok=True)
    except OSError as error:
        raise output_error(error, out) from error


def is_csv(name: str) -> bool:
    """Whether a format is one in CSV, which spreadsheets open."""
    return issubclass(FORMATS.get(name), CsvFormat)
