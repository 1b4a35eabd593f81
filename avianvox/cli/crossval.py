"""``avianvox crossval``: compare models on random and grouped folds, rung by rung."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from avianvox.api.compare import crossvalidate, rungs
from avianvox.cli.common import (
    comma_names,
    echo,
    echo_text,
    refuse_beside_recompute,
    show_table,
    workplace_of,
    workplace_options,
    wrong_usage,
)
from avianvox.cli.label_options import add_labels_option, with_labels
from avianvox.cli.run_options import discard_option, earlier_catalogs_argument, folds_option
from avianvox.cli.targets import Target, Writer
from avianvox.evaluation.rules import RULES
from avianvox.models import ARCHITECTURES, KINDS, LADDER, MODELS

if TYPE_CHECKING:
    from avianvox.evaluation.conclude import CrossvalResult

EPILOG = f"""\b
The predictions of each fit are saved at once. To continue an interrupted run, run the same command again.
The same command with more models, another --per-class or with --hold-out-species adds to the run.

Random folds are too optimistic, because training and test share recording sessions. The column "gap" shows by
how much. Session folds are added if --groupings has no grouped folds.

With --hold-out-species, each species is unknown to a model once: N species in a turn, each turn with one fold
that keeps sessions together. "avianvox calibrate" then finds the score from which on a bird is known.

\b
Fits run in several processes (--jobs) or on a Dask cluster (--scheduler). Its workers need the extra
"train" of avianvox and the feature store at the same path.

\b
Models: {", ".join(MODELS)}. Rules, which use no sound: {", ".join(RULES)}. "ladder" stands for
{", ".join(LADDER)}. "architectures" stands for
{", ".join(ARCHITECTURES)}. "kinds" stands for {", ".join(KINDS)}.
"avianvox models list --trainable" describes them.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some recordings could not be read (listed on
standard error).

\b
Examples:
  avianvox crossval recordings/ --models session_lookup,gnb_pixels,gnb_mfcc \\
    --out runs/bayes
  avianvox crossval recordings/ --models gnb_mfcc --per-class 1,2 \\
    --out runs/bayes
  avianvox crossval recordings/ --models gnb_mfcc --hold-out-species 2 \\
    --out runs/bayes
  avianvox crossval --recompute runs/bayes --against gnb_mfcc
"""


def _numbers(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in value.split(",") if part.strip()}))
    except ValueError as error:
        raise click.BadParameter(f"expected whole numbers like 2,4,8, got {value}") from error


@click.command(cls=Writer, goes_on=True, epilog=EPILOG)
@earlier_catalogs_argument
@click.option(
    "--models",
    "model_names",
    callback=comma_names,
    default="gnb_mfcc,logreg_floor,avianvox_small",
    show_default=True,
    metavar="A,B",
    help='Names of models and rules in the order of comparison, or "ladder" or "architectures" (see below).',
)
@click.option(
    "--groupings",
    callback=comma_names,
    default="random,session",
    show_default=True,
    metavar="A,B",
    help="Groupings of the folds: random, session, recordist, site, published.",
)
@add_labels_option
@folds_option
@click.option("--seed", default=0, show_default=True, help="Random seed of folds and fits.")
@click.option(
    "--per-class",
    callback=_numbers,
    default="",
    metavar="N,M",
    help="Learning curves: maximum numbers of training recordings per class.",
)
@click.option(
    "--hold-out-species",
    type=click.IntRange(min=1),
    metavar="N",
    help="Besides, fit each model without N species at a time, until each was held out once.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Number of epochs of networks; no recordings are held out for early stopping.  "
    "[default: of the recipe, or 100]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help='TOML file of "avianvox train". Not used: model, seed, validation, validation_windows and patience.',
)
@click.option(
    "--spec", "spec_name", help="Named feature settings.  [default: those of --config, or published_v1]"
)
@click.option(
    "--store",
    type=Target(path_type=Path, file_okay=False),
    help="Feature store, built if missing.  [default: OUT/features-SETTINGS, one per feature settings]",
)
@click.option(
    "--out",
    type=Target(path_type=Path, file_okay=False),
    default=Path("runs/crossval"),
    show_default=True,
    help="Run folder.",
)
@click.option(
    "--ensemble",
    is_flag=True,
    help='Also average the probabilities of the models, rules left out: a row "ensemble".',
)
@workplace_options("1, in this process")
@discard_option
@click.option(
    "--recompute",
    type=Target(path_type=Path, file_okay=False),
    metavar="RUN",
    help="Run folder of a finished run: recompute its figures, tables and pictures.",
)
@click.option(
    "--against",
    metavar="MODEL",
    help="Model that each other one is compared with, paired by session: one line each below the table.",
)
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def crossval(
    catalogs: tuple[Path, ...],
    model_names: tuple[str, ...],
    groupings: tuple[str, ...],
    labels: tuple[Path, ...],
    folds: int,
    seed: int,
    per_class: tuple[int, ...],
    hold_out_species: int | None,
    epochs: int | None,
    config: Path | None,
    spec_name: str | None,
    store: Path | None,
    out: Path,
    ensemble: bool,
    jobs: int | None,
    scheduler: str,
    dask_config: Path | None,
    fresh: bool,
    recompute: Path | None,
    against: str | None,
    as_json: bool,
) -> None:
    """Cross-validate models on random and grouped folds.

    CATALOG is a folder of recordings with an index or with one folder for each species, or an index file;
    several are merged. The data are audited first. The run folder OUT keeps folds, predictions, audit,
    figures, tables and confusion matrices.
    """
    from avianvox.cli.common import exit_with_failures
    from avianvox.cli.screen import Screen
    from avianvox.errors import require_extra
    from avianvox.workers import n_cores

    for module in ("sklearn", "matplotlib"):
        require_extra(module, extra="train", purpose="avianvox crossval")
    if recompute is not None:
        refuse_beside_recompute(("recompute", "against", "as_json"))
        _recompute(recompute, against, as_json)
        return
    if not catalogs:
        raise click.UsageError("Missing argument 'CATALOG...'.")
    catalogs = with_labels(catalogs, labels)
    workplace = workplace_of(jobs, scheduler, dask_config, default=lambda: 1)
    with wrong_usage():
        names = rungs(model_names, against=against)
    compared = crossvalidate(
        catalogs,
        names,
        out,
        groupings=groupings,
        folds=folds,
        seed=seed,
        per_class=per_class,
        hold_out_species=hold_out_species,
        epochs=epochs,
        config=config,
        spec=spec_name,
        store=store,
        jobs=n_cores(),
        workplace=workplace,
        ensemble=ensemble,
        fresh=fresh,
        against=against,
        watch=Screen(),
    )
    if not compared.store.in_decibels:
        click.echo("audit of the sound left out: it needs log-mel features", err=True)
    if set(compared.result.splits) - set(groupings):
        click.echo("added session folds: figures from random folds alone mislead", err=True)
    _show(compared.result, out, as_json)
    for line in compared.left_out:
        echo(f"left out: {line}", err=True)
    exit_with_failures(compared.failed)


def _recompute(run: Path, against: str | None, as_json: bool) -> None:
    from functools import partial

    from avianvox.cli.crossval_progress import progress_of_crossval
    from avianvox.evaluation.conclude import conclude
    from avianvox.evaluation.saved_run import SavedRun

    with progress_of_crossval() as bars:
        result = conclude(SavedRun.open(run), against=against, progress=partial(bars.step, "figures"))
    _show(result, run, as_json)


def _show(result: "CrossvalResult", out: Path, as_json: bool) -> None:
    """The ladder, what to know beside it, what the audit found, and the seconds of a fit; or all figures."""
    echo(f"kept in {out}", err=True)
    if as_json:
        import json

        echo_text(json.dumps(result.figures, indent=1, ensure_ascii=False))
        return
    if result.table.rows:
        show_table(result.table)
    for note in result.notes:
        echo(note)
    if result.tasks is not None:
        click.echo("\ntasks:")
        show_table(result.tasks)
    if result.audit is not None:
        echo_text(f"\naudit, in full in {out / 'table.md'}:")
        for finding in result.audit.findings:
            echo(f"  {finding.level.upper()}: {finding.title}")
    seconds = ", ".join(f"{model} {value:.1f}" for model, value in result.seconds.items())
    click.echo(f"\nseconds a fit: {seconds}")
    if result.n_weights:
        click.echo("weights: " + ", ".join(f"{model} {n:,}" for model, n in result.n_weights.items()))
