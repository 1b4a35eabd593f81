"""``avianvox train``: train a model on a catalog."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import catalogs_argument, echo
from avianvox.cli.label_options import add_labels_option, with_labels
from avianvox.cli.run_options import (
    config_option,
    fresh_option,
    quiet_option,
    resume_option,
    run_option,
    store_option,
)
from avianvox.cli.targets import Writer
from avianvox.dataset.placing import PLACINGS
from avianvox.models import TRAINABLE
from avianvox.models.networks import DEFAULT_NETWORK, RECIPES
from avianvox.models.shapes import SHAPES
from avianvox.tasks import TASK_KINDS
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.emphasis import EMPHASES
from avianvox.training.ensembles import ENSEMBLES
from avianvox.training.guides import GUIDES
from avianvox.training.losses import LOSSES
from avianvox.training.optimisers import OPTIMISERS
from avianvox.training.samplers import SAMPLERS
from avianvox.training.schedules import SCHEDULES
from avianvox.training.self_training import SELF_TRAININGS

if TYPE_CHECKING:
    from avianvox.dataset.catalog import Catalog
    from avianvox.training.on_ear import EarRun
    from avianvox.training.run import Run

EPILOG = f"""\b
The run folder holds configuration, split, figures and weights, of networks learning curves too. "avianvox
export" makes a model file of it, but for models of whole recordings (gnb_mfcc, logreg_mel, logreg_floor,
mlp_mfcc). The TOML file has the tables [train], [[tasks]] and [features]. Options of the command line
override it.

\b
Of networks, [train] has these besides:
{fill("  loss: " + ", ".join(LOSSES), 76, subsequent_indent="    ")}
  sampler: {", ".join(SAMPLERS)}
  placing of crops: {", ".join(PLACINGS)}
  optimiser: {", ".join(OPTIMISERS)}
  schedule of the learning rate: {", ".join(SCHEDULES)}
  emphasis: {", ".join(EMPHASES)}; average: a momentum, such as 0.99
  guide, beside the classes: {", ".join(GUIDES)}
  ensemble, several fits: {", ".join(ENSEMBLES)}; shape: {", ".join(SHAPES)}
  self_training, with recordings without a label: {", ".join(SELF_TRAININGS)}
  also: a share for species in the background, such as 0.2
{fill("  augment, a list: " + ", ".join(AUGMENTATIONS), 76, subsequent_indent="    ")}
{fill("  tasks beside the species, [[tasks]]: " + ", ".join(TASK_KINDS), 76, subsequent_indent="    ")}
With settings: loss = {{kind = "focal", gamma = 3}}.
augment needs combine = "mel" or "above_floor".

\b
A network with a recipe ({", ".join(RECIPES)}) is trained by it where neither options nor file say
otherwise; the defaults above are those of the others.

\b
Examples:
  avianvox train recordings/ --out runs/first --epochs 60
  avianvox train recordings/ --on birdnet --out runs/ours
  avianvox train recordings/ --from runs/first --freeze-until block2_conv \\
    --out runs/second --epochs 20
  avianvox train recordings/ --add-labels events.verdicts.csv \\
    --out runs/more --epochs 20
  avianvox train recordings/ --model avianvox_small --teacher birdnet \\
    --out runs/taught --epochs 5
  avianvox train recordings/ background/ --out runs/final --validation 0 \\
    --epochs 40 --resume
"""


@click.command(cls=Writer, epilog=EPILOG)
@catalogs_argument
@run_option
@click.option(
    "--model",
    help=f"Name of a model: {', '.join(TRAINABLE)}.  [default: {DEFAULT_NETWORK}]",
)
@add_labels_option
@click.option(
    "--on",
    "ear",
    metavar="MODEL",
    help="Name or file of a model that gives embeddings, such as birdnet; trains a head on it, in seconds.",
)
@store_option
@click.option(
    "--from",
    "from_",
    type=click.Path(),
    metavar="RUN",
    help="Run folder of a network whose weights to begin from; layers of other classes begin anew.",
)
@click.option(
    "--freeze-until", metavar="LAYER", help="Layer up to which the weights of --from stay as they are."
)
@click.option(
    "--teacher",
    metavar="MODEL",
    help="Name or file of a model that gives embeddings, such as birdnet; a network learns these beside the "
    "classes, and has the model's licence.",
)
@click.option("--epochs", type=int, help="Maximum number of epochs.  [default: of the recipe, or 100]")
@click.option("--batch-size", type=int, help="Number of crops per batch.  [default: 32]")
@click.option("--learning-rate", type=float, help="Learning rate.  [default: of the recipe, or 0.001]")
@click.option(
    "--crops",
    "crops_per_recording",
    type=int,
    help="Number of crops per recording and epoch.  [default: of the recipe, or 1]",
)
@click.option(
    "--validation",
    type=float,
    help="Share of the recordings held out for early stopping, in whole sessions, at most 0.5. With 0, all "
    "recordings are used for training, for all epochs.  [default: of the recipe, or 0.15]",
)
@click.option("--patience", type=int, help="Epochs without improvement before stopping.  [default: 20]")
@click.option("--seed", type=int, help="Random seed of weights, crops and split.  [default: 0]")
@config_option
@resume_option
@fresh_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@quiet_option
def train(
    catalogs: tuple[Path, ...],
    out: Path,
    labels: tuple[Path, ...],
    ear: str | None,
    store: Path | None,
    config: Path | None,
    resume: bool,
    fresh: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train a model on a catalog.

    CATALOG is a folder of recordings with an index or with one folder for each species, or an index file;
    several are merged. Recordings without a bird are in a folder "background" or "no bird".
    """
    if resume and fresh:
        raise click.UsageError("--resume and --fresh exclude each other")
    catalogs = with_labels(catalogs, labels)
    if ear is not None:
        given = [key for key, value in options.items() if value is not None and key != "seed"]
        given += [name for name, on in (("config", config is not None), ("resume", resume)) if on]
        if given:
            names = (name.removesuffix("_").replace("_", "-") for name in given)
            from avianvox.api.teach import NOT_ON_EAR

            raise click.UsageError(f"--on takes no {', '.join(f'--{name}' for name in names)}; {NOT_ON_EAR}")
    import json

    from avianvox.api.teach import train as train_model
    from avianvox.cli.common import exit_with_failures
    from avianvox.cli.screen import Screen
    from avianvox.training.run import Run
    from avianvox.workers import n_cores

    trained = train_model(
        catalogs,
        out,
        on=ear,
        store=store,
        config=config,
        resume=resume,
        fresh=fresh,
        jobs=n_cores(),
        watch=Screen(quiet=quiet),
        **{name: value for name, value in options.items() if value is not None},
    )
    if as_json:
        click.echo(json.dumps(trained.figures, indent=1))
    elif isinstance(trained.run, Run):
        _show(trained.run)
    else:
        _show_on_ear(trained.run, ear or "", trained.catalog)
    if isinstance(trained.run, Run):
        for line in trained.run.split["left out"]:
            echo(f"left out: {line}", err=True)
    exit_with_failures(trained.failed)


def _show(run: "Run") -> None:
    from avianvox.evaluation.plain import counted
    from avianvox.tasks import TASK_KINDS

    figures = run.figures
    epochs = ""
    if "epochs" in figures:
        epochs = f", {counted(figures['epochs'], 'epoch')}, least loss after {figures['best_epoch']}"
    click.echo(f"{run.path}: {run.architecture}, {counted(len(run.labels), 'class')}{epochs}")
    if begun := run.config.get("begun_from"):
        for line in _begun(begun):
            click.echo(f"  {line}")
    for entry in run.config.get("inherited", ()):
        if entry["kind"] == "embedding":
            click.echo(f"  licence of the teacher, {entry['name']}: {entry['licences']['model']}")
    if windows := figures.get("self_training", {}).get("n_windows"):
        parts = ", ".join(f"{name} {n}" for name, n in windows.items())
        click.echo(f"  windows without a label that were learned: {parts}")
    for part in ("train", "validation"):
        found = figures[part]
        if found is None:
            continue
        accuracies = ""
        if "recording" in found:
            window, recording = (found[level]["accuracy"] for level in ("window", "recording"))
            accuracies = f", accuracy: window {window:.3f}, recording {recording:.3f}"
        click.echo(f"  {part:<11}{found['n_recordings']:>5} recordings{accuracies}")
        for name, task in found.get("tasks", {}).items():
            headline = TASK_KINDS.get(task["kind"]).headline
            value = task["figures"].get(headline, {}).get("pooled")
            if value is not None:
                n = task["n_recordings"]
                click.echo(f"    {name} ({n} recordings): {headline.replace('_', ' ')} {value:.4g}")


def _begun(begun: Mapping[str, Any]) -> Iterator[str]:
    """Which layers came from earlier weights, and what that does to the figures."""
    for key, words in (("taken", "taken"), ("anew", "begun anew"), ("frozen", "kept as they are")):
        if begun[key]:
            yield f"layers {words}: {', '.join(begun[key])}"
    if heard := begun["validation_heard"]:
        yield (
            f"{Path(begun['run']).name} has heard {heard} of the validation recordings; figures on them are "
            "too good"
        )


def _show_on_ear(run: "EarRun", ear: str, catalog: "Catalog") -> None:
    from avianvox.evaluation.plain import counted

    figures, folds = run.figures, run.figures["session_folds"]
    parts = any(recording.begin_s is not None for recording in catalog.recordings)
    heard = counted(figures["n_recordings"], "labelled part" if parts else "recording")
    echo(f"{run.path}: head on {ear}, {counted(len(run.labels), 'class')}, {heard}")
    if folds is None:
        echo("  too few sessions for session folds: how good it is on new sessions is not known")
    else:
        of_what = "part" if parts else "recording"
        echo(f"  accuracy per {of_what} on session folds: {folds['recording']['accuracy']:.3f}")
        if figures["unknown_to_ear"]:
            echo(f"  of species that {ear} does not know: {folds['accuracy_unknown_to_ear']:.3f}")
    if basis := run.calibration.get("basis"):
        for line in _worth(basis, run.calibration["recording"], run.labels.names):
            echo(f"  {line}")
    echo(f"  {ear} may have heard these recordings in its own training; then figures are too good")


def _worth(basis: Mapping[str, Any], level: Mapping[str, Any], labels: Sequence[str]) -> Iterator[str]:
    """What scores of recordings are worth on sessions that were not heard, and which names never come."""
    from avianvox.evaluation.plain import counted
    from avianvox.inference.species import few

    held = basis["held_out"]["recording"]
    before, after, chance = (held[f"error_{when}"] for when in ("before", "after", "by_chance"))
    yield f"calibration error per recording: {before:.3f} before, {after:.3f} after; by chance {chance:.3f}"
    named = f"{held['named']} of {counted(held['rows'], 'held-out recording')} named"
    yield f"thresholds ({basis['thresholds']}): {named}, {held['named_rightly']} rightly"
    never = [name for name, score in zip(labels, level["thresholds"], strict=True) if score is None]
    if never:
        yield f"always uncertain: {few(tuple(never))}; no score is sure enough to name a recording so"
