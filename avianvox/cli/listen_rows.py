"""Where ``avianvox listen`` writes its rows: standard output, or tables that are appended to."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from avianvox.tables.native import Csv, JsonLines
    from avianvox.types import Detection

Write = Callable[["Detection"], None]
"""Takes a row as its event has ended."""

APPENDED = ("csv", "jsonl")
"""Formats to whose tables rows can be added."""


def forms_of(names: tuple[str, ...], output: str | None) -> tuple[str, ...]:
    """The formats of the rows; raises `click.UsageError` for those that cannot be written row by row."""
    from avianvox.tables.formats import STREAMS

    if output is None:
        if len(names) > 1:
            raise click.UsageError(
                f"--format {','.join(names)}: several formats need a folder; give --output"
            )
        names = names or ("table" if sys.stdout.isatty() else "jsonl",)
        known: tuple[str, ...] = STREAMS
    else:
        names, known = names or (_ending(output),), APPENDED
    for name in names:
        if name not in known:
            raise click.UsageError(
                f"--format {name}: rows are written one by one, expected one of {', '.join(known)}; "
                "'avianvox convert' makes the others"
            )
    return names


def _ending(output: str) -> str:
    from avianvox.errors import InputError
    from avianvox.tables.formats import format_of_new

    try:
        return format_of_new(output)
    except InputError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def open_rows(forms: tuple[str, ...], output: str | None, tasks: Sequence[str] = ()) -> Iterator[Write]:
    """What writes a row at once.

    With ``output``, a terminal shows the readable lines besides. ``tasks``: those that rows answer.

    Raises
    ------
    OutputError
        A table cannot be appended to.
    BrokenPipeError
        As rows are written: whoever read standard output has gone.
    """
    with ExitStack() as opened:
        writers = []
        if output is None:
            writers.append(_printer(forms[0], tasks))
        else:
            writers += [
                opened.enter_context(_appender(name, place, tasks)) for name, place in _places(forms, output)
            ]
            if sys.stdout is not None and sys.stdout.isatty():
                writers.append(_printer("table", ()))

        def write(row: "Detection") -> None:
            for writer in writers:
                writer(row)

        yield write


def _places(forms: tuple[str, ...], output: str) -> Iterator[tuple[str, Path]]:
    from avianvox.files import output_error

    if len(forms) == 1:
        yield forms[0], Path(output)
        return
    try:
        os.makedirs(output, exist_ok=True)
    except OSError as error:
        raise output_error(error, Path(output)) from error
    yield from ((name, Path(output, f"events.{name}")) for name in forms)


@contextmanager
def _appender(name: str, path: Path, tasks: Sequence[str]) -> Iterator[Write]:
    from avianvox.tables.appended import Appended

    form = _native(name)
    with Appended(path, form.header(tasks), what=f"{name} table of detections") as table:
        yield lambda row: table.append(form.lines([row]))


def _printer(name: str, tasks: Sequence[str]) -> Write:
    """Writes to standard output; the header, where the format has one, comes with the first row."""
    from avianvox.tables.terminal import live_line

    if name == "table":
        return lambda row: click.echo(live_line(row))
    form = _native(name)
    heads = [form.header(tasks)]
    return lambda row: click.echo((heads.pop() if heads else "") + form.lines([row]), nl=False)


def _native(name: str) -> "Csv | JsonLines":
    from avianvox.tables.native import Csv, JsonLines

    return Csv() if name == "csv" else JsonLines()
