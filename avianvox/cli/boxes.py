"""``avianvox boxes``: parts of recordings in time and frequency, found and judged."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avianvox.cli.common import FiniteFloat, echo, echo_text, exit_with_failures, progress_bar
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.boxes.judge import Judged
    from avianvox.boxes.protocol import BoxSource
    from avianvox.types import Detection

_CHOOSE = "choose"


@click.group(
    epilog="""\b
Examples:
  avianvox boxes find annotated/ --out found
  avianvox boxes judge annotated/ found --out judged_boxes
""",
)
def boxes() -> None:
    """Find boxes in time and frequency, and judge them."""


@boxes.command(
    cls=Writer,
    epilog="""\b
A box is what stands above the noise floor and has the size of a voice: nothing is learned. Its score is that
of its greatest height above the floor: 0.5 at 10 dB, 0.95 at 19 dB. With --model, a box has the best species
of the model and its score. This is the baseline of learned detectors.

\b
OUT gets a Raven selection table for each recording in which something is found.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some recordings
could not be read.

\b
Examples:
  avianvox boxes find annotated/ --out found
  avianvox boxes find elsewhere/ --out found2
  avianvox boxes find recordings/ --out owls --low-hz 300 --high-hz 1000 \\
    --gap 0.25 --shortest 0.3
  avianvox boxes find recordings/ --out named --model caribbean_california
""",
)
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=Target(path_type=Path, file_okay=False),
    help="Folder for the selection tables.",
)
@click.option("--model", metavar="MODEL", help="Model that names each box.  [default: boxes have no name]")
@click.option("--low-hz", type=FiniteFloat(0), default=0.0, help="Lowest frequency.  [default: 0]")
@click.option("--high-hz", type=FiniteFloat(0), help="Highest frequency.  [default: half the sample rate]")
@click.option(
    "--least-db",
    type=FiniteFloat(0),
    default=2.5,
    show_default=True,
    help="Minimum height above the noise floor of each part of a box.",
)
@click.option(
    "--peak-db",
    type=FiniteFloat(0),
    default=6.0,
    show_default=True,
    help="Minimum height above the noise floor of the loudest part of a box.",
)
@click.option(
    "--gap", "gap_s", type=FiniteFloat(0), default=0.1, show_default=True, help="Pause within a box, seconds."
)
@click.option(
    "--shortest",
    "shortest_s",
    type=FiniteFloat(0),
    default=0.05,
    show_default=True,
    help="Minimum length, s.",
)
@click.option(
    "--longest", "longest_s", type=FiniteFloat(0), default=10.0, show_default=True, help="Maximum length, s."
)
def find(
    recordings: tuple[Path, ...],
    out: Path,
    model: str | None,
    high_hz: float | None,
    **settings: float,
) -> None:
    """Find boxes in RECORDINGS by energy and shape."""
    from avianvox.boxes.named import NamedBoxes
    from avianvox.boxes.segmenter import EnergySegmenter, SegmenterSettings
    from avianvox.inference.classifier import Classifier
    from avianvox.tables.formats import write_folder

    chosen = SegmenterSettings(high_hz=float("inf") if high_hz is None else high_hz, **settings)
    source: BoxSource = EnergySegmenter(chosen)
    if model is not None:
        classifier = Classifier.load(model)
        source = NamedBoxes(EnergySegmenter(chosen, sample_rate=classifier.spec.sample_rate), classifier)
    failed: list[str] = []
    root = recordings[0] if len(recordings) == 1 and recordings[0].is_dir() else None
    write_folder(_found_rows(recordings, source, failed), out, "raven", root=root)
    echo(f"wrote {out}", err=True)
    exit_with_failures(failed)


def _found_rows(recordings: Sequence[Path], source: "BoxSource", failed: list[str]) -> "Iterator[Detection]":
    from avianvox.audio.find import find_inputs
    from avianvox.boxes.found import rows_of
    from avianvox.boxes.protocol import boxes_in
    from avianvox.errors import AudioError
    from avianvox.types import Detection, Status

    n = 0
    with progress_bar("boxes") as report:
        for number, path in enumerate(find_inputs(recordings), start=1):
            try:
                rows = list(rows_of(str(path), sorted(boxes_in(path, source), key=lambda box: box.begin_s)))
                n += len(rows)
                yield from rows or [Detection(str(path))]
            except AudioError as error:
                failed.append(f"{path}: {error.about(path)}")
                yield Detection(str(path), status=Status(error.status))
            if report is not None:
                report(number, number)
    echo(f"{n} boxes")


@boxes.command(
    cls=Writer,
    epilog="""\b
TRUTH is a folder of recordings with tables of boxes beside them, or one with annotations.toml. A recording
without a table holds no box. FOUND are tables of any program with begin, end and score, or folders of them.

\b
A found box is right where its intersection over union (IoU) with a drawn box is at least --iou. Average
precision is that of all points, with 95 % intervals over sessions. OUT gets boxes.html, figures.json and
the pictures as SVG and PNG.

\b
--thresholds choose keeps the scores that maximise --metric in OUT/thresholds.json. --thresholds FILE
confirms them on other recordings, unchanged.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some boxes were
left out, each with one line.

\b
Examples:
  avianvox boxes judge annotated/ found --out judged_boxes
  avianvox boxes judge annotated/ found --out judged_boxes \\
    --thresholds choose --metric f1
  avianvox boxes judge elsewhere/ found2 --out confirmed_boxes \\
    --thresholds judged_boxes/thresholds.json
""",
)
@click.argument("truth", type=click.Path(path_type=Path, exists=True))
@click.argument("found", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--out", required=True, type=Target(path_type=Path, file_okay=False), help="Folder for the results."
)
@click.option("--label", default="", metavar="NAME", help="Label of drawn boxes without a name.")
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="FILES",
    help="Tables of another source, paired by session; repeatable.",
)
@click.option(
    "--iou",
    "least_iou",
    type=FiniteFloat(0.01, 1),
    default=0.5,
    show_default=True,
    help="IoU of a right box.",
)
@click.option(
    "--threshold",
    type=FiniteFloat(0, 1),
    default=0.5,
    show_default=True,
    help="Score from which boxes count for classes and for the curves against IoU.",
)
@click.option(
    "--thresholds",
    metavar="FILE|choose",
    help='Thresholds of an earlier judgement to confirm; "choose" keeps the best in OUT/thresholds.json.',
)
@click.option(
    "--metric",
    type=click.Choice(["f1", "precision", "recall", "accuracy"]),
    default="f1",
    show_default=True,
    help="Figure that --thresholds choose maximises.",
)
@click.option("--png/--no-png", default=True, help="Draw PNG beside SVG.  [default: PNG]")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def judge(
    truth: Path,
    found: tuple[Path, ...],
    out: Path,
    label: str,
    against: tuple[Path, ...],
    least_iou: float,
    threshold: float,
    thresholds: str | None,
    metric: str,
    png: bool,
    as_json: bool,
) -> None:
    """Judge the boxes of FOUND by the boxes that are drawn in TRUTH."""
    import json
    from dataclasses import replace

    from avianvox.boxes.found import read_found
    from avianvox.boxes.judge import judge as judge_sounds
    from avianvox.boxes.written import confirm_file, open_folder, write_results
    from avianvox.dataset.sources.annotations import read_boxes
    from avianvox.errors import require_extra

    if png:
        require_extra("matplotlib", extra="plot", purpose="drawing PNG (or use --no-png)")
    choosing = thresholds == _CHOOSE
    catalog = read_boxes(truth, label=label)
    left_out = [problem.message for problem in catalog.problems]
    sounds, wrong = read_found(found, catalog.recordings)
    others = {str(path): read_found([path], catalog.recordings) for path in against}
    left_out += [*wrong, *(line for _, lines in others.values() for line in lines)]
    confirmed = []
    if thresholds is not None and not choosing:
        confirmed = confirm_file(Path(thresholds), sounds, least_iou=least_iou)
    open_folder(out)
    judged = judge_sounds(
        sounds,
        least_iou=least_iou,
        threshold=threshold,
        against={name: those for name, (those, _) in others.items()},
    )
    judged = replace(judged, confirmed=confirmed)
    byline = f"{', '.join(map(str, found))} on {truth}."
    values = write_results(out, judged, byline=byline, choosing=metric if choosing else None, png=png)  # type: ignore[arg-type]
    echo_text(json.dumps(values, indent=1, allow_nan=False) if as_json else "\n".join(_lines(judged)))
    echo(f"wrote {out / 'boxes.html'}", err=True)
    exit_with_failures(left_out)


def _lines(judged: "Judged") -> Iterator[str]:
    from avianvox.boxes.page import QUESTIONS, interval

    yield (
        f"{judged.n_drawn} drawn boxes in {judged.n_recordings} recordings ({judged.n_empty} without a box), "
        f"{judged.n_found} found boxes"
    )
    yield f"average precision at IoU {judged.least_iou:.2f}: {interval(judged.precision.found)}"
    yield f"average precision, IoU 0.50 to 0.95: {interval(judged.precision.found_mean)}"
    yield f"with the right name: {interval(judged.precision.named)}"
    for name, gain in judged.gains.items():
        yield f"minus that of {name}, at IoU {judged.least_iou:.2f}: {interval(gain.found, '+.3f')}"
    for one in judged.confirmed:
        here = one.confirmed
        yield (
            f"{QUESTIONS[one.question]} at {one.threshold:.2f}: precision {here.precision:.3f}, "
            f"recall {here.recall:.3f}, F1 {here.f1:.3f} (F1 {one.chosen.f1:.3f} where it was chosen)"
        )
