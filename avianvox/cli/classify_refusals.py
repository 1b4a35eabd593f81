"""What ``avianvox classify`` refuses before it reads: contradictions, and outputs that can be no table."""

import os

import click

from avianvox.cli.classify_asked import ClassifyOptions
from avianvox.errors import OutputError
from avianvox.tables.formats import EVERY_ROW, FORMATS, STREAMS, form_of, is_one_file

OF_EVENTS = {
    "leave": "--leave",
    "gap_s": "--gap",
    "min_length_s": "--min-length",
    "smooth": "--smooth",
}
"""Options that say what an event is."""


def refuse_contradictions(options: ClassifyOptions, form: str, *, on_screen: bool) -> None:
    """Raise `click.UsageError` where an option would change nothing, or two don't go together."""
    by, counted = options.by, options.counted
    if "" in options.paths:
        raise click.UsageError("one of PATHS is empty; check the variables of your shell")
    if options.coverage is not None and (
        options.top is not None or options.min_score is not None or not options.calibrated
    ):
        raise click.UsageError("--coverage excludes --top, --min-score and --raw")
    if options.level != "species":
        if counted or by == "event":
            raise click.UsageError("--level: only for recordings and windows, not for events")
        if options.coverage is not None or options.multi_label or not options.calibrated:
            raise click.UsageError("--level excludes --coverage, --multi-label and --raw")
    if form not in FORMATS:
        raise click.UsageError(f"--format: expected one of {', '.join(FORMATS)}; got '{form}'")
    form_of(form, spreadsheet=options.spreadsheet)
    if counted and form not in EVERY_ROW:
        expected = "table, csv, jsonl, parquet or xlsx"
        raise click.UsageError(f"--by {by} counts events: expected --format {expected}")
    if (counted or by == "event") and (options.coverage, options.top) != (None, None):
        raise click.UsageError("--top and --coverage: only for recordings and windows, not for events")
    if by in ("recording", "window") and (given := written(OF_EVENTS)):
        raise click.UsageError(
            f"{', '.join(given)}: only for events; give --by event, hour, day or night too"
        )
    if on_screen and form not in STREAMS:
        raise click.UsageError(f"--format {form} needs a file; give --output")
    if on_screen and options.resume:
        raise click.UsageError("--resume needs a file to continue; give --output")
    if options.gate_recall is not None and not (options.gate or options.gate_file):
        raise click.UsageError("--gate-recall needs --gate")


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


def written(options: dict[str, str]) -> list[str]:
    """Those of ``options`` that the user wrote."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    return [flag for name, flag in options.items() if context.get_parameter_source(name) is not default]
