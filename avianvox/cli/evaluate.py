"""``avianvox evaluate``: finished models on labelled recordings that they may never have heard."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avianvox.api.asked import Weighing, place_asked
from avianvox.cli.common import (
    FiniteFloat,
    echo,
    echo_text,
    options_of,
    workplace_of,
    workplace_options,
    wrong_usage,
)
from avianvox.cli.place_options import WEIGHING
from avianvox.cli.targets import Target, Writer
from avianvox.inference.pooling import POOLINGS

if TYPE_CHECKING:
    from avianvox.evaluation.bootstrap import PairedTest
    from avianvox.judge.run import Judged
    from avianvox.judge.thresholds import Chosen, Confirmed

EPILOG = """\b
OUT gets evaluation.html (one page with everything), species.csv,
recordings.csv and figures.json. The answers of a model stay in OUT/scores: a
second run, also after one that was stopped, takes them up.

Species are compared by their scientific names, also across checklists. Species that a model does not know are
reported apart. Intervals are 95 % intervals over sessions (recordist, date and place).

An event is a false alarm where its species cannot be: in a recording labelled as a whole, every species other
than label and background; in a recording labelled "no bird", every species; in an annotated file and in FILES
of --without, the species of the catalogs outside their annotations. Other names in annotated files are not
judged, unless --complete says that everything is annotated.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some recordings
could not be read.

\b
Examples:
  avianvox evaluate caribbean_california recordings/ --out judged
  avianvox evaluate my_model.tflite recordings/ --out both \\
    --against caribbean_california
  avianvox evaluate my_model.tflite recordings/ --out chosen \\
    --thresholds choose
  avianvox evaluate my_model.tflite recordings/ background/ --out confirmed \\
    --thresholds chosen/thresholds.json
"""

_CHOOSE = "choose"
_SHOWN = (0.5, 0.7, 0.9)


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("model")
@click.argument("catalogs", metavar="CATALOG...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=Target(path_type=Path, file_okay=False), help="Folder for the results."
)
@click.option(
    "--against",
    multiple=True,
    metavar="MODEL",
    help="Second model on the same recordings, paired by session; repeatable.",
)
@click.option(
    "--without",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="FILES",
    help="Recordings, or a folder, in which no species of the catalogs calls. Files of the catalogs in it "
    "are passed over; repeatable.",
)
@click.option(
    "--label", default="", metavar="NAME", help="Species of annotations and recordings without a label."
)
@click.option(
    "--complete", is_flag=True, help="All voices in annotated files and those of --without are annotated."
)
@click.option(
    "--pooling",
    type=click.Choice(list(POOLINGS)),
    help="Score of a recording from those of its windows.  [default: as the model says, mostly mean "
    "where one species at a time is right, else max]",
)
@click.option(
    "--overlap",
    type=FiniteFloat(0),
    help="Overlap of the windows in seconds.  [default: as the model says, mostly 0]",
)
@click.option("--uncalibrated", is_flag=True, help="Uncalibrated scores, also where the model is calibrated.")
@click.option(
    "--thresholds",
    metavar="FILE|choose",
    help='Thresholds of an earlier evaluation to confirm; "choose" keeps those of the best F1 in '
    "OUT/thresholds.json, on one set for another.",
)
@click.option(
    "--unknown-share",
    type=FiniteFloat(0, 1),
    metavar="SHARE",
    help="With --thresholds choose: maximum share of named recordings of species that the model would not "
    "know; each of its species takes that part in turn.  [default: 0.1]",
)
@options_of(WEIGHING)
@workplace_options("1")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def evaluate(
    model: str,
    catalogs: tuple[Path, ...],
    out: Path,
    against: tuple[str, ...],
    without: tuple[Path, ...],
    label: str,
    complete: bool,
    pooling: str | None,
    overlap: float | None,
    uncalibrated: bool,
    thresholds: str | None,
    unknown_share: float | None,
    jobs: int | None,
    scheduler: str,
    dask_config: Path | None,
    as_json: bool,
    **place: Any,
) -> None:
    """Judge a finished model on labelled recordings.

    MODEL is a model file or the name of a model, of any kind. CATALOG is as in "avianvox data": whole
    recordings, or annotations (each annotated part is judged by the windows that touch it).
    """
    import json

    from avianvox.cli.common import exit_with_failures, progress_bar
    from avianvox.dataset.catalog import read_catalogs
    from avianvox.evaluation.plain import counted
    from avianvox.judge.run import Settings, compare, judge, names_of
    from avianvox.judge.sounds import judged_set
    from avianvox.judge.thresholds import choose, confirm, read_thresholds
    from avianvox.judge.unknown import SHARE, choose_unknown, confirm_unknown
    from avianvox.judge.written import open_folder, write_results

    choosing = thresholds == _CHOOSE
    if unknown_share is not None and not choosing:
        raise click.UsageError("--unknown-share needs --thresholds choose")
    earlier = None if thresholds is None or choosing else read_thresholds(Path(thresholds))
    with wrong_usage():
        asked = place_asked(Weighing(**place))
    workplace = workplace_of(jobs, scheduler, dask_config, default=lambda: 1)
    catalog = read_catalogs(catalogs)
    for line in catalog.problem_lines():
        echo(line, err=True)
    found = judged_set(catalog.recordings, without=without, label=label, complete=complete)
    if found.n_unlabelled:
        echo(f"left out: {found.n_unlabelled} recordings without a label", err=True)
    open_folder(out)
    settings = Settings(pooling, overlap, not uncalibrated, asked)
    judged = []
    for name in (model, *against):
        with progress_bar(Path(name).name) as report:
            judged.append(judge(found, name, settings, workplace, out, progress=report))
    for one in judged:
        if one.remark:
            echo(f"warning: {one.remark}", err=True)
    first = judged[0]
    if first.placeless:
        echo(f"place not known in {counted(first.placeless, 'file')}: answered by sound alone", err=True)
    rows = first.figures.detection
    given: Mapping[str, Chosen] = {}
    if choosing:
        given = choose(rows) | choose_unknown(
            first.answers, SHARE if unknown_share is None else unknown_share
        )
    if earlier is not None:
        given = earlier.fitting(model=first.digest, settings=first.asked)
    confirmed = confirm(rows, given) | confirm_unknown(first.answers, given)
    models = names_of(judged)
    pairs = {name: compare(first, other) for name, other in list(models.items())[1:]}
    names = [str(path) for path in catalogs]
    values = write_results(out, models, names, pairs, confirmed, choosing=choosing)
    if as_json:
        echo_text(json.dumps(values, indent=1, allow_nan=False))
    else:
        echo_text("\n".join(_lines(models, pairs)))
        for line in _threshold_lines(confirmed, choosing=choosing):
            echo(line)
    echo(f"wrote {out / 'evaluation.html'}", err=True)
    exit_with_failures(dict.fromkeys(line for one in judged for line in one.failed))


def _lines(models: "Mapping[str, Judged]", pairs: "Mapping[str, Mapping[str, PairedTest]]") -> Iterator[str]:
    from avianvox.evaluation.figures import Table
    from avianvox.evaluation.ladder import p_text
    from avianvox.judge.page import interval, rate, threshold
    from avianvox.pages.blocks import number

    n = next(iter(models.values())).figures.n
    yield (
        f"{n['recordings']} recordings, {n['sessions']} sessions; without an animal: {n['no_bird']}, "
        f"without a species of the catalogs: {n['without']}"
    )
    yield ""
    rows, events = [], []
    for name, one in models.items():
        figures = one.figures
        rows.append(
            (
                name,
                str(figures.n["known"]),
                interval(figures.all_classes.get("accuracy")),
                interval(figures.all_classes.get("top5")),
                interval(figures.catalog_classes.get("accuracy")),
                f"{figures.unknown['named']['0.50']} of {figures.n['unknown']}",
            )
        )
        for row in (one.alarms.usual, *one.alarms.rows):
            if row is one.alarms.usual or row.threshold in _SHOWN:
                counts = (str(row.right), str(row.false), str(row.not_judged))
                shown = (number(row.precision), rate(row))
                events.append((name, threshold(row), *counts, *shown))
    columns = ("model", "known", "accuracy", "top-5", "among the catalogs'", "unknown named")
    yield Table(columns, tuple(rows)).markdown()
    yield "known: recordings of species that the model knows; accuracy, top-5: of these, among all classes;"
    yield "unknown named: recordings of other species with a name at 0.50; in brackets: 95 % over sessions"
    yield ""
    heads = ("events of", "threshold", "right", "false", "not judged", "precision", "false an hour")
    yield Table(heads, tuple(dict.fromkeys(events))).markdown()
    yield f"in {one.alarms.hours:.2f} hours of sound"
    for name, one in models.items():
        if one.unseen is not None:
            yield f"{name}, accuracy on those that it was not trained on: {interval(one.unseen)}"
    for name, found in pairs.items():
        for part, test in found.items():
            over = "all labelled recordings" if part == "all" else "species that both know"
            yield (
                f"{name} minus {next(iter(models))}, {over}: {test.difference:+.3f} "
                f"[{test.low:+.3f}, {test.high:+.3f}], p {p_text(test.p_value)}, paired by session"
            )


def _threshold_lines(confirmed: "Mapping[str, Confirmed]", *, choosing: bool) -> Iterator[str]:
    from avianvox.judge.thresholds import QUESTIONS, UNKNOWN
    from avianvox.pages.blocks import number

    for question in (question for question in QUESTIONS if question in confirmed):
        one: Any = confirmed[question]
        counts, was = one.here, one.chosen
        figures: dict[str, Any] = {"F1": counts.f1, "precision": counts.precision, "recall": counts.recall}
        told = ", ".join(f"{name} {number(value)}" for name, value in figures.items())
        note = "confirm it on others" if choosing else f"F1 where it was chosen: {number(was.figures['f1'])}"
        yield f"threshold {was.threshold:.2f}, {QUESTIONS[question]}: {told}; {note}"
    if UNKNOWN in confirmed:
        one = confirmed[UNKNOWN]
        found, was = one.here, one.chosen
        yield (
            f"threshold {was.threshold:.4f}, to give a name at all (at most {was.figures['share']:.0%} of "
            f"held-out species): {found.held_out_named} of {found.held_out} held-out recordings are named, "
            f"{found.unknown_named} of {found.unknown} of species that the model does not know; "
            f"of {found.known} that it knows {found.known_named} are named, {found.known_right} rightly "
            f"({found.right_without} without a threshold)"
        )
