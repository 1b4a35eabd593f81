"""``avianvox generate compare``: whether generated crops help."""

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
from avianvox.cli.run_options import (
    discard_option,
    earlier_catalogs_argument,
    first_seed_option,
    folds_option,
    seeds_option,
    store_option,
)
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.generate.compare import Comparison


@click.command(
    cls=Writer,
    goes_on=True,
    epilog="""\b
Steps: base (the recipe as it is), pasted (generated patches pasted into real crops of their class), alone
(crops of generated patches), real (patches of real training recordings, pasted). Each fold has a generator of
its own, trained inside its training part. All steps have the same folds and seeds.

\b
The run folder is one of "avianvox ablate". Every fit is kept at once; the same command goes on where a run
was stopped.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some steps or recordings failed (listed on
standard error).

\b
Examples:
  avianvox generate compare recordings/ --steps real --draws 1 --folds 2 \\
    --epochs 1 --out runs/compared
  avianvox generate compare --recompute runs/compared
""",
)
@earlier_catalogs_argument
@click.option(
    "--out",
    type=Target(path_type=Path, file_okay=False),
    default=Path("runs/generated"),
    show_default=True,
    help="Run folder.",
)
@click.option(
    "--steps",
    "step_names",
    callback=comma_names,
    default="pasted,alone,real",
    show_default=True,
    metavar="A,B",
    help="What is compared with the recipe.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="Share of the crops that get patches.",
)
@click.option(
    "--most",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Only classes with at most so many training recordings get patches; 0: all.",
)
@click.option("--draws", type=click.IntRange(min=1), default=3, show_default=True, help="Draws of the folds.")
@seeds_option
@folds_option
@click.option(
    "--grouping",
    default="session",
    show_default=True,
    metavar="NAME",
    help="Grouping of the folds: session, recordist or site.",
)
@first_seed_option
@click.option("--config", type=click.Path(path_type=Path), help='TOML file of "avianvox train": the recipe.')
@click.option("--epochs", type=click.IntRange(min=1), help="Number of epochs of the recipe, for a try.")
@click.option(
    "--generator-config", type=click.Path(path_type=Path), help="TOML file with the table [generate]."
)
@click.option("--generator-epochs", type=click.IntRange(min=1), help="Number of epochs of the generators.")
@store_option
@workplace_options("1, in this process")
@discard_option
@click.option(
    "--recompute",
    type=Target(path_type=Path, file_okay=False),
    metavar="RUN",
    help="Run folder: compute its tables.",
)
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def compare(
    catalogs: tuple[Path, ...],
    out: Path,
    step_names: tuple[str, ...],
    share: float,
    most: int,
    draws: int,
    seeds: int,
    folds: int,
    grouping: str,
    seed: int,
    config: Path | None,
    epochs: int | None,
    generator_config: Path | None,
    generator_epochs: int | None,
    store: Path | None,
    jobs: int | None,
    scheduler: str,
    dask_config: Path | None,
    fresh: bool,
    recompute: Path | None,
    as_json: bool,
) -> None:
    """Measure whether generated crops help.

    A recipe is fitted with and without them, on the same folds.

    CATALOG is a folder of recordings with an index or with one folder for each species, or an index file;
    several are merged. The tables have accuracy with its interval over sessions, and the difference to the
    recipe as it is, over all classes and by their number of recordings.
    """
    from dataclasses import replace

    from avianvox.errors import require_extra

    for module in ("sklearn", "matplotlib"):
        require_extra(module, extra="train", purpose="avianvox generate")
    from avianvox.generate.compare import (
        CompareSettings,
        compare_generated,
        conclude_comparison,
        train_config_of,
    )

    if recompute is not None:
        refuse_beside_recompute(("recompute", "as_json"))
        _show_comparison(conclude_comparison(recompute), recompute, as_json)
        return
    if not catalogs:
        raise click.UsageError("Missing argument 'CATALOG...'.")
    from avianvox.ablation.run import FOLDER, AblationSettings
    from avianvox.api.catalogs import unreadable
    from avianvox.api.generating import heard
    from avianvox.cli.common import exit_with_failures
    from avianvox.cli.crossval_progress import progress_of_crossval
    from avianvox.cli.screen import Screen
    from avianvox.dataset.training_data import training_data
    from avianvox.features.layout import STORE
    from avianvox.generate.settings import read_generate_file
    from avianvox.models.networks import DEFAULT_NETWORK

    asked = CompareSettings(step_names, share, most)
    recipe = train_config_of(
        config,
        **{"model": DEFAULT_NETWORK} if config is None else {},
        **{} if epochs is None else {"epochs": epochs},
    )
    generator = read_generate_file(
        generator_config, **{} if generator_epochs is None else {"epochs": generator_epochs}
    )
    settings = AblationSettings(draws, seeds, folds, seed, (grouping,))
    workplace = workplace_of(jobs, scheduler, dask_config, default=lambda: 1)
    FOLDER.refuse_foreign(out)
    catalog, features = heard(catalogs, store, out, Screen())
    failures: list[str] = []
    with progress_of_crossval() as bars:
        result = compare_generated(
            training_data(catalog, features, features.log_mel, catalog.labels),
            catalog,
            recipe,
            out,
            settings,
            asked,
            generator,
            fresh=fresh,
            workplace=replace(workplace, shared=((features.path / STORE).absolute(),)),
            progress=bars.fit,
            epochs_seen=bars.epoch if workplace.executor == "serial" else None,
            failed=lambda error: failures.append(str(error)),
        )
    _show_comparison(result, out, as_json)
    exit_with_failures([*failures, *unreadable(catalog.recordings, features)])


def _show_comparison(result: "Comparison", out: Path, as_json: bool) -> None:
    echo(f"kept in {out}", err=True)
    if as_json:
        import json

        from avianvox.evaluation.plain import plain

        figures = {**result.ablation.figures, "by_class_size": plain(result.by_size)}
        echo_text(json.dumps(figures, indent=1, ensure_ascii=False))
        return
    show_table(result.ablation.table)
    for note in result.ablation.notes:
        echo(note)
    echo("")
    show_table(result.table)
