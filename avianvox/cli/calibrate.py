"""``avianvox calibrate``: what the scores of a cross-validated model are worth, written into its file."""

from dataclasses import asdict
from math import isinf, isnan
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from avianvox.cli.common import FiniteFloat, echo, echo_text
from avianvox.cli.targets import MODEL_MARK, Target, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avianvox.calibration.finished import FinishedReport
    from avianvox.calibration.saved import CalibrationReport, LevelReport
    from avianvox.evaluation.detection import Metric

EPILOG = """\b
Figures are computed on held-out folds: temperatures, thresholds and sets are fitted on the other folds. The
models that scored the other folds were trained on the held-out fold, though. Figures whose threshold is
chosen on the same recordings are too optimistic: the share of automatic labels at --accuracy, its lower
bound, and the best thresholds for detection and naming. The temperatures and thresholds shown, and those of
the model file, are fitted on all folds.

The expected calibration error is never 0 on few recordings. "By chance" is the error of a perfectly
calibrated model on them, and its upper limit in 19 of 20 cases.

\b
The threshold of a class is the lowest score at which its named recordings reach --precision (lower 80 %
bound, counting sessions). A class with too few sessions gets the threshold of all classes together, or a
higher one at which it reaches the precision itself. For windows and events, the threshold of a class is a
mean of its own and that of all classes: both weigh the same at 20 sessions. Below the threshold, the answer
of "avianvox classify" is "uncertain". All results are in RUN/calibration/MODEL-GROUPING.json.

If species were held out in RUN ("avianvox crossval --hold-out-species"), there is one more threshold for all
classes: the lowest one at which at most --unknown-share of the recordings of held-out species are named,
unless that costs more correct names than --unknown-recall allows. Below it, the answer of "avianvox classify"
is "unknown".

A finished model is calibrated by its best answers, on session folds of the recordings that it was evaluated
on: of names with a score of 0.8, eight of ten are right. Names that it gives to species that it does not know
count as wrong. The model file stays as it is; a copy gets the calibration. So "avianvox evaluate birdnet
recordings/ --out judged" comes first, and "avianvox calibrate judged" then.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage.

\b
Example:
  avianvox calibrate runs/bayes --model gnb_mfcc --precision 0.8
"""

_METRICS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "accuracy": "accuracy",
    "accuracy_without_tn": "accuracy without true negatives",
}
_SCALING = {
    "temperature": "temperature",
    "uniform": "share of knowing nothing",
    "slope": "slope of the log-odds",
    "intercept": "intercept",
}
_OF_A_RUN = (
    *("into", "grouping", "coverages", "accuracy", "listening_factor", "metric"),
    *("unknown_share", "unknown_recall"),
)
_LETTERS = dict(zip(_METRICS, ("P", "R", "F1", "A", "A-"), strict=True))


def _coverages(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        found = tuple(sorted({float(part) for part in value.split(",")}))
    except ValueError:
        found = ()
    if not found or not all(0 < coverage < 1 for coverage in found):
        raise click.BadParameter(f"expected numbers above 0 and below 1 like 0.5,0.9, got {value}")
    return found


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--model", help="Model of the run.  [default: the only one]")
@click.option(
    "--grouping",
    default="session",
    show_default=True,
    help="Folds for fitting and evaluation. Results on random folds are too optimistic for new sessions.",
)
@click.option(
    "--precision",
    type=FiniteFloat(0, 1, min_open=True),
    help="Minimum precision of named recordings.  [default: 0.9]",
)
@click.option("--best-f1", is_flag=True, help="Thresholds with the best F1, in place of --precision.")
@click.option(
    "--coverages",
    callback=_coverages,
    default="0.5,0.8,0.9,0.95",
    show_default=True,
    metavar="A,B",
    help="Coverages of the prediction sets: share of sets with the correct species.",
)
@click.option(
    "--accuracy",
    type=FiniteFloat(0, 1),
    default=0.966,
    show_default=True,
    help="Minimum accuracy of automatic labels. The default is that of the volunteers of Snapshot Serengeti, "
    "a camera-trap study.",
)
@click.option(
    "--listening-factor",
    type=FiniteFloat(0),
    default=1.0,
    show_default=True,
    help="Listening time of a person in hours per recorded hour.",
)
@click.option(
    "--metric",
    type=click.Choice(list(_METRICS)),
    default="f1",
    show_default=True,
    help="Metric to choose the best threshold for detection and for naming.",
)
@click.option(
    "--unknown-share",
    type=FiniteFloat(0, 1),
    default=0.1,
    show_default=True,
    help="Maximum share of recordings of held-out species with a name.",
)
@click.option(
    "--unknown-recall",
    type=FiniteFloat(0, 1),
    default=0.9,
    show_default=True,
    help="Minimum share of correct names that remains; it goes before --unknown-share.",
)
@click.option(
    "--into",
    type=Target(ours=MODEL_MARK, changes_models=True, path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Model file that receives the calibration; same kind of model and same classes.",
)
@click.option(
    "--out",
    type=Target(ours=MODEL_MARK, only_ours="model file", path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Calibrated copy of a finished model; it is named like this file.  "
    "[default: NAME_calibrated.tflite in the folder]",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_context
def calibrate(
    context: click.Context,
    run: Path,
    model: str | None,
    grouping: str,
    precision: float | None,
    best_f1: bool,
    coverages: tuple[float, ...],
    accuracy: float,
    listening_factor: float,
    metric: "Metric",
    unknown_share: float,
    unknown_recall: float,
    into: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Calibrate scores and choose a threshold for each species.

    RUN is the folder of a cross-validation, or that of "avianvox evaluate" for a finished model whose classes
    do not exclude each other, such as BirdNET. Nothing is trained and no sound is read.
    """
    import json

    from avianvox.api.worth import calibrate as calibrate_model
    from avianvox.calibration.answers import holds_answers
    from avianvox.calibration.saved import CalibrateOptions, CalibrationReport
    from avianvox.errors import require_extra
    from avianvox.evaluation.run_folder import FOLDER, HELD_OUT
    from avianvox.runfolder import CONFIG

    if precision is not None and best_f1:
        raise click.UsageError("--precision and --best-f1 are two rules: give one")
    require_extra("scipy", extra="train", purpose="avianvox calibrate")
    options = CalibrateOptions(
        precision=None if best_f1 else precision or 0.9,
        accuracy=accuracy,
        listening_factor=listening_factor,
        coverages=coverages,
        metric=metric,
        unknown_share=unknown_share,
        unknown_recall=unknown_recall,
    )
    finished = holds_answers(run)
    if finished:
        _refuse(context, _OF_A_RUN, "is for a cross-validation, and RUN is of 'avianvox evaluate'")
    else:
        why = "is for a finished model; --into names the model file of a cross-validation"
        _refuse(context, ("out",), why)
        if (run / CONFIG).exists() and not FOLDER.read(run).get(HELD_OUT):
            why = "needs species that were held out; add them with: avianvox crossval --hold-out-species"
            _refuse(context, ("unknown_share", "unknown_recall"), why)
    found = calibrate_model(run, model=model, grouping=grouping, into=into, out=out, options=options)
    for note in found.notes:
        echo(f"note: {note}", err=True)
    report = found.report
    if isinstance(report, CalibrationReport):
        lines, kept = _lines(report), f"kept in {found.kept}" + (f", written into {into}" if into else "")
    else:
        from avianvox.cli.calibrate_finished import finished_lines

        lines = finished_lines(report)
        kept = f"wrote {found.model}; {report.answers.path} is as it was"
    echo_text(json.dumps(found.figures, indent=1, allow_nan=False) if as_json else "\n".join(lines))
    echo(kept, err=True)


def _refuse(context: click.Context, names: tuple[str, ...], why: str) -> None:
    """Raise `click.UsageError` where one of these options was given."""
    for name in names:
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} {why}")


def _lines(report: "CalibrationReport") -> "Iterator[str]":
    from avianvox.evaluation.figures import Table

    window, recording = report.levels["window"], report.levels["recording"]
    again = f", tested {recording.n} times" if recording.n > report.n_recordings else ""
    yield (
        f"{report.model}, {report.n_folds} {report.grouping} folds: {recording.n_sessions} sessions, "
        f"{report.n_recordings} recordings{again}, {window.n} windows"
    )
    yield ""
    found = report.calibration
    if found.tasks and not found.basis.get("model_settings", {}).get("species", True):
        yield f"{report.model} was asked for its tasks alone: it names no species."
        yield from _task_lines(report)
        return
    columns = ("", "per recording", "per window")
    yield Table(columns, tuple((name, *cells) for name, *cells in level_rows(recording, window))).markdown()
    yield from verdicts(report)
    yield from _threshold_lines(report, recording)
    if report.unknown is not None:
        from avianvox.cli.calibrate_unknown import unknown_lines

        yield ""
        yield from unknown_lines(report.unknown)
        yield ""
    yield from _event_lines(report, window)
    yield from _task_lines(report)
    yield from _automation_lines(report)
    yield from _detection_lines(report)
    tree = report.hierarchy
    if tree.n_errors:
        right = ", ".join(f"{name} {share:.3f}" for name, share in tree.right.items() if share == share)
        weight = (
            f"an error weighs {tree.importance:.2f} of {tree.depth} "
            f"(dealt out at random: {tree.importance_by_chance:.2f}) over species, genus and family, and "
            f"{tree.importance_with_order:.2f} of {tree.depth + 1} with the order "
            f"({tree.importance_with_order_by_chance:.2f})."
        )
        yield f"Right at the level of {right}; {tree.caveat or weight}"


def level_rows(*levels: "LevelReport") -> "Iterator[tuple[str, ...]]":
    """Rows of a table with a column for each level."""
    yield "accuracy", *(f"{level.before.accuracy:.3f} -> {level.after.accuracy:.3f}" for level in levels)
    yield "calibration error", *(f"{level.before.error:.3f} -> {level.after.error:.3f}" for level in levels)
    floors = (level.after.floor for level in levels)
    yield "  by chance", *(f"{floor.mean:.3f}, at most {floor.high:.3f}" for floor in floors)
    yield "log loss", *(f"{level.before.log_loss:.3f} -> {level.after.log_loss:.3f}" for level in levels)
    yield "Brier score", *(f"{level.before.brier:.3f} -> {level.after.brier:.3f}" for level in levels)
    scalings = [asdict(level.scaling) for level in levels]
    for name in scalings[0]:
        yield _SCALING[name], *(f"{scaling[name]:.2f}" for scaling in scalings)
    for i, coverage in enumerate(levels[0].coverage):
        cells = (level.coverage[i] for level in levels)
        yield (
            f"sets for {coverage.nominal:.0%} hold",
            *(f"{c.held_out:.1%} in {c.mean_size:.1f} classes" for c in cells),
        )


def verdicts(report: "CalibrationReport | FinishedReport") -> "Iterator[str]":
    """A sentence for each level that calibration does not help."""
    from avianvox.calibration.saved import verdict

    for name, level in report.levels.items():
        if found := verdict(name, level.before.error, level.after.error, level.after.floor.high):
            yield found


def _threshold_lines(report: "CalibrationReport", recording: "LevelReport") -> "Iterator[str]":
    decided = recording.decided
    rightly = f", {decided.right} of them rightly ({decided.precision:.0%})" if decided.named else ""
    yield (
        f"Thresholds for {report.options.rule}: of {decided.n} held-out recordings {decided.named} are "
        f"named{rightly}, the others are uncertain."
    )
    surely, few, never = [], [], []
    for label, found in zip(report.labels.names, recording.thresholds.classes, strict=True):
        if isinf(found.score):
            never.append(found)
        elif found.sure:
            surely.append(f"{label} ({found.score:.2f})")
        else:
            few.append(f"{label} (own, {found.score:.2f})" if found.source == "own" else label)
    if surely:
        yield f"  Named from a score of their own: {', '.join(surely)}"
    if few:
        limit = f"{recording.thresholds.pooled.score:.2f}"
        yield f"  Too few sessions to tell, named from the score of all classes ({limit}): {', '.join(few)}"
    if never:
        n, n_unsure = len(report.labels), sum(not found.sure for found in never)
        which = f"all {n} classes" if len(never) == n else f"{len(never)} of {n} classes"
        unsure = f"; for {n_unsure} of them there are too few sessions to tell" if n_unsure else ""
        yield f"  Never named, since no score suffices: {which}{unsure}"


def _event_lines(report: "CalibrationReport", window: "LevelReport") -> "Iterator[str]":
    decided, thresholds = window.decided, window.thresholds
    yield f"Windows and events: of {decided.n} held-out windows " + (
        f"{decided.named} are named, {decided.right} of them rightly ({decided.precision:.0%})."
        if decided.named
        else "none reaches a threshold."
    )
    scores = [score for score in thresholds.scores if not isinf(score)]
    if scores:
        of_all = "" if isinf(thresholds.pooled.score) else f", of all classes {thresholds.pooled.score:.2f}"
        yield f"  Thresholds from {min(scores):.2f} to {max(scores):.2f}{of_all}"
    if never := len(thresholds.scores) - len(scores):
        yield f"  No events, since no score suffices: {never} of {len(thresholds.scores)} classes"


def _task_lines(report: "CalibrationReport") -> "Iterator[str]":
    for name, found in report.calibration.tasks.items():
        yield (
            f"Task {name}, {found['n']} recordings: temperature {found['temperature']:.2f}; calibration "
            f"error {found['error_before']:.3f} -> {found['error_after']:.3f}, log loss "
            f"{found['log_loss_before']:.3f} -> {found['log_loss_after']:.3f}"
        )


def _automation_lines(report: "CalibrationReport") -> "Iterator[str]":
    automation = report.automation
    best, (share, accuracy) = automation.best, automation.held_out
    hours = best.hours_saved(listening_factor=automation.listening_factor)
    spared = "" if isnan(hours) else f", which spares {hours:.2f} hours of listening"
    yield (
        f"Labelled without a person at {automation.target:.1%} accuracy: {best.share:.1%} of the recordings"
        + (f" (score {best.threshold:.2f} or more){spared}" if best.n_items else "")
        + f"; surely so, were recordings independent: {automation.careful.share:.1%}"
        + f"; with thresholds from other folds: {share:.1%}"
        + (f", of which {accuracy:.1%} are right." if share else ".")
    )


def _detection_lines(report: "CalibrationReport") -> "Iterator[str]":
    from avianvox.calibration.saved import QUESTIONS
    from avianvox.evaluation.figures import Table

    columns, cells = ["score"], [[f"{row.threshold:.2f}" for row in report.detection]]
    for question, title in zip(QUESTIONS, ("something calls", "this species calls"), strict=True):
        counts = [getattr(row, question) for row in report.detection]
        shown = [metric for metric in _METRICS if not all(isnan(getattr(one, metric)) for one in counts)]
        columns.append(f"{title}:  {'  '.join(_LETTERS[metric] for metric in shown)}")
        cells.append(["  ".join(_number(getattr(one, metric)) for metric in shown) for one in counts])
    yield ""
    yield Table(tuple(columns), tuple(zip(*cells, strict=True))).markdown()
    metric = report.options.metric
    best = [report.best_detection(question) for question in QUESTIONS]
    found = [
        "undefined"
        if row is None
        else f"{_number(getattr(getattr(row, question), metric))} at {row.threshold:.2f}"
        for question, row in zip(QUESTIONS, best, strict=True)
    ]
    yield "P: precision, R: recall, A: accuracy, A-: accuracy without true negatives."
    yield f"Best {_METRICS[metric]}: something calls, {found[0]}; this species calls, {found[1]}."


def _number(value: float) -> str:
    return "  -  " if isnan(value) else f"{value:.3f}"
