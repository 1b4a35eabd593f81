"""``avianvox classify``: name the species in recordings."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING

import click

from avianvox.cli.common import FiniteFloat, exit_with_failures, progress_bar

if TYPE_CHECKING:
    from avianvox.types import Prediction

_SERIAL_BYTES = 8 << 20

EPILOG = """\b
Exit codes: 0 done; 1 failed (model unreadable, output not writable); 2 wrong usage;
3 finished, but some inputs failed: they have a row with their status, and a line on standard error.

\b
Columns of the CSV: path, status, rank, scientific_name, common_name, score, decision, begin_s, end_s
(empty for a whole recording), header_s, decoded_s (seconds of sound promised and found), message.
Statuses: ok, clipped (with an answer), silent (nothing to name), truncated (an answer, but counted as
failed), empty, undecodable, unsupported, missing. Windows of silence are left out.

\b
A model that 'avianvox calibrate' has seen gives calibrated scores: of the answers with 0.3, about three of
ten are right on recordings like those it was tested on. Where the best score is below the threshold of its
species, the answer is "uncertain" (in the column decision, else "named"), and the species are candidates.

\b
Coming from BirdNET? --min_conf is --min-score, --top_n is --top, --rtype is --format, --o is --output,
--threads is --jobs, --classifier is --model; --overlap is --overlap. A species list (--slist) isn't there:
filter the CSV instead.

\b
Examples:
  avianvox classify recording.mp3
  avianvox classify recordings/ --top 1 --format csv --output answers.csv
  avianvox classify "night/*.flac" --timeline --min-score 0.3 --overlap 1.5
  avianvox classify recorder/ --format jsonl --jobs 4 --model my_model.tflite
  avianvox classify recording.mp3 --coverage 0.9
"""


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    help="Show at most so many species of a recording or window.  [default: 3]",
)
@click.option(
    "--overlap",
    "overlap_s",
    type=FiniteFloat(min=0),
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="Let neighbouring windows overlap.",
)
@click.option(
    "--min-score",
    type=FiniteFloat(0, 1),
    help="Leave species with a lower score out.  [default: 0.0]",
)
@click.option(
    "--calibrated/--raw",
    default=True,
    help="Calibrated scores and their decision where the model has them, or the network's own scores.  "
    "[default: calibrated]",
)
@click.option(
    "--coverage",
    type=FiniteFloat(0, 1),
    help="Show as many species as hold the right one in this share of recordings, in place of the --top "
    "best. The model file has sets for some shares: the bundled one for 0.5, 0.8, 0.9 and 0.95.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "csv", "jsonl"]),
    help="Form of the answer.  [default: by the ending of --output, else table]",
)
@click.option(
    "--timeline",
    "--windows",
    "timeline",
    is_flag=True,
    help="Show every window with its begin and end; in a table or CSV in place of the recording's mean.",
)
@click.option(
    "--output", metavar="FILE", help="Write to FILE, which appears whole or not at all; - is standard output."
)
@click.option(
    "--model", metavar="NAME|FILE", help="A bundled model or a model file.  [default: the bundled one]"
)
@click.option("--jobs", type=click.IntRange(min=1), help="Worker processes.  [default: by files and cores]")
@click.option(
    "-q", "--quiet", is_flag=True, help="No progress and no summary; failed files are still listed."
)
def classify(
    paths: tuple[str, ...],
    top: int | None,
    overlap_s: float,
    min_score: float | None,
    calibrated: bool,
    coverage: float | None,
    format_name: str | None,
    timeline: bool,
    output: str | None,
    model: str | None,
    jobs: int | None,
    quiet: bool,
) -> None:
    """Name the species in recordings.

    PATHS are sound files, folders (searched through) and patterns such as "*.wav". Each recording is cut into
    windows of a few seconds; its answer is the mean of the windows' scores.
    """
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # before NumPy: its threads cost more than they bring here
    from avianvox.audio.find import find_inputs
    from avianvox.errors import InputError
    from avianvox.inference.executors import classify_files
    from avianvox.inference.formats import FORMATS, View
    from avianvox.modelfile import DEFAULT_MODEL

    inputs = list(map(str, find_inputs(paths)))  # a million of them: strings are smaller than paths
    if coverage is not None and (top is not None or min_score is not None or not calibrated):
        raise click.UsageError("--coverage says what is shown: it goes without --top, --min-score and --raw")
    limits = None if coverage is None else _set_limits(model or DEFAULT_MODEL, coverage)
    view = View(3 if top is None else top, min_score or 0.0, timeline, limits, coverage)
    form = FORMATS.get(format_name or _format_of(output))(view)
    predictions = classify_files(
        inputs,
        model or DEFAULT_MODEL,
        overlap_s=overlap_s,
        calibrated=calibrated,
        jobs=jobs or _default_jobs(inputs),
    )
    hide = quiet or (
        output in (None, "-") and sys.stdout.isatty()
    )  # answers on the screen show the progress themselves
    failed: list[str] = []
    total_s = 0.0
    with _destination(output) as write:
        try:
            for n, prediction in enumerate(_with_progress(predictions, len(inputs), hide)):
                write("".join(([] if n else [form.header()]) + list(form.lines(prediction))))
                total_s += prediction.decoded_s or 0.0
                if prediction.status.failed:
                    failed.append(f"{prediction.path}: {prediction.status}: {prediction.message}")
        except InputError as error:
            raise click.UsageError(str(error)) from error
    if not quiet:
        files = "1 file" if len(inputs) == 1 else f"{len(inputs)} files"
        click.echo(f"{files}, {total_s:.1f} s of sound, {len(failed) or 'none'} failed", err=True)
    exit_with_failures(failed)


def _format_of(output: str | None) -> str:
    if not output or output == "-" or output.startswith("/dev/"):
        return "table"
    ending = os.path.splitext(output)[1].lower()
    known = {".csv": "csv", ".jsonl": "jsonl", ".txt": "table"}
    if ending not in known:
        raise click.UsageError(
            f"'{output}' does not say its format: end it in {', '.join(known)}, or give --format"
        )
    return known[ending]


def _set_limits(model: str, coverage: float) -> dict[str, float]:
    """Up to where a species belongs to a prediction set, by level."""
    from avianvox.errors import InputError
    from avianvox.inference.calibration import LEVELS
    from avianvox.inference.classifier import read_calibration
    from avianvox.modelfile import find_model, read_model_file

    calibration = read_calibration(read_model_file(find_model(model)))
    if calibration is None:
        raise click.UsageError(
            f"--coverage: {model} carries no calibration; write one with 'avianvox calibrate RUN --into'"
        )
    try:
        return {level: calibration.set_limit(coverage, level) for level in LEVELS}
    except InputError as error:
        raise click.UsageError(str(error)) from error


def _default_jobs(inputs: list[str]) -> int:
    """Processes take a fraction of a second to start; some minutes of sound are worth it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    sizes = accumulate(os.path.getsize(path) for path in inputs if os.path.isfile(path))
    worth_it = any(size >= _SERIAL_BYTES for size in sizes)  # mostly known after a few of the files
    return max(1, min(cores, len(inputs))) if worth_it else 1


@contextmanager
def _destination(output: str | None) -> Iterator[Callable[[str], object]]:
    """A function that writes text to the file, which appears at the end, or to standard output at once."""
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


def _with_progress(predictions: "Iterator[Prediction]", n_files: int, hide: bool) -> "Iterator[Prediction]":
    """The predictions, with a progress bar where there is more than one file."""
    with progress_bar("classifying", hide=hide or n_files < 2) as report:
        for n, prediction in enumerate(predictions, start=1):
            yield prediction
            if report:
                report(n, n_files)
