"""Options of commands that fill a run folder: those that train, and those that compare on folds."""

from pathlib import Path

import click

from avianvox.cli.targets import Target

run_option = click.option(
    "--out", required=True, type=Target(path_type=Path, file_okay=False), help="Run folder."
)
config_option = click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")
resume_option = click.option("--resume", is_flag=True, help="Continue an unfinished run in OUT.")
fresh_option = click.option("--fresh", is_flag=True, help="Replace the run in OUT.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress display.")

earlier_catalogs_argument = click.argument(
    "catalogs", nargs=-1, metavar="CATALOG...", type=click.Path(path_type=Path)
)
"""None where an earlier run is looked at."""

folds_option = click.option(
    "--folds", type=click.IntRange(min=2), default=3, show_default=True, help="Number of folds."
)
seeds_option = click.option(
    "--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Fits of a step on each fold."
)
first_seed_option = click.option(
    "--seed", default=0, show_default=True, help="Random seed of the first draw."
)
store_option = click.option(
    "--store",
    type=Target(path_type=Path, file_okay=False),
    help="Feature store, built if missing.  [default: OUT/features-SETTINGS]",
)
discard_option = click.option("--fresh", is_flag=True, help="Discard an earlier run in the run folder.")
