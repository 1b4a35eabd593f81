"""``avianvox segments``: cut examples of each species for review."""

from pathlib import Path
from typing import Any

import click

from avianvox.api.asked import Weighing, place_asked
from avianvox.cli.common import (
    FiniteFloat,
    audio_option,
    exit_with_failures,
    options_of,
    progress_bar,
    wrong_usage,
)
from avianvox.cli.picture_options import spectrograms_option
from avianvox.cli.place_options import WHEN, WHERE
from avianvox.cli.targets import Target, Writer

EPILOG = """\b
OUT gets one folder per species, with sound and spectrogram of each example, and index.csv with source,
time, score and attribution of each. Sounds keep the recording's sample rate. In the spectrogram, the sound
before and after the detection is pale. Of detections longer than a minute, the first minute is kept.

\b
--pick best takes the highest scores. --pick uncertain takes scores near 0.5: these are the most useful ones
to label by hand for training. --pick random is for estimates of the precision of the table. --pick unexpected
takes only species that the place argues against, the highest scores first: rarities, or errors.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some examples could not be cut. Each has a row
in the index with the reason, and a line on standard error.

\b
Examples:
  avianvox segments detections.csv --out review
  avianvox segments detections.csv --out doubtful --pick uncertain \\
    --per-species 20 --format flac
  avianvox segments detections.csv --out sample --pick random --seed 7 \\
    --pad 0 --no-pictures
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=Target(path_type=Path), help="New or empty folder for the examples."
)
@click.option(
    "--per-species",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Maximum number of examples per species.",
)
@click.option(
    "--min-score",
    type=FiniteFloat(0, 1),
    default=0.0,
    help="Minimum score of a detection, as in 'avianvox classify'.  [default: none]",
)
@click.option(
    "--pick",
    type=click.Choice(["best", "random", "uncertain", "unexpected"]),
    default="best",
    show_default=True,
    help="Selection of the detections of each species.",
)
@click.option(
    "--pad",
    "pad_s",
    type=FiniteFloat(0, 60),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Length of sound before and after the detection.",
)
@click.option(
    "--format",
    "audio_format",
    type=click.Choice(["wav", "flac"]),
    default="wav",
    show_default=True,
    help="Format of the sound files.",
)
@click.option(
    "--from", "table_format", metavar="FORMAT", help="Format of TABLE.  [default: recognised by its content]"
)
@audio_option
@spectrograms_option
@click.option(
    "--place",
    type=click.Choice(["auto"]),
    help="For tables that were made without a place: place and date from each recording's own notes say "
    "whether a species is expected there and then. Scores stay as they are.",
)
@options_of((*WHERE, *WHEN))
@click.option(
    "--model",
    metavar="MODEL",
    help="Model whose geo model is asked for the place.  [default: that of 'avianvox classify']",
)
@click.option("--seed", default=0, show_default=True, help="Random seed of --pick random.")
def segments(
    table: Path,
    out: Path,
    per_species: int,
    min_score: float,
    pick: str,
    pad_s: float,
    audio_format: str,
    table_format: str | None,
    audio: Path | None,
    pictures: bool,
    model: str | None,
    seed: int,
    **where: Any,
) -> None:
    """Cut example sounds of each species in TABLE, with spectrograms.

    TABLE holds species with begin and end, such as 'avianvox classify --by event' or Raven writes. It may be
    a folder of tables of one recording each.
    """
    from avianvox.audio.locate import locator, recordings_in
    from avianvox.dataset.credits import credit_of
    from avianvox.errors import InputError, require_extra
    from avianvox.inference.expected import with_expectation
    from avianvox.inference.picks import choose
    from avianvox.inference.segments import SegmentOptions, write_segments
    from avianvox.modelfile import read_model_file
    from avianvox.modelfolder import default_model, find_model
    from avianvox.tables.formats import read_table
    from avianvox.tables.recordings import folder_of
    from avianvox.types import Status

    with wrong_usage():
        asked = place_asked(Weighing(**where))
    if model is not None and asked is None:
        raise click.UsageError("--model needs a place: give --place auto, or --lat and --lon")
    model = model or default_model()
    if pictures:
        require_extra("matplotlib", extra="plot", purpose="drawing spectrograms (or use --no-pictures)")
    tables = folder_of(table)
    recordings = recordings_in(audio or tables, tables=tables, may_be_empty=audio is None)
    rows = read_table(table, table_format, recordings=recordings)
    locate = locator([table], recordings if audio is not None else None)
    if asked is not None:
        rows = with_expectation(rows, read_model_file(find_model(model)), asked, locate=locate)
    chosen = choose(rows, pick=pick, per_species=per_species, seed=seed, min_score=min_score)
    if not chosen and pick == "unexpected":
        raise InputError(
            f"{table}: expected rows of species that are not expected where they were heard, found none; "
            "give a place where none was given (--place auto, or --lat and --lon), or classify with "
            "--place-weight 0, which leaves such species in the table"
        )
    if not chosen:
        above = f" at {min_score:g} or above" if min_score else ""
        raise InputError(
            f"{table}: expected rows with a species, a begin and an end, found none{above}; "
            "'avianvox classify --by event' writes such a table"
        )

    with progress_bar("cutting") as progress:
        cut = write_segments(
            chosen,
            out,
            SegmentOptions(pad_s, audio_format, pictures),
            locate=locate,
            credit=credit_of,
            progress=progress,
        )
    click.echo(out / "index.csv")
    n_cut = sum(bool(segment.file) for segment in cut)
    click.echo(f"{n_cut} of {len(cut)} segments of {len(chosen)} species", err=True)
    failed = {s.detection.path: f"{s.detection.status}: {s.detection.message}" for s in cut if not s.file}
    if any(segment.detection.status == Status.MISSING for segment in cut):
        hint = f"{audio} holds none of this name, or several" if audio else "name their folder with --audio"
        click.echo(f"recordings are missing: {hint}", err=True)
    exit_with_failures(f"{path}: {why}" for path, why in failed.items())
