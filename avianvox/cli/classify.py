"""``avianvox classify``: name the species in recordings."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from avianvox.cli.classify_asked import ClassifyOptions
from avianvox.cli.classify_options import EPILOG, classify_options
from avianvox.cli.common import exit_with_failures, fitted, remark, workplace_of
from avianvox.cli.targets import GOES_ON, Writer, refuse_table

if TYPE_CHECKING:
    from avianvox.cli.classify_progress import Watch
    from avianvox.inference.question import Question
    from avianvox.tables.formats import Stream
    from avianvox.tables.several import Tables
    from avianvox.types import Detection
    from avianvox.workers import Workplace

_SERIAL_BYTES = 8 << 20
_LOOKED_AT = 256


@click.command(cls=Writer, epilog=EPILOG)
@classify_options
def classify(**given: Any) -> None:
    """Name the species in recordings.

    PATHS are sound files, folders (with subfolders) and patterns such as "*.wav". Each recording is cut into
    windows of a few seconds. By default, its answer is the mean of the windows' scores. --by event lists when
    species call.
    """
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # before NumPy: its threads cost more than they bring here
    from avianvox.api.question import below_thresholds, question_of
    from avianvox.audio.find import find_inputs
    from avianvox.cli.classify_progress import Watch
    from avianvox.cli.classify_refusals import planned_tables, refuse_options
    from avianvox.errors import InputError
    from avianvox.modelfolder import default_model

    options = ClassifyOptions(**given | {"model": given["model"] or default_model()})
    output = options.output
    on_screen = output in (None, "-") or _is_device(output)
    forms = options.format_names or (_format_of(output),)
    refuse_options(options, forms, on_screen=on_screen)
    inputs = map(str, find_inputs(options.paths))
    first = list(islice(inputs, _LOOKED_AT))  # enough to see whether workers are worth their start
    tables = None if on_screen or not output else planned_tables(options, forms, first)
    try:
        question = question_of(options, remark)
        workplace = _workplace(options, first)
        with (
            _interruptible(),
            Watch(
                options.paths,
                quiet=options.quiet,
                log_file=options.log_file,
                on_screen=on_screen,
                about_events=partial(below_thresholds, asked=options),
            ) as watch,
        ):
            if tables is None:
                _stream(chain(first, inputs), options, forms[0], question, workplace, watch)
            else:
                _keep(chain(first, inputs), options, tables, question, workplace, watch)
    except InputError as error:
        raise click.UsageError(str(error)) from error
    exit_with_failures(watch.failures())


def _is_device(output: str) -> bool:
    """Whether it takes what is written and keeps nothing: a terminal, a pipe."""
    return output.startswith("/dev/") or (
        os.path.exists(output) and not os.path.isfile(output) and not os.path.isdir(output)
    )


def _format_of(output: str | None) -> str:
    if output is None or output == "-" or output.startswith("/dev/"):
        return "table"
    from avianvox.errors import InputError
    from avianvox.tables.formats import format_of_new

    try:
        return format_of_new(output)
    except InputError as error:
        if _is_device(output):
            return "table"
        raise click.UsageError(str(error)) from error


def _workplace(options: ClassifyOptions, first: list[str]) -> "Workplace":
    """Where the work is done; a cluster's workers are asked for the model and the first file."""
    from avianvox.modelfolder import find_model

    here = workplace_of(
        options.jobs, options.scheduler, options.dask_config, default=lambda: _default_jobs(first)
    )
    gate = [options.gate_file] if options.gate_file else []
    there = [path for path in first if os.path.isfile(path)][:1]
    return replace(here, shared=(find_model(options.model), *gate, *there))


def _default_jobs(inputs: list[str]) -> int:
    """Processes take a fraction of a second to start; some minutes of sound are worth it."""
    from avianvox.workers import n_cores

    size = sum(os.path.getsize(path) for path in inputs if os.path.isfile(path))
    return max(1, min(n_cores(), len(inputs))) if size >= _SERIAL_BYTES else 1


def _stream(
    inputs: Iterator[str],
    options: ClassifyOptions,
    form: str,
    question: "Question",
    workplace: "Workplace",
    watch: "Watch",
) -> None:
    """Write answers to standard output in the order of the inputs, each as soon as it is its turn."""
    from avianvox.api.recordings import stream
    from avianvox.tables.formats import form_of
    from avianvox.tables.terminal import Table

    safe = options.spreadsheet
    made = (
        Table(question.min_score, question.coverage) if form == "table" else form_of(form, spreadsheet=safe)
    )
    table = cast("Stream", made)

    def groups() -> "Iterator[list[Detection]]":
        for entry, rows in stream(inputs, options.model, question, workplace, watch.tally):
            yield rows
            watch.done(entry)

    with _destination(options.output, for_people=form == "table") as write:
        if options.counted:
            from avianvox.inference.period_table import summarise, summary_lines

            rows = chain.from_iterable(groups())
            periods = summarise(rows, **_counting(options))
            for line in summary_lines(periods, form, spreadsheet=safe):
                write(line)
            return
        for n, group in enumerate(groups()):
            write(("" if n else table.header(question.tasks)) + table.lines(group))


def _keep(
    inputs: Iterator[str],
    options: ClassifyOptions,
    tables: "Tables",
    question: "Question",
    workplace: "Workplace",
    watch: "Watch",
) -> None:
    """Keep rows and ledger as files finish, and write the tables at the end."""
    from avianvox.api.recordings import keep
    from avianvox.inference.ledger import ledger_path

    output = tables.out
    direct = tables.whole == (("csv", output),) and not options.counted and not options.spreadsheet
    rows = output if direct else output.with_name(f"{output.name}.rows.csv")
    watch.ledger = str(ledger_path(output))
    keep(
        inputs,
        options.model,
        question,
        workplace,
        rows,
        output,
        watch.tally,
        resume=options.resume,
        done=watch.done,
        heard=watch.relist,
    )
    if not direct:
        _write_tables(rows, tables, options)
    watch.wrote = tables.told()


def _counting(options: ClassifyOptions) -> dict[str, Any]:
    """How events are counted by hour or day: where the user says from which score on, all that were found."""
    uncertain = options.min_score is not None
    return {"by": options.by, "timezone": options.timezone, "uncertain": uncertain}


@contextmanager
def _destination(output: str | None, *, for_people: bool) -> Iterator[Callable[[str], object]]:
    """A function that writes text to a device, or to standard output at once."""
    from avianvox.files import atomic_write

    if output and output != "-":
        with atomic_write(output) as file:
            yield file.write
        return
    stream = sys.stdout.buffer

    def write(text: str) -> None:
        stream.write((fitted(text, sys.stdout, hang=12) if for_people else text).encode())
        stream.flush()

    yield write


def _write_tables(rows: Path, tables: "Tables", options: ClassifyOptions) -> None:
    """From the rows that were kept to the tables that were asked for."""
    from avianvox.tables.formats import read_table
    from avianvox.tables.recordings import common_folder
    from avianvox.tables.several import is_csv, make_folder, write_tables

    safe = options.spreadsheet
    if options.counted:
        from avianvox.inference.period_table import summarise, write_summary

        periods = list(summarise(read_table(rows, "csv"), **_counting(options)))
        if tables.in_folder:
            make_folder(tables.out)
        for form, path in tables.whole:
            write_summary(periods, path, form, spreadsheet=safe and is_csv(form))
        return
    paths, root = options.paths, None
    if tables.each:
        one = len(paths) == 1 and os.path.isdir(paths[0])
        root = paths[0] if one else common_folder(row.path for row in read_table(rows, "csv"))
    about = {"model": str(options.model)}

    def found() -> "Iterator[Detection]":
        return read_table(rows, "csv")

    write_tables(tables, found, root=root, about=about, spreadsheet=safe, refuse=refuse_table)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Say at an interrupt how to go on."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"with --output, --resume {GOES_ON}") from interrupt
