"""``avianvox crossval``: compare models on random and grouped folds."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress

    from avianvox.evaluation.crossval import CrossvalResult, FitReport
    from avianvox.features.spec import FeatureSpec
    from avianvox.models.protocol import EpochReport, TrainSettings

EPILOG = """\b
Every fit's predictions go to the run folder at once: a command that was killed continues when started again.
Random folds flatter a model, since one occasion of recording stands on both sides; the column "gap" says by
how much. Where no grouped folds are asked for, session folds are added.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but some recordings could not be read: they are listed.

\b
Example:
  avianvox crossval recordings/ --models gnb_pixels,gnb_mfcc --out runs/bayes
"""

_UNUSED = ("model", "seed", "validation", "patience", "validation_windows")
"""Keys of a [train] table that mean nothing here: models and seed are options, and no fit holds data back."""


def _names(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))


@click.command(epilog=EPILOG)
@click.argument("catalogs", nargs=-1, required=True, metavar="CATALOG...", type=click.Path(path_type=Path))
@click.option(
    "--models",
    "model_names",
    callback=_names,
    default="gnb_pixels,gnb_mfcc,cnn_v20",
    show_default=True,
    metavar="A,B",
    help="Names of models.",
)
@click.option(
    "--groupings",
    callback=_names,
    default="random,session",
    show_default=True,
    metavar="A,B",
    help="Ways to draw folds: random, session, recordist, site, published.",
)
@click.option("--folds", type=click.IntRange(min=2), default=3, show_default=True, help="Number of folds.")
@click.option("--seed", default=0, show_default=True, help="Draws the folds and seeds every fit.")
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Of a network, which sees all training recordings in each; none are held back to stop early.  "
    "[default: 100]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help='The TOML file of "avianvox train". Of its [train] table, model and seed are not used, nor '
    "validation, validation_windows and patience: no fit holds anything back.",
)
@click.option(
    "--spec", "spec_name", help="Named feature settings.  [default: those of --config, or published_v1]"
)
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="Feature store; built where it is not there.  [default: OUT/features-SETTINGS, a folder for "
    "each way of extracting]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/crossval"),
    show_default=True,
    help="Run folder.",
)
@click.option("--fresh", is_flag=True, help="Forget what an earlier run left in the run folder.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def crossval(
    catalogs: tuple[Path, ...],
    model_names: tuple[str, ...],
    groupings: tuple[str, ...],
    folds: int,
    seed: int,
    epochs: int | None,
    config: Path | None,
    spec_name: str | None,
    store: Path | None,
    out: Path,
    fresh: bool,
    as_json: bool,
) -> None:
    """Compare models on random and grouped folds.

    CATALOG is a folder of recordings with an index or with one folder for each species, or an index file;
    several are merged. The run folder OUT keeps folds, predictions, figures, tables and confusion matrices.
    """
    import json

    from avianvox.cli.common import exit_with_failures, unreadable
    from avianvox.config import settings_to_mapping
    from avianvox.dataset.catalog import read_catalogs
    from avianvox.dataset.training_data import training_data
    from avianvox.errors import require_extra
    from avianvox.evaluation.crossval import CrossvalSettings, crossvalidate
    from avianvox.evaluation.run_folder import default_store, refuse_foreign
    from avianvox.features.provide import provide_store
    from avianvox.features.spec import spec_named
    from avianvox.models import MODELS
    from avianvox.models.protocol import fit_function

    if not model_names:
        raise click.UsageError("--models names no model")
    for module in ("sklearn", "matplotlib"):
        require_extra(module, extra="train", purpose="avianvox crossval")
    factories = {name: MODELS.get(name) for name in model_names}
    settings = CrossvalSettings(groupings, folds, seed)
    if settings.groupings != groupings:
        click.echo("added session folds: figures from random folds alone mislead", err=True)
    train_settings, spec = _settings(config, epochs)
    if spec_name is not None:
        spec = spec_named(spec_name)
    catalog = read_catalogs(catalogs)
    for line in catalog.problem_lines():
        click.echo(line, err=True)
    refuse_foreign(out)
    with _bars() as bars:
        at = store or default_store(out, spec)
        features = provide_store(catalog.recordings, spec, at, progress=bars.features)
        data = training_data(catalog, features, spec, catalog.labels)
        fits = {name: fit_function(make, train_settings, bars.epoch) for name, make in factories.items()}
        result = crossvalidate(
            data,
            catalog,
            fits,
            out,
            settings,
            model_settings=settings_to_mapping(train_settings),
            fresh=fresh,
            progress=bars.fit,
        )
    if as_json:
        click.echo(json.dumps(result.figures, indent=1, ensure_ascii=False))
    else:
        _show(result)
    click.echo(f"kept in {out}", err=True)
    for line in data.left_out:
        click.echo(f"left out: {line}", err=True)
    exit_with_failures(unreadable(catalog.recordings, features))


def _settings(config: Path | None, epochs: int | None) -> "tuple[TrainSettings, FeatureSpec]":
    """How each model is fitted, and on what; unused keys are named on standard error."""
    import tomllib
    from dataclasses import replace

    from avianvox.training.config import read_train_file

    read, spec = read_train_file(config)
    if config is not None:
        written = tomllib.loads(config.read_text(encoding="utf-8")).get("train", {})
        if unused := [name for name in written if name in _UNUSED]:
            click.echo(f"not used from {config}: {', '.join(unused)}", err=True)
    return read.settings if epochs is None else replace(read.settings, epochs=epochs), spec


class _Lines:
    """Progress for a log: one line for each fit."""

    def features(self, done: int, total: int) -> None:
        if done == total:
            click.echo(f"features of {total} recordings are there", err=True)

    def epoch(self, report: "EpochReport") -> None:
        pass

    def fit(self, report: "FitReport") -> None:
        if report.done:
            took = "kept" if report.kept else f"{report.seconds:.1f} s"
            click.echo(f"{report.number}/{report.n_fits} {_fit_name(report)}: {took}", err=True)


class _Bars(_Lines):
    """Progress for a terminal: bars for features, fits and epochs."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._features = progress.add_task("features")
        self._fits = progress.add_task("fits", visible=False)
        self._epochs = progress.add_task("epochs", visible=False)

    def features(self, done: int, total: int) -> None:
        self._progress.update(self._features, completed=done, total=total)

    def epoch(self, report: "EpochReport") -> None:
        self._progress.update(self._epochs, completed=report.epoch, total=report.n_epochs, visible=True)

    def fit(self, report: "FitReport") -> None:
        done = report.number if report.done else report.number - 1
        name = _fit_name(report)
        self._progress.update(self._fits, completed=done, total=report.n_fits, description=name, visible=True)
        self._progress.update(self._epochs, completed=0, visible=False)


def _fit_name(report: "FitReport") -> str:
    return f"{report.model}, {report.grouping} fold {report.fold + 1}"


@contextmanager
def _bars() -> Iterator[_Lines]:
    """Bars on standard error where that is a terminal, lines elsewhere."""
    from avianvox.cli.common import progress_bars

    with progress_bars() as bars:
        yield _Lines() if bars is None else _Bars(bars)


def _show(result: "CrossvalResult") -> None:
    """The table, what to know beside it, and the seconds of a fit."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table()
        for i, column in enumerate(result.table.columns):
            table.add_column(column, justify="left" if i < 2 else "right")
        last = ""
        for model, *cells in result.table.rows:
            if last not in ("", model):
                table.add_section()
            table.add_row(model if model != last else "", *cells)
            last = model
        Console().print(table)
    else:
        click.echo(result.table.markdown())
    for note in result.notes:
        click.echo(note)
    seconds = ", ".join(f"{model} {value:.1f}" for model, value in result.seconds.items())
    click.echo(f"seconds a fit: {seconds}")
