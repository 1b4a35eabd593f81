"""``avianvox crossval``: compare models on random and grouped folds, rung by rung."""

from pathlib import Path
from typing import TYPE_CHECKING

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
from avianvox.cli.targets import Target, Writer
from avianvox.evaluation.rules import RULES
from avianvox.models import LADDER, MODELS
from avianvox.models.probes import PROBES, probe_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from avianvox.dataset.catalog import Catalog
    from avianvox.evaluation.conclude import CrossvalResult
    from avianvox.evaluation.fits import FitFunction
    from avianvox.features.spec import FeatureSpec
    from avianvox.features.store import FeatureStore
    from avianvox.models.protocol import Progress, TrainSettings

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
{", ".join(LADDER)}.
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

_UNUSED = ("model", "seed", "validation", "patience", "validation_windows")
"""Keys of a [train] table that mean nothing here: models and seed are options, and no fit holds data back."""


def _numbers(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in value.split(",") if part.strip()}))
    except ValueError as error:
        raise click.BadParameter(f"expected whole numbers like 2,4,8, got {value}") from error


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("catalogs", nargs=-1, metavar="CATALOG...", type=click.Path(path_type=Path))
@click.option(
    "--models",
    "model_names",
    callback=comma_names,
    default="gnb_pixels,gnb_mfcc,cnn_v20",
    show_default=True,
    metavar="A,B",
    help='Names of models and rules in the order of comparison, or "ladder" (see below).',
)
@click.option(
    "--groupings",
    callback=comma_names,
    default="random,session",
    show_default=True,
    metavar="A,B",
    help="Groupings of the folds: random, session, recordist, site, published.",
)
@click.option("--folds", type=click.IntRange(min=2), default=3, show_default=True, help="Number of folds.")
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
    help="Number of epochs of networks; no recordings are held out for early stopping.  [default: 100]",
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
@workplace_options("1, in this process")
@click.option("--fresh", is_flag=True, help="Discard an earlier run in the run folder.")
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
    folds: int,
    seed: int,
    per_class: tuple[int, ...],
    hold_out_species: int | None,
    epochs: int | None,
    config: Path | None,
    spec_name: str | None,
    store: Path | None,
    out: Path,
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
    from dataclasses import replace

    from avianvox.cli.common import exit_with_failures, unreadable
    from avianvox.cli.crossval_progress import progress_of_crossval
    from avianvox.config import settings_to_mapping
    from avianvox.dataset.catalog import read_catalogs
    from avianvox.dataset.training_data import training_data
    from avianvox.errors import require_extra
    from avianvox.evaluation.crossval import CrossvalSettings, crossvalidate
    from avianvox.evaluation.run_folder import FOLDER
    from avianvox.features.layout import STORE
    from avianvox.features.provide import default_store, provide_store
    from avianvox.features.spec import spec_named
    from avianvox.inference.embedding import EmbeddingSpec
    from avianvox.models.networks import NETWORKS
    from avianvox.training.config import ears_of
    from avianvox.workers import Workplace, n_cores

    for module in ("sklearn", "matplotlib"):
        require_extra(module, extra="train", purpose="avianvox crossval")
    if recompute is not None:
        refuse_beside_recompute(("recompute", "against", "as_json"))
        _recompute(recompute, against, as_json)
        return
    if not catalogs:
        raise click.UsageError("Missing argument 'CATALOG...'.")
    workplace = workplace_of(jobs, scheduler, dask_config, default=lambda: 1)
    names = _rungs(model_names)
    if against is not None and against not in names:  # said before hours of fits
        raise click.UsageError(f"--against {against}: name it in --models too")
    settings = CrossvalSettings(groupings, folds, seed, per_class, hold_out_species)
    train_settings, spec, recipes = _settings(config, epochs, names)
    if spec_name is not None:
        spec = spec_named(spec_name)
    teachers = [
        ear for name in names if name in NETWORKS for ear in ears_of(recipes.get(name, train_settings))
    ]
    ear_names = dict.fromkeys([*(found[0] for name in names if (found := probe_of(name))), *teachers])
    ear_specs = [EmbeddingSpec.of_model(name) for name in ear_names]
    catalog = read_catalogs(catalogs)
    for line in catalog.problem_lines():
        echo(line, err=True)
    FOLDER.refuse_foreign(out)
    with progress_of_crossval() as bars:
        at = store or default_store(out, spec)
        elsewhere = workplace if workplace.executor == "dask" else None
        features = provide_store(catalog.recordings, spec, at, workplace=elsewhere, progress=bars.features)
        data = training_data(catalog, features, spec, catalog.labels)
        ears = {
            spec.model: provide_store(
                catalog.recordings,
                spec,
                default_store(out, spec),
                workplace=elsewhere or Workplace(n_cores()),
                progress=bars.features,
            )
            for spec in ear_specs
        }
        unknown = data.names if hold_out_species else ()
        learned_from = _learned_from(names, train_settings, data.ids, unknown)
        learned_from |= {spec.model: spec.sha256 for spec in ear_specs if spec.model in teachers}
        epochs_seen = bars.epoch if workplace.executor == "serial" else None
        result = crossvalidate(
            replace(data, ears={name: ears[name] for name in teachers}),
            catalog,
            {
                name: _fit(name, catalog, recipes.get(name, train_settings), epochs_seen, ears)
                for name in names
            },
            out,
            settings,
            model_settings=settings_to_mapping(train_settings),
            recipes={name: settings_to_mapping(own) for name, own in recipes.items()},
            learned_from=learned_from,
            fresh=fresh,
            workplace=replace(
                workplace,
                shared=tuple((found.path / STORE).absolute() for found in (features, *ears.values())),
            ),
            against=against,
            progress=bars.fit,
            steps=bars.step,
        )
    if not features.in_decibels:
        click.echo("audit of the sound left out: it needs log-mel features", err=True)
    if set(result.splits) - set(groupings):
        click.echo("added session folds: figures from random folds alone mislead", err=True)
    _show(result, out, as_json)
    for line in data.left_out:
        echo(f"left out: {line}", err=True)
    exit_with_failures(unreadable(catalog.recordings, features))


def _recompute(run: Path, against: str | None, as_json: bool) -> None:
    from functools import partial

    from avianvox.cli.crossval_progress import progress_of_crossval
    from avianvox.evaluation.conclude import conclude
    from avianvox.evaluation.saved_run import SavedRun

    with progress_of_crossval() as bars:
        result = conclude(SavedRun.open(run), against=against, progress=partial(bars.step, "figures"))
    _show(result, run, as_json)


def _rungs(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of models and rules, with the ladder's rungs in its place."""
    from avianvox.errors import UnknownNameError
    from avianvox.evaluation.rules import RULES
    from avianvox.registry import nearest

    if not names:
        raise click.UsageError("--models names no model")
    known = [*MODELS, *RULES, "ladder"]
    rungs: list[str] = []
    for name in names:
        first, *ears = name.split("+")
        if first not in known and probe_of(first) is None:
            raise UnknownNameError(
                f"unknown model '{first}'{nearest(first, known)} (known: {', '.join(known)}; with an ear "
                f"such as birdnet: {', '.join(f'birdnet_{probe}' for probe in PROBES)})"
            )
        rungs += LADDER if first == "ladder" else (first,)
        rungs += [f"{ear}_{probe}" for ear in ears for probe in PROBES]
    return tuple(dict.fromkeys(rungs))


def _fit(
    name: str,
    catalog: "Catalog",
    settings: "TrainSettings",
    epochs_seen: "Progress | None",
    ears: "Mapping[str, FeatureStore]",
) -> "FitFunction":
    from functools import partial

    from avianvox.evaluation.fits import rule_fit
    from avianvox.evaluation.rules import RULES
    from avianvox.models.protocol import fit_function

    if name in RULES:
        return rule_fit(name, catalog)
    if found := probe_of(name):
        from avianvox.models.probes.probe import fit_probe

        ear, probe = found
        return partial(fit_probe, PROBES.get(probe), settings, catalog.labels, ears[ear])
    return fit_function(MODELS.get(name), settings, epochs_seen)


def _settings(
    config: Path | None, epochs: int | None, names: tuple[str, ...]
) -> "tuple[TrainSettings, FeatureSpec, dict[str, TrainSettings]]":
    """How models are fitted, on what, and how those are that have a recipe.

    Unused keys are named on standard error.
    """
    from avianvox.config import parse_toml
    from avianvox.models.networks import RECIPES
    from avianvox.training.config import TrainConfig, read_train_file

    given = {} if epochs is None else {"epochs": epochs}
    read, spec = read_train_file(config, model=TrainConfig.model, **given)
    if config is not None:
        written = parse_toml(config).get("train", {})
        if unused := [name for name in written if name in _UNUSED]:
            echo(f"not used from {config}: {', '.join(unused)}", err=True)
    own = {
        name: read_train_file(config, model=name, **given)[0].settings for name in names if name in RECIPES
    }
    return read.settings, spec, own


def _learned_from(
    names: tuple[str, ...], settings: "TrainSettings", ids: list[str], unknown: tuple[str, ...]
) -> dict[str, str]:
    """Names and hashes of what networks learn from besides.

    Raises `InputError` where it knows ``ids``, or species of ``unknown``.
    """
    from avianvox.models.networks import NETWORKS

    if settings.from_ is None or not any(name in NETWORKS for name in names):
        return {}
    from avianvox.training.origin import Origin

    origin = Origin.open(settings.from_)
    origin.refuse_heard(ids)
    origin.refuse_known(unknown)
    return {settings.from_: origin.sha256}


def _show(result: "CrossvalResult", out: Path, as_json: bool) -> None:
    """The ladder, what to know beside it, what the audit found, and the seconds of a fit; or all figures."""
    echo(f"kept in {out}", err=True)
    if as_json:
        import json

        echo_text(json.dumps(result.figures, indent=1, ensure_ascii=False))
        return
    show_table(result.table)
    for note in result.notes:
        echo(note)
    if result.audit is not None:
        echo_text(f"\naudit, in full in {out / 'table.md'}:")
        for finding in result.audit.findings:
            echo(f"  {finding.level.upper()}: {finding.title}")
    seconds = ", ".join(f"{model} {value:.1f}" for model, value in result.seconds.items())
    click.echo(f"\nseconds a fit: {seconds}")
