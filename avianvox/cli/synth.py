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
    "--recordings", type=click.IntRange(1), default=12, show_default=True, help="Recordings of each species."
)
@click.option(
    "--seconds",
    nargs=2,
    type=FiniteFloat(min=2),
    default=(4.0, 12.0),
    show_default=True,
    metavar="MIN MAX",
    help="Shortest and longest recording.",
)
@click.option(
    "--no-bird", type=click.IntRange(0), default=6, show_default=True, help="Recordings of background alone."
)
@click.option(
    "--sessions",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Recordists, each with a date and a site.",
)
@click.option("--sample-rate", default=22050, show_default=True, help="In hertz.")
@click.option(
    "--format",
    "audio_format",
    type=click.Choice(["wav", "flac", "mp3", "ogg"]),
    default="wav",
    show_default=True,
    help="Kind of sound file.",
)
@click.option("--seed", default=0, show_default=True, help="Draws the recordings; species stay the same.")
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
    """Synthesise bird-like recordings into the new or empty folder OUT.

    OUT receives one folder for each species, recordings.csv (a catalog) and annotations.csv with the begin,
    end, lowest and highest frequency of every call. The same options give the same bytes.
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
