"""The folder of an overview: its page, and each picture as SVG, PNG and CSV.

- ``overview.html``: everything on one page that needs nothing else;
- ``figures/``: pictures and the numbers that they are drawn from;
- ``histories/``: detection histories;
- ``overview.json``: what was asked, and a few numbers. It is written first and marks the folder as ours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from avianvox import __version__
from avianvox.documents import Kind
from avianvox.errors import InputError, require_extra
from avianvox.files import atomic_write
from avianvox.inference.segments import safe_name, unique_names
from avianvox.overview.activity import activity
from avianvox.overview.calls import first_and_last
from avianvox.overview.community import accumulation, by_date, by_site, season_dates
from avianvox.overview.days import Clock, clock_of, iso_day
from avianvox.overview.examples import Example, examples
from avianvox.overview.histories import (
    LONG_COLUMNS,
    VISIT_COLUMNS,
    Histories,
    histories,
    long_rows,
    wide_rows,
)
from avianvox.overview.page import FIGURES, HISTORIES, SPECIES_COLUMNS, Told, sections
from avianvox.overview.picture import Picture
from avianvox.overview.recorders import calendar
from avianvox.overview.season import Season
from avianvox.overview.sitemap import site_map
from avianvox.overview.soundscape import listen, pictures
from avianvox.pages.blocks import Cell
from avianvox.pages.markup import Markup
from avianvox.pages.page import html_page
from avianvox.pages.plot import standalone
from avianvox.runfolder import FolderKind
from avianvox.tables.columns import csv_line
from avianvox.tables.rows import Column, Row, write_rows
from avianvox.words import printable, valid_unicode

PAGE = "overview.html"
FOLDER = FolderKind(
    file=Kind(
        what="overview",
        name="avianvox overview",
        version=1,
        error=InputError,
        otherwise="make one with: avianvox overview",
        outdated="make it again, with another --out",
    ),
    files=("overview.json", PAGE),
    folders=(FIGURES, HISTORIES),
    replaceable=False,
)
_SOUND_BYTES = 8_000_000

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """How an overview is drawn.

    Attributes
    ----------
    day_begins : {"auto", "midnight", "noon"}
    visit : str
        A name of `avianvox.overview.days.VISITS`.
    png : bool
        Whether pictures are written as PNG too, for which matplotlib is needed.
    """

    day_begins: str = "auto"
    visit: str = "day"
    png: bool = True


def write_overview(
    season: Season,
    out: Path,
    drawn: Drawn,
    *,
    sources: Sequence[str],
    locate: Callable[[str], Path],
    remarks: Sequence[str] = (),
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Write an overview into ``out``; one that lies there is replaced.

    Parameters
    ----------
    season : Season
    out : Path
    drawn : Drawn
    sources : sequence of str
        The tables that the season was read from, for the page.
    locate : callable
        From the path of a recording in a table to the file.
    remarks : sequence of str
        What else should be known, such as what a table lacks.
    progress : callable

    Returns
    -------
    dict
        What ``overview.json`` holds.

    Raises
    ------
    InputError
        ``out`` holds something else.
    MissingExtraError
        PNG without matplotlib.
    OutputError
    """
    if drawn.png:
        require_extra("matplotlib", extra="plot", purpose="drawing PNG (or use --no-png)")
    FOLDER.erase(out)
    clock = clock_of(season, drawn.day_begins)
    values = _values(season, drawn, sources, clock)
    FOLDER.begin(out, values)
    visits = None if season.days is None else histories(season, drawn.visit)
    figures = _Figures(out / FIGURES, png=drawn.png, progress=progress)
    told = _told(season, figures, clock, visits, locate, progress)
    if visits is not None:
        _write_histories(out / HISTORIES, visits, season)
    byline = f"From {', '.join(f'`{printable(source)}`' for source in sources)}."
    footer = f"Made by avianvox {__version__}. No part is loaded from a network."
    page = html_page("Overview of a season", byline, sections(season, told, clock, remarks), footer)
    with atomic_write(out / PAGE) as stream:
        stream.write(valid_unicode(page))
    return values


class _Figures:
    """Writes pictures, and keeps nothing of them but what the page shows.

    ``files``: from the key of a picture to its files, as the page links them.
    """

    def __init__(self, folder: Path, *, png: bool, progress: Progress) -> None:
        self.files: dict[str, list[str]] = {}
        self.total = 0
        self._folder, self._png, self._progress = folder, png, progress

    def put(self, picture: Picture, *, key: str = "") -> Picture:
        """Write a picture with its table; without the rows, which are let go."""
        picture = replace(picture, key=key or picture.key)
        write_rows(picture.rows, picture.columns, self._folder / f"{picture.key}.csv", "csv")
        kinds = [*(self.draw(picture.key, picture.svg) if picture.svg is not None else ()), "csv"]
        self.files[picture.key] = [f"{FIGURES}/{picture.key}.{kind}" for kind in kinds]
        self._progress("drawing", len(self.files), self.total)
        return replace(picture, rows=())

    def draw(self, key: str, svg: Markup) -> list[str]:
        """Write a picture alone; the endings of its files."""
        with atomic_write(self._folder / f"{key}.svg") as stream:
            stream.write(valid_unicode(standalone(svg)))
        if not self._png:
            return ["svg"]
        from avianvox.pages.raster import png_of

        with atomic_write(self._folder / f"{key}.png", "wb") as stream:
            stream.write(png_of(svg))
        return ["svg", "png"]


def _told(
    season: Season,
    figures: _Figures,
    clock: Clock,
    visits: Histories | None,
    locate: Callable[[str], Path],
    progress: Progress,
) -> Told:
    """Draw everything, and write it as it is drawn."""
    dated, put = season.days is not None, figures.put
    scapes, lost = listen(season, locate, progress=partial(progress, "listening"))
    named = _named(season.species)
    sites = _named([season.sites[one.site].shown for one in scapes])
    figures.total = 6 + 2 * len(named) + len(sites)
    each = zip(activity(season, clock), ["activity", *(f"activity_{name}" for name in named)], strict=True)
    ends = zip(first_and_last(season, clock), [f"calls_{name}" for name in named], strict=True)
    heard = zip(pictures(season, scapes, lost, clock), [f"spectrogram_{name}" for name in sites], strict=True)
    cut = partial(progress, "cutting examples")
    found = examples(season, locate, most_bytes=_SOUND_BYTES, progress=cut)
    for name, species in zip(named, season.species, strict=True):
        for k, one in enumerate(found.get(species, ()), start=1):
            if one.picture is not None:
                figures.draw(f"example_{name}_{k}", one.picture)
    _write_examples(figures, found)
    rows = _species_rows(season, clock)
    _write_species(figures, rows)
    return Told(
        activity=[put(picture, key=key) for picture, key in each] if dated else (),
        by_date=put(by_date(season, clock)) if dated else None,
        by_site=put(by_site(season)),
        accumulation=put(accumulation(season, clock)[0]) if dated else None,
        calls=[put(picture, key=key) for picture, key in ends] if dated else (),
        recorders=put(calendar(season, clock)) if dated else None,
        site_map=put(site_map(season)),
        soundscapes=[put(picture, key=key) for picture, key in heard],
        examples=found,
        species=rows,
        histories=visits,
        files=figures.files,
    )


def _named(names: Sequence[str]) -> list[str]:
    """Names of files for names of species or sites."""
    return unique_names(safe_name(name).replace(" ", "_") for name in names)


def _write_examples(figures: _Figures, found: Mapping[str, Sequence[Example]]) -> None:
    columns = (
        *(Column("species"), Column("path"), Column("begin_s", float, 3), Column("end_s", float, 3)),
        *(Column("begin_time"), Column("site"), Column("score", float, 4), Column("problem")),
    )
    rows: list[Row] = [
        [name, d.path, d.begin_s, d.end_s, d.begin_time, d.site, d.score, one.trouble]
        for name, ones in found.items()
        for one in ones
        for d in (one.detection,)
    ]
    figures.put(Picture("examples", "", "", None, columns, rows))


def _species_rows(season: Season, clock: Clock) -> list[tuple[Cell, ...]]:
    calls = season.calls
    ends = season_dates(season, clock)
    days = clock.day(calls.day, calls.hour)
    rows: list[tuple[Cell, ...]] = []
    for k, name in enumerate(season.species):
        mine = calls.species == k
        undated = {site: n for (species, site), n in season.undated_calls.items() if species == k}
        n = int(calls.n[mine].sum()) + sum(undated.values())
        best = [row.score for row in season.examples.get(name, ()) if row.score is not None]
        rows.append(
            (
                *(printable(name), printable(season.common[k]), n, int(calls.n_verified[mine].sum())),
                n / season.recorded_h if season.recorded_h else None,
                *(len({*calls.site[mine].tolist(), *undated}), len(np.unique(days[mine])), *ends[k]),
                max(best, default=None),
            )
        )
    return rows


def _write_species(figures: _Figures, rows: Sequence[tuple[Cell, ...]]) -> None:
    kinds = {"d": int, ".3g": float, ".2f": float}
    columns = [Column(c.title.replace(" ", "_"), kinds.get(c.form, str), 4) for c in SPECIES_COLUMNS]
    figures.put(Picture("species", "", "", None, tuple(columns), rows))


def _write_histories(folder: Path, found: Histories, season: Season) -> None:
    write_rows(long_rows(found, season), LONG_COLUMNS, folder / "histories.csv", "csv")
    visits: list[Row] = [[k + 1, iso_day(day), found.end(k)] for k, day in enumerate(found.begins)]
    write_rows(visits, VISIT_COLUMNS, folder / "visits.csv", "csv")
    for k, name in enumerate(_named(season.species)):
        header, rows = wide_rows(found, season, k)
        with atomic_write(folder / f"{name}.csv") as stream:
            stream.writelines(map(csv_line, (header, *rows)))


def _values(season: Season, drawn: Drawn, sources: Sequence[str], clock: Clock) -> dict[str, Any]:
    return {
        "avianvox": __version__,
        "sources": list(sources),
        "visit": drawn.visit,
        "day_begins": "noon" if clock.begins else "midnight",
        "days": None if season.days is None else [iso_day(day) for day in season.days],
        "recordings": season.n_files,
        "recorded_h": round(season.recorded_h, 4),
        "sites": len(season.sites),
        "species": len(season.species),
        "calls": season.n_calls,
        "verified": season.n_verified,
        "rejected": season.n_rejected,
        "uncertain": season.n_uncertain,
    }
