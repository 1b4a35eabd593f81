"""What ``avianvox classify`` refuses before it reads: contradictions, and outputs that can be no table."""

import os
from collections.abc import Iterable

import click

from avianvox.api.question import OF_EVENTS, refuse_contradictions
from avianvox.cli.classify_asked import ClassifyOptions
from avianvox.cli.common import wrong_usage
from avianvox.errors import OutputError
from avianvox.tables.formats import EVERY_ROW, FORMATS, STREAMS, form_of, is_one_file


def refuse_options(options: ClassifyOptions, form: str, *, on_screen: bool) -> None:
    """Raise `click.UsageError` where an option would change nothing, or two don't go together."""
    by, counted = options.by, options.counted
    if "" in options.paths:
        raise click.UsageError("one of PATHS is empty; check the variables of your shell")
    with wrong_usage():
        refuse_contradictions(options, written(OF_EVENTS))
    if form not in FORMATS:
        raise click.UsageError(f"--format: expected one of {', '.join(FORMATS)}; got '{form}'")
    form_of(form, spreadsheet=options.spreadsheet)
    if counted and form not in EVERY_ROW:
        expected = "table, csv, jsonl, parquet or xlsx"
        raise click.UsageError(f"--by {by} counts events: expected --format {expected}")
    if on_screen and form not in STREAMS:
        raise click.UsageError(f"--format {form} needs a file; give --output")
    if on_screen and options.resume:
        raise click.UsageError("--resume needs a file to continue; give --output")


def refuse_output(output: str, form: str, first: list[str]) -> None:
    """Raise where a long run would end without its table; ``first`` are some of the inputs.

    Raises
    ------
    OutputError
        ``output`` is a folder where a file is wanted or the other way round, or in no folder.
    click.UsageError
        Many recordings are to go into a table of one.
    MissingExtraError
        The format wants a package that is not installed.
    """
    one_per_recording = FORMATS.get(form).one_per_recording
    if os.path.isdir(output) and not one_per_recording:
        raise OutputError(f"cannot write {output}: it is a folder; name a file in it")
    if os.path.isfile(output) and one_per_recording and not is_one_file(output, form):
        raise OutputError(f"cannot write {output}: it is a file and {form} needs a folder; name another")
    if not os.path.isdir(os.path.dirname(output) or "."):
        raise OutputError(f"cannot write {output}: the folder does not exist; create it first")
    if is_one_file(output, form) and one_per_recording and form != "raven" and len(first) > 1:
        raise click.UsageError(
            f"{output}: a {form} table holds one recording; name a folder, for one table per recording"
        )
    if form in ("parquet", "xlsx"):
        from avianvox.tables.rows import require_package

        require_package(form)


def written(options: Iterable[str]) -> list[str]:
    """The names of those of ``options`` that the user wrote."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    return [name for name in options if context.get_parameter_source(name) is not default]
