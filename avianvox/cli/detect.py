"""``avianvox detect``: a trained detector of boxes in time and frequency."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import FiniteFloat, catalogs_argument, echo, exit_with_failures, progress_bars
from avianvox.cli.picture_options import picture_options, refuse_idle_svg
from avianvox.cli.run_options import (
    config_option,
    fresh_option,
    quiet_option,
    resume_option,
    run_option,
    store_option,
)
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.detect.run import DetectorRun


@click.group(
    epilog="""\b
Examples:
  avianvox detect train annotated/ elsewhere/ --out runs/detector --steps 5 \\
    --batch-size 2
  avianvox detect export runs/detector --out boxes.tflite
  avianvox detect find boxes.tflite recordings/ --out boxed
""",
)
def detect() -> None:
    """Find boxes around voices with a trained detector.

    A box has begin, end, lowest and highest frequency, label and score. "avianvox boxes find" is the baseline
    that learns nothing, and "avianvox boxes judge" compares both with boxes that people drew.
    """


@detect.command(
    cls=Writer,
    epilog="""\b
CATALOG is a folder of recordings with tables of boxes (Raven selection tables and others), one with
annotations.toml, or a set of scenes ("avianvox scenes"). A recording without a table holds no box. A catalog
without tables is background where its recordings have no bird; its other recordings are left out.

\b
The run folder holds settings, split, checkpoint, losses, IoU and average precision over the steps, and
weights. The TOML file has the tables [detect] and [features]. --from takes the trunk of a classifier, trained
with: avianvox train --model avianvox_small.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but recordings or classes were left out, each with
one line.

\b
Example:
  avianvox detect train annotated/ elsewhere/ --out runs/detector --steps 5 \\
    --batch-size 2 --resume
""",
)
@catalogs_argument
@run_option
@click.option("--label", default="", metavar="NAME", help="Label of boxes that the tables give no name.")
@config_option
@store_option
@click.option(
    "--from",
    "from_",
    type=click.Path(),
    metavar="RUN",
    help="Run folder of a classifier whose trunk, or of a detector whose weights, to begin from.",
)
@click.option("--steps", type=int, help="Number of batches.  [default: 1500]")
@click.option("--batch-size", type=int, help="Number of windows per batch.  [default: 8]")
@click.option("--learning-rate", type=float, help="Learning rate.  [default: 0.002]")
@click.option(
    "--validation",
    type=float,
    help="Share of the recordings held out, in whole sessions, at most 0.5.  [default: 0.2]",
)
@click.option("--seed", type=int, help="Random seed of weights, windows and split.  [default: 0]")
@resume_option
@fresh_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@quiet_option
def train(
    catalogs: tuple[Path, ...],
    out: Path,
    label: str,
    config: Path | None,
    store: Path | None,
    from_: str | None,
    resume: bool,
    fresh: bool,
    as_json: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """Train a detector on recordings with boxes."""
    if resume and fresh:
        raise click.UsageError("--resume and --fresh exclude each other")
    from avianvox.api.detecting import train_detector
    from avianvox.cli.screen import Screen
    from avianvox.workers import n_cores

    with progress_bars(hide=quiet) as bars:
        task = None if bars is None else bars.add_task("training", total=None, visible=False)

        def step(done: int, total: int, figures: "Any") -> None:
            if bars is not None and task is not None:
                said = "  ".join(f"{name} {figures[name]:.3f}" for name in ("loss", "iou") if name in figures)
                bars.update(task, completed=done, total=total, visible=True, description=said or "training")

        run = train_detector(
            catalogs,
            out,
            label=label,
            config=config,
            store=store,
            resume=resume,
            fresh=fresh,
            jobs=n_cores(),
            watch=Screen(quiet=quiet or bars is not None),
            on_step=step,
            **settings,
            **{"from": from_},
        )
    if as_json:
        click.echo(json.dumps(dict(run.figures), indent=1))
    else:
        _show(run)
    exit_with_failures(run.left_out)


def _show(run: "DetectorRun") -> None:
    from avianvox.detect.figures import in_words
    from avianvox.evaluation.plain import counted

    boxes = sum(run.config["boxes"].values())
    echo(
        f"{run.path}: detector, {counted(len(run.plan.labels), 'class')}, {boxes} boxes learned, "
        f"{counted(run.figures['steps'], 'step')}"
    )
    if begun := run.config.get("begun_from"):
        echo(f"  layers taken from {begun['run']}: {', '.join(begun['taken'])}")
    sound = " of synthetic sound" if run.figures["synthetic"] else ""
    for part, words in (("train", "learned from"), ("validation", "held out")):
        if found := run.figures[part]:
            echo(f"  recordings {words}{sound}: {in_words(found, digits=3)}")


@detect.command(
    cls=Writer,
    epilog="""\b
The model file is run by LiteRT alone. It is compared with its network on windows of the training recordings,
and not written where it differs.

\b
Example:
  avianvox detect export runs/detector --out boxes.tflite
""",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=Target(path_type=Path, dir_okay=False, ours=b"avianvox.json", only_ours="model file"),
    help="Model file.",
)
@click.option("--name", help="Name of the model.  [default: that of the file]")
@click.option("--licence", default="", help="Licence of the model, for its card.")
@click.option(
    "--min-score",
    type=FiniteFloat(0, 1),
    default=0.5,
    show_default=True,
    help="Minimum score of a box where nobody asks for another.",
)
@click.option(
    "--quantize",
    type=click.Choice(["none", "float16"]),
    default="none",
    show_default=True,
    help="Precision of the weights.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def export(
    run: Path, out: Path, name: str | None, licence: str, min_score: float, quantize: str, as_json: bool
) -> None:
    """Export the detector of a training run as one model file."""
    from avianvox.api.detecting import export_detector

    made = export_detector(run, out, name=name, licence=licence, min_score=min_score, quantize=quantize)
    if as_json:
        click.echo(json.dumps(made.to_mapping(), indent=1))
        return
    echo(f"{made.path}: {made.size} bytes, classes: {', '.join(made.info.labels.names)}")
    echo(
        f"  against the network, on {made.parity.source}: scores differ by {made.parity.scores:.1e} at most, "
        f"{made.parity.boxes} boxes"
    )
    echo(f"  operators: {', '.join(made.operators)}")


@detect.command(
    cls=Writer,
    epilog="""\b
OUT gets a table for each recording in which something is found, Raven selection tables unless --format asks
for another. An OUT that ends like a table, such as found.csv, is one table. With --pictures, OUT/pictures
gets spectrograms with boxes. Memory does not grow with the length of a recording.

\b
Scores are not calibrated: "avianvox boxes judge --thresholds choose" finds the score to ask for.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some recordings could not be read, each with one
line.

\b
Examples:
  avianvox detect find boxes.tflite recording.mp3 --out boxes.csv \\
    --min-score 0.7
  avianvox detect find boxes.tflite night/ --out seen --pictures 2
""",
)
@click.argument("model", metavar="MODEL")
@click.argument(
    "recordings", nargs=-1, required=True, metavar="RECORDINGS...", type=click.Path(path_type=Path)
)
@click.option(
    "--out",
    required=True,
    type=Target(path_type=Path, ours=None),
    help="Folder for the tables, or one table.",
)
@click.option("--format", "table_format", metavar="FORMAT", help="Format of the tables.  [default: raven]")
@click.option(
    "--min-score", type=FiniteFloat(0, 1), help="Minimum score of a box.  [default: of the model file]"
)
@picture_options
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of LiteRT.")
@click.option("--json", "as_json", is_flag=True, help="Print counts of boxes and the speed as JSON.")
@quiet_option
def find(
    model: str,
    recordings: tuple[Path, ...],
    out: Path,
    table_format: str | None,
    min_score: float | None,
    pictures: int,
    svg: bool,
    threads: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find boxes in RECORDINGS with a detector."""
    refuse_idle_svg(pictures, svg)
    from avianvox.api.boxes import search_into
    from avianvox.cli.screen import Screen
    from avianvox.cli.targets import refuse_table
    from avianvox.detect.detector import Detector
    from avianvox.evaluation.plain import counted
    from avianvox.tables.formats import format_of_new, is_one_file

    detector = Detector.open(model, threads=threads, least_score=min_score)
    name = table_format or (format_of_new(out) if out.suffix and not out.is_dir() else "raven")
    if pictures and is_one_file(out, name):
        raise click.UsageError("--pictures needs a folder as --out")
    searched = search_into(
        detector,
        recordings,
        out,
        form=name,
        pictures=pictures,
        svg=svg,
        watch=Screen(quiet=quiet),
        about={"model": detector.model.info.name},
        refuse=refuse_table,
    )
    if as_json:
        click.echo(json.dumps(searched.to_mapping(), indent=1))
    else:
        echo(
            f"{out}: {searched.n_boxes} boxes in "
            f"{counted(len(searched.counts), 'recording')}, {searched.sound_s:.0f} s of sound, "
            f"{searched.times_real_time:.0f} times as fast as it lasts"
        )
    exit_with_failures(searched.failed)
