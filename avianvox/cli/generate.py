"""``avianvox generate``: train a generator of patches, sample from it, and say what the samples are worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import catalogs_argument, echo, echo_text, show_table
from avianvox.cli.generate_compare import compare
from avianvox.cli.run_options import (
    config_option,
    fresh_option,
    quiet_option,
    resume_option,
    run_option,
    store_option,
)
from avianvox.cli.targets import Target, Writer
from avianvox.generate.conditions import CONDITIONS

if TYPE_CHECKING:
    from avianvox.generate.quality import Quality


@click.group(epilog="Example: avianvox generate train recordings/ --out runs/generator")
def generate() -> None:
    """Train a generator of sounds, draw samples, and measure what they are worth.

    A generator is a conditional GAN on patches of spectrograms. What it makes is marked as generated, and no
    evaluation takes it.
    """


@generate.command(
    cls=Writer,
    epilog=f"""\b
The run folder has configuration, split, losses, weights, and pictures of samples after every so many epochs
(grids/). --resume goes on where a run was stopped, with the same weights at the end.

\b
Conditions: {", ".join(CONDITIONS)}. The number of a
column of the catalog, such as latitude, has --column. The TOML file has the table [generate].

\b
Examples:
  avianvox generate train recordings/ --out runs/generator --epochs 2 \\
    --steps 4 --width 0.1
  avianvox generate train recordings/ --condition peak_frequency \\
    --out runs/heights --epochs 1 --steps 2 --width 0.1
""",
)
@catalogs_argument
@run_option
@click.option("--condition", help="What a patch is asked for (see below).  [default: species]")
@click.option("--column", help="Column of the catalog for the condition number.")
@store_option
@click.option("--epochs", type=int, help="Number of epochs.  [default: 80]")
@click.option("--steps", type=int, help="Number of steps of an epoch.  [default: 25]")
@click.option("--batch-size", type=int, help="Number of patches of a step.  [default: 16]")
@click.option("--width", type=float, help="Share of the networks' filters, up to 1.  [default: 0.5]")
@click.option(
    "--validation",
    type=float,
    help='Share of the recordings held out, in whole sessions, for "generate judge".  [default: 0.2]',
)
@click.option("--at-least", type=int, help="Leave classes with fewer training recordings out.  [default: 1]")
@click.option("--grid-every", type=int, help="Epochs from one picture of samples to the next.  [default: 10]")
@click.option("--seed", type=int, help="Random seed.  [default: 0]")
@config_option
@resume_option
@fresh_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@quiet_option
def train(
    catalogs: tuple[Path, ...],
    out: Path,
    condition: str | None,
    column: str | None,
    store: Path | None,
    config: Path | None,
    resume: bool,
    fresh: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train a generator on a catalog.

    CATALOG is a folder of recordings with an index or with one folder for each species, or an index file;
    several are merged. Patches of 1.5 s are cut where a voice is.
    """
    import json

    from avianvox.api.catalogs import unreadable
    from avianvox.api.generating import train_generator
    from avianvox.cli.common import exit_with_failures
    from avianvox.cli.screen import Screen

    if resume and fresh:
        raise click.UsageError("--resume and --fresh exclude each other")
    given = {name: value for name, value in options.items() if value is not None}
    if column is not None:
        given["condition"] = {"kind": condition or "number", "column": column}
    elif condition is not None:
        given["condition"] = condition
    trained = train_generator(
        catalogs,
        out,
        store=store,
        config=config,
        resume=resume,
        fresh=fresh,
        watch=Screen(quiet=quiet),
        **given,
    )
    run = trained.run
    if as_json:
        click.echo(json.dumps(dict(run.figures), indent=1))
    else:
        figures = run.figures
        echo(
            f"{out}: {run.encoding.width} {'knots' if run.encoding.continuous else 'classes'}, "
            f"{figures['n_recordings']} recordings, {figures['epochs']} epochs"
        )
        echo(f"  samples: {out / 'grids'}; draw more with: avianvox generate samples {out} --out FOLDER")
    for line in run.split["left out"]:
        echo(f"left out: {line}", err=True)
    exit_with_failures(unreadable(trained.catalog.recordings, trained.features))


@generate.command(
    cls=Writer,
    epilog="""\b
OUT has the patches for training ([train.generated] patches = "OUT"), a picture of them, and of a generator of
numbers an ordered series, in which the number alone changes. With --audio, it is a catalog of WAV files too,
whose rows have the origin "generated".

\b
Example:
  avianvox generate samples runs/generator -n 1 --audio --out samples
""",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=Target(path_type=Path, file_okay=False), help="Folder of the samples."
)
@click.option(
    "-n", "per_value", type=click.IntRange(min=1), default=8, show_default=True, help="Samples of each class."
)
@click.option(
    "--series",
    "n_values",
    type=click.IntRange(2, 32),
    default=8,
    show_default=True,
    help="Numbers over the range, of a generator of numbers.",
)
@click.option("--audio", is_flag=True, help="Also as sound, by Griffin-Lim.")
@click.option("--seed", default=0, show_default=True, help="Random seed of the samples.")
@click.option("--fresh", is_flag=True, help="Replace the samples in OUT.")
def samples(run: Path, out: Path, per_value: int, n_values: int, audio: bool, seed: int, fresh: bool) -> None:
    """Draw samples of a generator.

    RUN is the run folder of "avianvox generate train".
    """
    from avianvox.api.generating import generate as drawn
    from avianvox.cli.common import progress_bar

    with progress_bar("sound", hide=not audio) as report:
        bank = drawn(
            run,
            out,
            per_value=per_value,
            n_values=n_values,
            seed=seed,
            audio=audio,
            fresh=fresh,
            progress=report,
        )
    echo(f"{out}: {len(bank.names)} generated samples of {len(set(bank.names))} values")


@generate.command(
    cls=Writer,
    epilog="""\b
A classifier of real patches names samples, real patches of held-out sessions, and other patches of the
training recordings. The table has the share that it names rightly, the distance to the nearest training patch
(copies lie nearer than real patches do), and the mean distance within a class.

\b
Example:
  avianvox generate judge recordings/ --run runs/generator -n 4 --epochs 1
""",
)
@catalogs_argument
@click.option(
    "--run",
    required=True,
    type=Target(path_type=Path, file_okay=False),
    metavar="RUN",
    help="Run folder of the generator; the table goes there.",
)
@click.option(
    "--store",
    type=Target(path_type=Path, file_okay=False),
    help="Feature store, built if missing.  [default: RUN/features-SETTINGS]",
)
@click.option(
    "-n",
    "per_class",
    type=click.IntRange(min=2),
    default=32,
    show_default=True,
    help="Samples of each class.",
)
@click.option(
    "--epochs", type=click.IntRange(min=1), default=20, show_default=True, help="Epochs of the classifier."
)
@click.option("--seed", default=0, show_default=True, help="Random seed.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def judge(
    catalogs: tuple[Path, ...],
    run: Path,
    store: Path | None,
    per_class: int,
    epochs: int,
    seed: int,
    as_json: bool,
) -> None:
    """Compare samples of a generator with real patches.

    CATALOG is what the generator was trained on.
    """
    from avianvox.api.generating import heard
    from avianvox.cli.screen import Screen
    from avianvox.errors import require_extra
    from avianvox.generate.run import GeneratorRun

    found = GeneratorRun.open(run)
    for module in ("tensorflow", "sklearn"):
        require_extra(module, extra="train", purpose="avianvox generate")
    from avianvox.generate.quality import judge_generator

    catalog, features = heard(catalogs, store, run, Screen())
    quality = judge_generator(found, catalog, features, per_class=per_class, epochs=epochs, seed=seed)
    _show_quality(quality, as_json)


def _show_quality(quality: "Quality", as_json: bool) -> None:
    if as_json:
        import json

        from avianvox.evaluation.plain import plain

        echo_text(json.dumps(plain({"rows": quality.rows, "notes": quality.notes}), indent=1))
        return
    show_table(quality.table)
    for note in quality.notes:
        echo(note)


generate.add_command(compare)
