"""What ``avianvox classify`` refuses before it reads: contradictions, and outputs that can be no table."""

import os
from collections.abc import Iterable
from pathlib import Path

import click

from avianvox.api.question import OF_EVENTS, refuse_contradictions
from avianvox.cli.classify_asked import ClassifyOptions
from avianvox.cli.common import wrong_usage
from avianvox.errors import InputError, OutputError
from avianvox.tables.formats import EVERY_ROW, FORMATS, STREAMS, form_of
from avianvox.tables.several import Tables, is_csv, plan_tables

_BASES = {
    "recording": "recordings",
    "event": "events",
    "window": "windows",
    "hour": "hours",
    "day": "days",
    "night": "nights",
}
"""What tables of all recordings are called in a folder, by ``--by``."""


def refuse_options(options: ClassifyOptions, forms: tuple[str, ...], *, on_screen: bool) -> None:
    """Raise `click.UsageError` where an option would change nothing, or two don't go together."""
    by, counted = options.by, options.counted
    if "" in options.paths:
        raise click.UsageError("one of PATHS is empty; check the variables of your shell")
    with wrong_usage():
        refuse_contradictions(options, written(OF_EVENTS))
    form_of(next(filter(is_csv, forms), forms[0]), spreadsheet=options.spreadsheet)
    if counted and not set(forms) <= set(EVERY_ROW):
        expected = "table, csv, jsonl, parquet or xlsx"
        raise click.UsageError(f"--by {by} counts events: expected --format {expected}")
    if counted and options.per_file:
        raise click.UsageError(f"--by {by} counts events of all recordings: leave --per-file out")
    if on_screen and (len(forms) > 1 or forms[0] not in STREAMS):
        raise click.UsageError(f"--format {','.join(forms)} needs a file; give --output")
    if on_screen and options.per_file is not None:
        raise click.UsageError("--per-file and --combined need a place for tables; give --output")
    if on_screen and options.resume:
        raise click.UsageError("--resume needs a file to continue; give --output")


def planned_tables(options: ClassifyOptions, forms: tuple[str, ...], first: list[str]) -> Tables:
    """What is written to ``--output``; refused where a long run would end without its tables.

    ``first`` are some of the inputs.

    Raises
    ------
    OutputError
        The output is a folder where a file is wanted or the other way round, or in no folder; a file that no
        run left has the name of a table.
    click.UsageError
        Many recordings are to go into a table of one.
    MissingExtraError
        A format wants a package that is not installed.
    """
    from avianvox.inference.ledger import ledger_path
    from avianvox.tables.rows import require_package

    output = options.output or ""
    try:
        tables = plan_tables(output, forms, base=_BASES[options.by], per_file=options.per_file)
    except InputError as error:
        raise click.UsageError(f"--output: {error}") from error
    if os.path.isdir(output) and not tables.in_folder:
        raise OutputError(f"cannot write {output}: it is a folder; name a file in it")
    if os.path.isfile(output) and tables.in_folder:
        raise OutputError(
            f"cannot write {output}: it is a file and {','.join(forms)} needs a folder; name another"
        )
    if not os.path.isdir(os.path.dirname(output) or "."):
        raise OutputError(f"cannot write {output}: the folder does not exist; create it first")
    for form, path in tables.whole:
        if FORMATS.get(form).one_per_recording and form != "raven" and len(first) > 1:
            raise click.UsageError(
                f"{output}: a {form} table holds one recording; name a folder, for one table per recording"
            )
        if _is_someones(path) and not ledger_path(tables.out).exists():
            raise OutputError(
                f"cannot write {path}: there is a file that no run left; move it, or choose another --output"
            )
    for form in forms:
        require_package(form)
    return tables


def _is_someones(path: Path) -> bool:
    """Whether something lies there: not the empty file that a program makes to have a name."""
    return os.path.lexists(path) and not (os.path.isfile(path) and os.path.getsize(path) == 0)


def written(options: Iterable[str]) -> list[str]:
    """The names of those of ``options`` that the user wrote."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    return [name for name in options if context.get_parameter_source(name) is not default]
