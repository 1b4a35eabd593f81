"""``avianvox ablate``: what each part of a training recipe is worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import (
    comma_names,
    echo,
    echo_text,
    refuse_beside_recompute,
    show_table,
    workplace_of,
    workplace_options,
)
from avianvox.cli.run_options import (
    discard_option,
    earlier_catalogs_argument,
    first_seed_option,
    folds_option,
    seeds_option,
)
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.ablation.figures import Ablation
    from avianvox.ablation.search import Tried
    from avianvox.ablation.steps import Step

EPILOG = """\b
A step is a recipe with something changed. Without --config, the steps are those of avianvox_small: each part
of its recipe left out, and each option that is off switched on (--list shows them). In a TOML file, [base]
has the base's model and settings of [train], and each [step.NAME] what a step changes:

\b
  [base]
  model = "avianvox_small"
  epochs = 30
  [step.focal]
  loss = "focal"
  [step.published]
  model = "cnn_v20"

\b
A step with a model of its own has that model's recipe; with recipe = "base", the base's settings.
spec = "pcen" gives a step other features.

\b
The predictions of each fit are saved at once. To continue an interrupted run, run the same command again.
More steps, draws, seeds and shapes are added to the run. Each draw is the run folder of a
cross-validation, for "avianvox report".

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some steps or recordings failed (listed on
standard error).

\b
Examples:
  avianvox ablate recordings/ --steps base --epochs 2 --draws 1 \\
    --out runs/small
  avianvox ablate recordings/ --list
  avianvox ablate --recompute runs/small
"""


@click.command(cls=Writer, goes_on=True, epilog=EPILOG)
@earlier_catalogs_argument
@click.option("--config", type=click.Path(path_type=Path), help="TOML file of the base and the steps.")
@click.option(
    "--steps",
    "step_names",
    callback=comma_names,
    metavar="A,B",
    help="Names of steps; the base is always fitted. base: the base alone.  [default: all]",
)
@click.option(
    "--search",
    "n_shapes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of shapes of the base's network to try: kernels, pools, depth and width. Implies "
    "--inside-training; the best one is written to OUT/best.toml.",
)
@click.option(
    "--draws", type=click.IntRange(min=1), help="Draws of the folds.  [default: 3; with --search 1]"
)
@seeds_option
@folds_option
@click.option(
    "--groupings",
    callback=comma_names,
    default="session",
    show_default=True,
    metavar="A,B",
    help='Groupings of the folds: session, recordist or site; with random, the column "gap" is added.',
)
@first_seed_option
@click.option(
    "--inside-training",
    is_flag=True,
    help="Draw all folds inside the training part of the first fold, whose test part is never used: for "
    "choosing a recipe.",
)
@click.option(
    "--ensemble",
    is_flag=True,
    help="Also a row for each step with its probabilities averaged over the seeds.",
)
@click.option(
    "--curves",
    is_flag=True,
    help="Score the test part after each epoch of a network, for learning curves; nothing is chosen by it.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Number of epochs of all steps, for a try.")
@click.option(
    "--store",
    type=Target(path_type=Path, file_okay=False),
    help="Feature store of the base, built if missing.  [default: OUT/features-SETTINGS]",
)
@click.option(
    "--out",
    type=Target(path_type=Path, file_okay=False),
    default=Path("runs/ablation"),
    show_default=True,
    help="Run folder.",
)
@workplace_options("1, in this process")
@discard_option
@click.option(
    "--recompute",
    type=Target(path_type=Path, file_okay=False),
    metavar="RUN",
    help="Run folder: compute table and curves of the draws that are there.",
)
@click.option("--list", "as_list", is_flag=True, help="List the steps and what they change.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def ablate(
    catalogs: tuple[Path, ...],
    config: Path | None,
    step_names: tuple[str, ...] | None,
    n_shapes: int | None,
    draws: int | None,
    seeds: int,
    folds: int,
    groupings: tuple[str, ...],
    seed: int,
    inside_training: bool,
    ensemble: bool,
    curves: bool,
    epochs: int | None,
    store: Path | None,
    out: Path,
    jobs: int | None,
    scheduler: str,
    dask_config: Path | None,
    fresh: bool,
    recompute: Path | None,
    as_list: bool,
    as_json: bool,
) -> None:
    """Compare a training recipe with and without each of its parts.

    CATALOG is a folder of recordings with an index or with one folder for each species, or an index file;
    several are merged. Folds keep sessions together. The table has one row a step: accuracy with its
    interval, and the difference to the base, paired by recording. The run folder OUT keeps predictions,
    table, figures and learning curves.
    """
    from avianvox.ablation.run import AblationSettings
    from avianvox.ablation.run import ablate as run
    from avianvox.ablation.run import recompute as compute
    from avianvox.errors import require_extra

    for module in ("sklearn", "matplotlib"):
        require_extra(module, extra="train", purpose="avianvox ablate")
    if recompute is not None:
        refuse_beside_recompute(("recompute", "ensemble", "as_json"))
        _show(compute(recompute, ensembles=ensemble), recompute, as_json)
        return
    steps = _steps(config, step_names, epochs)
    if as_list:
        for step in steps:
            echo_text(f"{step.name}: {_changes(step)}")
        return
    if not catalogs:
        raise click.UsageError("Missing argument 'CATALOG...'.")
    if n_shapes is not None:
        if step_names is not None:
            raise click.UsageError(
                "--steps and --search exclude each other: a search tries shapes of the base."
            )
        steps = steps[:1]
    n_draws = draws or (3 if n_shapes is None else 1)
    inside = inside_training or n_shapes is not None
    settings = AblationSettings(n_draws, seeds, folds, seed, groupings, inside)
    workplace = workplace_of(jobs, scheduler, dask_config, default=lambda: 1)

    from dataclasses import replace
    from functools import partial

    from avianvox.ablation.run import FOLDER
    from avianvox.ablation.search import BEST, search
    from avianvox.api.catalogs import unreadable
    from avianvox.cli.common import exit_with_failures
    from avianvox.cli.crossval_progress import progress_of_crossval
    from avianvox.dataset.catalog import read_catalogs
    from avianvox.dataset.training_data import training_data
    from avianvox.features.layout import STORE
    from avianvox.features.provide import default_store, provide_store

    catalog = read_catalogs(catalogs)
    for line in catalog.problem_lines():
        echo(line, err=True)
    FOLDER.refuse_foreign(out)
    base = steps[0]
    failures: list[str] = []
    with progress_of_crossval() as bars:
        elsewhere = workplace if workplace.executor == "dask" else None
        stores = {}
        for step in steps:
            key = step.spec.extraction_fingerprint
            if key not in stores:
                at = store if store is not None and step is base else default_store(out, step.spec)
                stores[key] = provide_store(
                    catalog.recordings, step.spec, at, workplace=elsewhere, progress=bars.features
                )
        own = base.spec.extraction_fingerprint
        data = training_data(catalog, stores[own], base.spec, catalog.labels)
        fit = partial(
            run,
            data,
            catalog,
            out=out,
            settings=settings,
            stores={
                step.name: stores[key] for step in steps if (key := step.spec.extraction_fingerprint) != own
            },
            curves=curves,
            ensembles=ensemble,
            workplace=replace(
                workplace, shared=tuple((found.path / STORE).absolute() for found in stores.values())
            ),
            progress=bars.fit,
            epochs_seen=bars.epoch if workplace.executor == "serial" else None,
            failed=lambda error: failures.append(str(error)),
        )
        result = fit(steps, fresh=fresh)
        if n_shapes is not None:
            search(fit, base, out, n=n_shapes, seed=seed, tried=_tell)
            result = compute(out, ensembles=ensemble)
    _show(result, out, as_json)
    if n_shapes is not None and (out / BEST).exists():
        echo(f"the best shape: {out / BEST}, for avianvox train --config", err=True)
    exit_with_failures([*failures, *unreadable(catalog.recordings, stores[own])])


def _steps(config: Path | None, names: tuple[str, ...] | None, epochs: int | None) -> "list[Step]":
    """The base and the steps that were asked for."""
    from avianvox.ablation.steps import BASE, read_steps
    from avianvox.errors import UnknownNameError
    from avianvox.registry import nearest

    given: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    steps = read_steps(config, **given)
    for name in names or ():
        if name not in steps:
            raise UnknownNameError(
                f"unknown step '{name}'{nearest(name, list(steps))} (known: {', '.join(steps)})"
            )
    return [step for step in steps.values() if names is None or step.name in (BASE, *names)]


def _tell(tried: "Tried") -> None:
    reached = "could not be fitted" if tried.accuracy is None else f"accuracy {tried.accuracy:.3f}"
    echo(f"{tried.name}: filters {tried.shape['filters']}, {reached}", err=True)


def _changes(step: "Step") -> str:
    if not step.changes:
        return f"{step.model} by its recipe"
    import json

    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in step.changes.items())


def _show(result: "Ablation", out: Path, as_json: bool) -> None:
    echo(f"kept in {out}", err=True)
    if as_json:
        import json

        echo_text(json.dumps(result.figures, indent=1, ensure_ascii=False))
        return
    show_table(result.table)
    for note in result.notes:
        echo(note)
