"""``avianvox pipeline``: how much a whole pipeline labels without a person."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from avianvox.cli.common import FiniteFloat, echo_text
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.calibration.pipeline import PipelineShare, StageShare

EPILOG = """\b
A recording passes the stages one after the other: empty or not, then the species, then the number of calls.
One that is called empty comes to no other stage. Each stage has a threshold: the lowest score at which its
answers have the wanted accuracy, chosen on the other folds. A recording is labelled automatically if it
reaches the threshold in each stage that it comes to.

Without --presence there is one stage for both: the species have a class "no bird" that says what is empty.
For two stages, two networks learn from the same catalogs: the first the column presence, the second the
column animal, each as a task of the kind single.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage.

\b
Example:
  avianvox pipeline runs/bayes --model gnb_mfcc --accuracy 0.9
"""

_ACCURACY = FiniteFloat(min=0, max=1)


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--model", help="Model of the run.  [default: the only one]")
@click.option("--presence", metavar="NAMES", help="Task that says empty or animal, as TASK or RUN:TASK.")
@click.option("--species", metavar="NAMES", help="Task that names the species, as TASK or RUN:TASK.")
@click.option("--count", metavar="NAMES", help="Task of bins that says how many, as TASK or RUN:TASK.")
@click.option("--within-one", is_flag=True, help="Count neighbouring bins as right too.")
@click.option(
    "--accuracy",
    type=_ACCURACY,
    default=0.966,
    show_default=True,
    help="Accuracy wanted of each stage; the default is that of volunteers in Snapshot Serengeti.",
)
@click.option("--count-accuracy", type=_ACCURACY, help="Accuracy wanted of the count.  [default: --accuracy]")
@click.option("--grouping", default="session", show_default=True, help="Grouping of the folds.")
@click.option("--page", type=Target(path_type=Path), help="HTML page with the table and a picture.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def pipeline(
    run: Path,
    model: str | None,
    presence: str | None,
    species: str | None,
    count: str | None,
    within_one: bool,
    accuracy: float,
    count_accuracy: float | None,
    grouping: str,
    page: Path | None,
    as_json: bool,
) -> None:
    """Measure how much a pipeline labels without a person.

    RUN is the folder of "avianvox crossval". Figures are computed on held-out folds, without training.
    """
    import json

    from avianvox.api.pipelines import measured
    from avianvox.report.pipeline import pipeline_mapping

    found, curve = measured(
        run,
        model=model,
        presence=presence,
        species=species,
        count=count,
        within_one=within_one,
        accuracy=accuracy,
        count_accuracy=count_accuracy,
        grouping=grouping,
        page=page,
    )
    if as_json:
        echo_text(json.dumps(pipeline_mapping(found, curve), indent=1))
    else:
        _show(found)


def _show(found: "PipelineShare") -> None:
    width = max(len("stage"), *(len(stage.name) for stage in found.stages))
    click.echo(f"{'stage':<{width}}  wanted  threshold  asked  automatic  accuracy  of all answers")
    for s in found.stages:
        click.echo(
            f"{s.name:<{width}}  {s.target:>6.1%}  {_threshold(s):>9}  {s.asked:>5}  {_share(s.share):>9}"
            f"  {_share(s.accuracy):>8}  {_share(s.unaided):>14}"
        )
    click.echo(f"\nlabelled automatically in every stage: {found.share:.1%} of {found.n} recordings")
    if found.share_of_sound == found.share_of_sound:  # durations are known
        click.echo(f"their share of the sound: {found.share_of_sound:.1%}")
    click.echo(f"of these right in every stage: {_share(found.accuracy)}")
    click.echo(f"right in every stage without thresholds: {found.unaided:.1%} of all")


def _threshold(stage: "StageShare") -> str:
    from avianvox.report.pipeline import threshold_cell

    cell = threshold_cell(stage)
    return cell if isinstance(cell, str) else f"{cell:.3f}"


def _share(value: float) -> str:
    """In percent; a dash for a share of nothing."""
    return "-" if value != value else f"{value:.1%}"
