"""``avianvox synth``: recordings with known answers."""

from pathlib import Path

import click

from avianvox.cli.common import FiniteFloat
from avianvox.cli.targets import Target, Writer

EPILOG = """\b
Species are the same for every seed: train on one seed and test on another.

\b
Example:
  avianvox synth voices --species 3 --recordings 4 --seed 1
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("out", type=Target(path_type=Path, file_okay=False))
@click.option("--species", type=click.IntRange(1), default=5, show_default=True, help="Number of species.")
@click.option(
    "--recordings",
    type=click.IntRange(1),
    default=12,
    show_default=True,
    help="Number of recordings per species.",
)
@click.option(
    "--seconds",
    nargs=2,
    type=FiniteFloat(min=2),
    default=(4.0, 12.0),
    show_default=True,
    metavar="MIN MAX",
    help="Minimum and maximum duration in seconds.",
)
@click.option(
    "--no-bird",
    type=click.IntRange(0),
    default=6,
    show_default=True,
    help="Number of recordings with background only.",
)
@click.option(
    "--sessions",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Number of sessions, each with recordist, date and site.",
)
@click.option("--sample-rate", default=22050, show_default=True, help="Sample rate in hertz.")
@click.option(
    "--format",
    "audio_format",
    type=click.Choice(["wav", "flac", "mp3", "ogg"]),
    default="wav",
    show_default=True,
    help="Format of the sound files.",
)
@click.option(
    "--seed", default=0, show_default=True, help="Random seed of the recordings; species stay the same."
)
def synth(
    out: Path,
    species: int,
    recordings: int,
    seconds: tuple[float, float],
    no_bird: int,
    sessions: int,
    sample_rate: int,
    audio_format: str,
    seed: int,
) -> None:
    """Synthesise bird-like recordings with known answers.

    OUT is a new or empty folder. It gets one folder for each species, recordings.csv (a catalog) and
    annotations.csv with the begin, end, lowest and highest frequency of every call. The same options give
    the same bytes.
    """
    from avianvox.audio.synth import synthesize_dataset
    from avianvox.cli.common import progress_bar

    with progress_bar("synthesising") as progress:
        synthesize_dataset(
            out,
            progress=progress,
            n_species=species,
            n_recordings=recordings,
            duration_s=seconds,
            no_bird=no_bird,
            n_sessions=sessions,
            sample_rate=sample_rate,
            audio_format=audio_format,
            seed=seed,
        )
    click.echo(out / "recordings.csv")
