"""``avianvox overview``: pictures of a season from tables of detections."""

from pathlib import Path

import click

from avianvox.cli.common import FiniteFloat, echo, progress_bars
from avianvox.cli.picture_options import png_option
from avianvox.cli.targets import Target, Writer

EPILOG = """\b
OUT gets overview.html (one page that needs no network), figures/ (each
picture as SVG, PNG and CSV), histories/ (detection histories for occupancy
models) and overview.json.

Numbers are calls per recorded hour. Recorded time comes from the table: every recording has a row in it,
also without a call. Tables of annotation formats (Raven, Audacity, Kaleidoscope, BirdNET) lack such rows; the
rows that 'avianvox classify' kept beside them are read instead.

A detection history has a row for each site and a column for each visit: 1 where the species was found, 0
where it was not, NA where nothing was recorded.

\b
Examples:
  avianvox overview events.csv --out season
  avianvox overview events.csv detections.csv --out weeks --visit week \\
    --sites sites.csv
  avianvox overview events.csv --out nights --day-begins noon --visit night \\
    --timezone America/Puerto_Rico
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.argument(
    "results", metavar="RESULTS...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True)
)
@click.option(
    "--out", required=True, type=Target(path_type=Path, file_okay=False), help="Folder for page and pictures."
)
@click.option(
    "--sites",
    "positions",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Positions of sites: CSV with the columns site, latitude, longitude.  [default: those in RESULTS]",
)
@click.option(
    "--verdicts",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Verdicts of reviewers; calls that they reject are left out. Repeatable.  [default: those that lie "
    "beside RESULTS]",
)
@click.option(
    "--visit",
    type=click.Choice(["day", "night", "week"]),
    default="day",
    show_default=True,
    help="Length of a visit in detection histories. A night runs from noon to noon.",
)
@click.option(
    "--day-begins",
    type=click.Choice(["auto", "midnight", "noon"]),
    default="auto",
    show_default=True,
    help="Begin of a day in pictures. auto: noon if more was recorded around midnight than around noon.",
)
@click.option(
    "--timezone",
    default="",
    metavar="ZONE",
    help="Time zone of hours and days, such as America/Puerto_Rico or -04:00; also of times without a "
    "zone.  [default: the offset in each time]",
)
@click.option(
    "--min-score",
    type=FiniteFloat(0, 1),
    help="Minimum score of a call; those below their species' threshold count too.  [default: those named]",
)
@click.option(
    "--examples",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of examples per species, those of the highest score.",
)
@click.option(
    "--listen",
    "listen_h",
    type=FiniteFloat(0),
    default=12.0,
    show_default=True,
    metavar="HOURS",
    help="Maximum length of sound that is read for the spectrogram of the season; 0 for none. Of more, "
    "recordings are drawn at random.",
)
@click.option(
    "--audio",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of the recordings, which are found there by their names in RESULTS.  [default: paths are "
    "relative to the current folder, or to that of the table]",
)
@click.option(
    "--from", "form", metavar="FORMAT", help="Format of RESULTS.  [default: recognised by its content]"
)
@png_option
def overview(
    results: tuple[Path, ...],
    out: Path,
    positions: Path | None,
    verdicts: tuple[Path, ...],
    visit: str,
    day_begins: str,
    timezone: str,
    min_score: float | None,
    examples: int,
    listen_h: float,
    audio: Path | None,
    form: str | None,
    png: bool,
) -> None:
    """Draw a season from RESULTS, tables of detections as 'avianvox classify' writes them.

    Activity by hour and date, species by site and by date, species accumulation, first and last calls,
    recorders and their failures, a map of sites, a spectrogram of the season, examples, detection histories.
    """
    from avianvox.audio.locate import locator, recordings_in
    from avianvox.evaluation.plain import counted
    from avianvox.overview.places import read_positions
    from avianvox.overview.results import recordings_of
    from avianvox.overview.season import Asked, read_season
    from avianvox.overview.verified import read_checked
    from avianvox.overview.written import PAGE, Drawn, write_overview
    from avianvox.verdicts.table import verdicts_path

    remarks: list[str] = []
    recordings = recordings_of(results, form=form, audio=audio, warn=remarks.append)
    asked = Asked(timezone, min_score, examples, listen_h)
    where = {} if positions is None else read_positions(positions)
    tables = verdicts or tuple(filter(Path.is_file, map(verdicts_path, results)))
    checked = read_checked(tables) if tables else None
    season = read_season(recordings, asked, verdicts=checked, positions=where)
    if checked is not None:
        remarks.append(f"Events with verdicts: {checked.n_met}, from {', '.join(map(str, tables))}.")
        if checked.n > checked.n_met:
            remarks.append(f"Verdicts on recordings that are not in the tables: {checked.n - checked.n_met}.")
    for remark in remarks:
        echo(remark, err=True)
    locate = locator(results, None if audio is None else recordings_in(audio))
    with progress_bars() as bars:
        tasks = {} if bars is None else {"": bars.add_task("", total=None, visible=False)}

        def report(what: str, done: int, total: int) -> None:
            if bars is not None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what, total=total)
                bars.update(tasks[what], completed=done, total=total)

        values = write_overview(
            season,
            out,
            Drawn(day_begins, visit, png),
            sources=[str(path) for path in results],
            locate=locate,
            remarks=remarks,
            progress=report,
        )
    echo(out / PAGE)
    calls, files, sites = (counted(values[f"{word}s"], word) for word in ("call", "recording", "site"))
    hours = values["recorded_h"]
    echo(f"{values['species']} species, {calls}, {hours:.1f} h in {files} at {sites}", err=True)
