"""``avianvox boxes``: parts of recordings in time and frequency, found and judged."""

from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avianvox.api.watch import Watch
from avianvox.cli.common import FiniteFloat, echo, echo_text, exit_with_failures
from avianvox.cli.picture_options import picture_options, refuse_idle_svg
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.boxes.judge import Judged

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
OUT gets a Raven selection table for each recording in which something is found. With --pictures,
OUT/pictures gets spectrograms with boxes.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some recordings
could not be read.

\b
Examples:
  avianvox boxes find annotated/ --out found
  avianvox boxes find elsewhere/ --out found2
  avianvox boxes find recordings/ --out owls --low-hz 300 --high-hz 1000 \\
    --gap 0.25 --shortest 0.3 --pictures 1
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
@picture_options
def find(
    recordings: tuple[Path, ...],
    out: Path,
    model: str | None,
    high_hz: float | None,
    pictures: int,
    svg: bool,
    **settings: float,
) -> None:
    """Find boxes in RECORDINGS by energy and shape."""
    refuse_idle_svg(pictures, svg)
    from avianvox.api.boxes import box_source, search_into
    from avianvox.cli.screen import Screen

    if high_hz is not None:
        settings["high_hz"] = high_hz
    for low, high in (("low_hz", "high_hz"), ("shortest_s", "longest_s")):
        if settings[low] >= settings.get(high, inf):
            options = " and ".join(f"--{name.removesuffix('_s').replace('_', '-')}" for name in (low, high))
            got = f"{settings[low]:g} and {settings[high]:g}"
            raise click.UsageError(f"{options}: expected the first below the second, got {got}")
    source = box_source(model=model, settings=settings)
    searched = search_into(source, recordings, out, pictures=pictures, svg=svg, by_begin=True, watch=Screen())
    echo(f"{searched.n_boxes} boxes")
    echo(f"wrote {out}", err=True)
    exit_with_failures(searched.failed)


@boxes.command(
    cls=Writer,
    epilog="""\b
TRUTH is a folder of recordings with tables of boxes beside them, or one with annotations.toml. A recording
without a table holds no box. FOUND are tables of any program with begin, end and score, or folders of them.

\b
A found box is right where its intersection over union (IoU) with a drawn box is at least --iou. Average
precision is that of all points, with 95 % intervals over sessions. OUT gets boxes.html, figures.json and
the pictures as SVG and PNG. With --pictures, OUT/spectrograms gets drawn boxes dashed and found ones solid.

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
    --thresholds choose --metric f1 --pictures 1
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
@click.option("--png/--no-png", default=True, help="Draw charts as PNG beside SVG.  [default: PNG]")
@picture_options
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
    pictures: int,
    svg: bool,
    as_json: bool,
) -> None:
    """Judge the boxes of FOUND by the boxes that are drawn in TRUTH."""
    refuse_idle_svg(pictures, svg)
    import json

    from avianvox.api.boxes import judge_boxes
    from avianvox.boxes.written import figures_of

    choosing = thresholds == _CHOOSE
    left_out = LeftOut()
    judged = judge_boxes(
        truth,
        found,
        label=label,
        against=against,
        least_iou=least_iou,
        threshold=threshold,
        choose=metric if choosing else None,  # type: ignore[arg-type]
        confirm=None if choosing else thresholds,
        out=out,
        png=png,
        pictures=pictures,
        svg=svg,
        watch=left_out,
    )
    values = figures_of(judged)
    echo_text(json.dumps(values, indent=1, allow_nan=False) if as_json else "\n".join(_lines(judged)))
    echo(f"wrote {out / 'boxes.html'}", err=True)
    exit_with_failures(left_out.lines)


class LeftOut(Watch):
    """Keeps the lines that it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


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
