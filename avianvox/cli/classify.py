"""``avianvox classify``: name the species in recordings."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from avianvox.cli.classify_options import EPILOG, classify_options
from avianvox.cli.common import exit_with_failures

if TYPE_CHECKING:
    from avianvox.cli.classify_progress import Watch
    from avianvox.inference.answers import Question
    from avianvox.tables.formats import Stream
    from avianvox.workers import Workplace

_SERIAL_BYTES = 8 << 20
_LOOKED_AT = 256


@click.command(epilog=EPILOG)
@classify_options
def classify(paths: tuple[str, ...], **options: Any) -> None:
    """Name the species in recordings.

    PATHS are sound files, folders (searched through) and patterns such as "*.wav". Each recording is cut into
    windows of a few seconds. By default its answer is the mean of the windows' scores; --by event says when a
    species calls.
    """
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # before NumPy: its threads cost more than they bring here
    from avianvox.audio.find import find_inputs
    from avianvox.cli.classify_progress import Watch
    from avianvox.errors import InputError
    from avianvox.modelfile import DEFAULT_MODEL

    output, options["model"] = options["output"], options["model"] or DEFAULT_MODEL
    on_screen = output in (None, "-") or _is_device(output)
    form = options["format_name"] or _format_of(output)
    _refuse_contradictions(options, form, on_screen=on_screen)
    inputs = map(str, find_inputs(paths))
    first = list(islice(inputs, _LOOKED_AT))  # enough to see whether workers are worth their start
    try:
        question = _question(options)
        workplace = _workplace(options, first)
        run = _stream if on_screen else _keep
        with (
            _interruptible(),
            Watch(paths, quiet=options["quiet"], log_file=options["log_file"], on_screen=on_screen) as watch,
        ):
            run(chain(first, inputs), options, form, question, workplace, watch)
    except InputError as error:
        raise click.UsageError(str(error)) from error
    exit_with_failures(watch.failures())


def _refuse_contradictions(options: dict[str, Any], form: str, *, on_screen: bool) -> None:
    from avianvox.tables.formats import FORMATS, STREAMS

    if options["coverage"] is not None and (
        options["top"] is not None or options["min_score"] is not None or not options["calibrated"]
    ):
        raise click.UsageError("--coverage says what is shown: it goes without --top, --min-score and --raw")
    if form not in FORMATS:
        raise click.UsageError(f"--format: expected one of {', '.join(FORMATS)}; got '{form}'")
    counted = options["by"] in ("hour", "day")
    if counted and form not in (*STREAMS, "parquet"):
        raise click.UsageError(
            f"--by {options['by']} counts events: write it as table, csv, jsonl or parquet"
        )
    if (counted or options["by"] == "event") and (options["coverage"], options["top"]) != (None, None):
        raise click.UsageError("--top and --coverage are for recordings and windows, not for events")
    if on_screen and form not in STREAMS:
        raise click.UsageError(f"--format {form} wants a file: give --output")
    if on_screen and options["resume"]:
        raise click.UsageError("--resume goes on from what lies beside a file: give --output")
    if options["gate_threshold"] is not None and not options["gate"]:
        raise click.UsageError("--gate-threshold is for --gate")


def _question(options: dict[str, Any]) -> "Question":
    """What is asked of every recording; what it says of the species is resolved with the model's labels."""
    from avianvox.inference.answers import Question
    from avianvox.inference.events import EventOptions

    if options["coverage"] is not None:
        _check_coverage(options["model"], options["coverage"])
    names = ("enter", "leave", "gap_s", "min_length_s", "smooth", "multi_label")
    return Question(
        by="event" if options["by"] in ("hour", "day") else options["by"],
        overlap_s=options["overlap_s"],
        calibrated=options["calibrated"],
        top=options["top"] or 3,
        min_score=options["min_score"] or 0.0,
        coverage=options["coverage"],
        wanted=_wanted(options),
        channels=_channels(options["channels"]),
        timezone=options["timezone"],
        gate=_gate(options),
        events=EventOptions(**{name: options[name] for name in names}),
    )


def _is_device(output: str) -> bool:
    """Whether it takes what is written and keeps nothing: a terminal, a pipe."""
    return output.startswith("/dev/") or (
        os.path.exists(output) and not os.path.isfile(output) and not os.path.isdir(output)
    )


def _format_of(output: str | None) -> str:
    if output is None or output == "-" or _is_device(output):
        return "table"
    from avianvox.errors import InputError
    from avianvox.tables.formats import format_of_new

    try:
        return format_of_new(output)
    except InputError as error:
        raise click.UsageError(str(error)) from error


def _check_coverage(model: str, coverage: float) -> None:
    """Raises unless the model has prediction sets of this coverage."""
    from avianvox.inference.calibration import LEVELS
    from avianvox.inference.classifier import read_calibration
    from avianvox.modelfile import find_model, read_model_file

    calibration = read_calibration(read_model_file(find_model(model)))
    if calibration is None:
        raise click.UsageError(
            f"--coverage: {model} carries no calibration; write one with 'avianvox calibrate RUN --into'"
        )
    for level in LEVELS:
        calibration.set_limit(coverage, level)


def _wanted(options: dict[str, Any]) -> tuple[int, ...] | None:
    """Positions of the classes that may be named; None for all of them."""
    if options["species_list"] is None and options["exclude"] is None:
        return None
    from avianvox.inference.species import read_species
    from avianvox.modelfile import find_model, read_model_file

    labels = read_model_file(find_model(options["model"])).info.labels
    chosen = set(range(len(labels)))
    for option, keep in (("species_list", True), ("exclude", False)):
        if options[option] is not None:
            choice = read_species(options[option], labels)
            for line in choice.notes(labels):
                click.echo(line, err=True)
            chosen &= set(choice.indices) if keep else chosen - set(choice.indices)
    if not chosen:
        raise click.UsageError("--species-list and --exclude leave no species to name")
    return tuple(sorted(chosen))


def _channels(text: str) -> str | int:
    if text in ("mix", "each"):
        return text
    if not text.isdecimal() or int(text) < 1:
        raise click.UsageError(f"--channels: expected mix, each, or a number from 1, got '{text}'")
    return int(text)


def _gate(options: dict[str, Any]) -> float | None:
    if not options["gate"]:
        return None
    from avianvox.inference.gate import Gate

    asked = options["gate_threshold"]
    return Gate.load().threshold if asked is None else float(asked)


def _workplace(options: dict[str, Any], first: list[str]) -> "Workplace":
    from avianvox.workers import Workplace

    return Workplace(options["jobs"] or _default_jobs(first))


def _default_jobs(inputs: list[str]) -> int:
    """Processes take a fraction of a second to start; some minutes of sound are worth it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    size = sum(os.path.getsize(path) for path in inputs if os.path.isfile(path))
    return max(1, min(cores, len(inputs))) if size >= _SERIAL_BYTES else 1


def _stream(
    inputs: Iterator[str],
    options: dict[str, Any],
    form: str,
    question: "Question",
    workplace: "Workplace",
    watch: "Watch",
) -> None:
    """Write answers to standard output in the order of the inputs, each as soon as it is its turn."""
    from avianvox.inference.runs import answer_files
    from avianvox.tables.columns import HEADER, from_csv
    from avianvox.tables.formats import FORMATS
    from avianvox.tables.terminal import Table

    made = Table(question.min_score, question.coverage) if form == "table" else FORMATS.get(form)()
    table = cast("Stream", made)
    with _destination(options["output"]) as write:
        for n, (_, answer) in enumerate(answer_files(inputs, options["model"], question, workplace)):
            watch.tally.add(answer.entry)
            rows = list(from_csv(StringIO(HEADER + answer.rows, newline="")))
            write(("" if n else table.header()) + table.lines(rows))
            watch.done(answer.entry)


def _keep(
    inputs: Iterator[str],
    options: dict[str, Any],
    form: str,
    question: "Question",
    workplace: "Workplace",
    watch: "Watch",
) -> None:
    """Keep rows and ledger as files finish, and write the table at the end."""
    from avianvox.errors import OutputError
    from avianvox.inference.ledger import Ledger
    from avianvox.inference.runs import keep_answers, settings_of
    from avianvox.tables.formats import FORMATS

    output = Path(options["output"])
    if os.path.isdir(output) and not FORMATS.get(form).one_per_recording:
        raise OutputError(f"cannot write {output}: it is a folder; name a file in it")
    if not os.path.isdir(output.parent):
        raise OutputError(f"cannot write {output}: the folder does not exist; create it first")
    direct = form == "csv" and options["by"] not in ("hour", "day")
    rows = output if direct else output.with_name(f"{output.name}.rows.csv")
    settings = settings_of(options["model"], question)
    with Ledger(rows, output, settings, resume=options["resume"]) as ledger:
        watch.ledger = str(ledger.path)
        for entry in keep_answers(inputs, options["model"], question, workplace, ledger, watch.tally):
            watch.done(entry)
        ledger.finish()
        watch.failed = [f"{e.path}: {e.status}: {e.message}" for e in ledger.entries() if e.status.failed]
    if not direct:
        _write_table(rows, output, form, options)


@contextmanager
def _destination(output: str | None) -> Iterator[Callable[[str], object]]:
    """A function that writes text to a device, or to standard output at once."""
    from avianvox.files import atomic_write

    if output and output != "-":
        with atomic_write(output) as file:
            yield file.write
        return
    stream = sys.stdout.buffer

    def write(text: str) -> None:
        stream.write(text.encode())
        stream.flush()

    yield write


def _write_table(rows: Path, output: Path, form: str, options: dict[str, Any]) -> None:
    """From the rows that were kept to the table that was asked for."""
    from avianvox.tables.formats import read_table, write_table

    paths = options["paths"]
    root = Path(paths[0]) if len(paths) == 1 and os.path.isdir(paths[0]) else None
    write_table(read_table(rows, "csv"), output, form, root=root)


@contextmanager
def _interruptible() -> Iterator[None]:
    """End with one line and 1 at Ctrl-C and where the system asks the process to end."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            "avianvox: interrupted; what was finished is kept beside --output: go on with --resume", err=True
        )
        raise SystemExit(1) from None
    finally:
        signal.signal(signal.SIGTERM, former)
