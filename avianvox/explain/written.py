"""The folder of explanations: one page, figures, arrays and a table.

- ``explain.html``: everything on one page that needs nothing else;
- ``explain.csv``: a row for each recording;
- ``figures/``: each figure as SVG and PNG;
- ``arrays/``: maps, masks and bands of each recording, with the seconds and hertz of their cells (NPZ);
- ``explain.json``: what was asked. It is written first and marks the folder as ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avianvox import __version__
from avianvox.documents import Kind
from avianvox.errors import InputError, require_extra
from avianvox.evaluation.overlap import on_voice
from avianvox.explain.figures import draw, explanation_figure, said_of, windows_said
from avianvox.explain.maps import Explanation
from avianvox.files import atomic_write
from avianvox.inference.segments import safe_name, unique_names
from avianvox.pages.blocks import Block, Chart, Section, Table, Text
from avianvox.pages.blocks import Column as Shown
from avianvox.pages.markup import Markup
from avianvox.pages.page import html_page
from avianvox.runfolder import FolderKind
from avianvox.tables.rows import Column, write_rows
from avianvox.words import printable, valid_unicode

PAGE, TABLE, FIGURES, ARRAYS = "explain.html", "explain.csv", "figures", "arrays"
FOLDER = FolderKind(
    file=Kind(
        what="explanation",
        name="avianvox explanation",
        version=1,
        error=InputError,
        otherwise="make one with: avianvox explain maps",
        outdated="make it again, with another --out",
    ),
    files=("explain.json", PAGE, TABLE),
    folders=(FIGURES, ARRAYS),
    replaceable=False,
)
COLUMNS = (
    *(Column("path"), Column("begin_s", float, 3), Column("end_s", float, 3), Column("scientific_name")),
    *(Column("common_name"), Column("score", float, 4), Column("best"), Column("method")),
    *(
        Column("share", float, 4),
        Column("chance", float, 4),
        Column("gain", float, 4),
        Column("iou", float, 4),
    ),
    *(Column("on_voice"), Column("windows", int)),
)


@dataclass(frozen=True)
class Figure:
    """A figure of a page: ``key`` is the name of its files."""

    key: str
    title: str
    caption: str
    svg: Markup


class Written:
    """A folder that is being filled; one that lies there is replaced.

    Parameters
    ----------
    out : Path
    asked : mapping
        What was asked, for ``explain.json``.
    png : bool
        Whether figures are written as PNG too, for which matplotlib is needed.

    Raises
    ------
    InputError
        ``out`` holds something else.
    """

    def __init__(self, out: Path, asked: Mapping[str, Any], *, png: bool = True) -> None:
        if png:
            require_extra("matplotlib", extra="plot", purpose="drawing PNG (or use --no-png)")
        FOLDER.erase(out)
        FOLDER.begin(out, {"avianvox": __version__, **asked})
        self.out, self._png = out, png

    def figure(self, figure: Figure) -> None:
        """Write a figure."""
        draw(self.out / FIGURES, figure.key, figure.svg, png=self._png)

    def arrays(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write named arrays; the same bytes for the same numbers."""
        with atomic_write(self.out / ARRAYS / f"{key}.npz", "wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)

    def table(self, rows: Iterable[Sequence[Any]], columns: Sequence[Column]) -> None:
        """Write ``explain.csv``."""
        write_rows(rows, columns, self.out / TABLE, "csv")

    def page(self, title: str, byline: str, sections: Sequence[Section]) -> Path:
        """Write the page; its path."""
        footer = f"Made by avianvox {__version__}. No part is loaded from a network."
        with atomic_write(self.out / PAGE) as stream:
            stream.write(valid_unicode(html_page(title, byline, sections, footer)))
        return self.out / PAGE


def row_of(found: Explanation) -> list[Any]:
    """A row of `COLUMNS`."""
    heard = found.heard
    values = [None if np.isnan(v) else v for v in (found.share, found.chance, found.gain, found.iou)]
    good = "" if np.isnan(found.gain) else "yes" if on_voice(np.array(found.gain)) else "no"
    return [
        *(heard.path, heard.begin_s, heard.end_s, found.scientific_name, found.common_name),
        *(found.score, found.best, found.method, *values, good, len(found.windows)),
    ]


def arrays_of(found: Explanation) -> dict[str, np.ndarray]:
    """The map with what belongs to it."""
    heard = found.heard
    frames = np.arange(len(heard.bands))
    return {
        "map": found.values.astype(np.float32),
        "mask": heard.mask,
        "bands_db": heard.bands.astype(np.float32),
        "seconds": heard.begin_s + frames * heard.view.hop_length / heard.view.sample_rate,
        "hertz": heard.hz,
        "window_scores": heard.scores[:, found.target],
        "window_begin_s": heard.begin_s + heard.offsets * heard.spec.hop_length / heard.spec.sample_rate,
    }


def write_maps(
    written: Written,
    explained: Iterable[tuple[Explanation, str]],
    *,
    model: str,
) -> list[list[Any]]:
    """Write explanations of recordings, each with the credit of its recordist, as they come.

    Returns
    -------
    list
        A row of `COLUMNS` for each.
    """
    rows: list[list[Any]] = []
    charts: list[Block] = []
    names: list[str] = []
    for found, credit in explained:
        names.append(f"{safe_name(Path(found.heard.path).stem)}_{found.method}".replace(" ", "_"))
        key = unique_names(names)[-1]
        svg = explanation_figure(found, credit=printable(credit))
        file = printable(Path(found.heard.path).name)
        caption = f"*{printable(found.scientific_name)}*, {file}: {said_of(found)}"
        written.figure(Figure(key, key, caption, svg))
        written.arrays(key, arrays_of(found))
        rows.append(row_of(found))
        charts.append(Chart(key, f"{caption}, {windows_said(found)}. {printable(credit)}", (svg,), wide=True))
    written.table(rows, COLUMNS)
    shown = (
        *(Shown("recording"), Shown("species", "name"), Shown("score", ".2f"), Shown("share", ".2f")),
        *(Shown("by chance", ".2f"), Shown("gain", ".2f"), Shown("IoU", ".2f"), Shown("on the voice")),
    )
    cells = [
        (
            printable(Path(str(row[0])).name),
            printable(str(row[3])),
            row[5],
            row[8],
            row[9],
            row[10],
            row[11],
            row[12],
        )
        for row in rows
    ]
    opening = Section("opening", "", (Text(HOW_TO_READ),))
    table = Section("overlap", "Overlap with the voice", (Table("Each recording.", shown, cells),))
    maps = Section("maps", "Maps", tuple(charts))
    written.page("What the model listens to", f"Model `{printable(model)}`.", (opening, table, maps))
    return rows


HOW_TO_READ = (
    "A map marks what speaks for a species. Its share is the part that lies inside the vocal mask, which "
    "holds what stands above the noise floor; by chance it would be the part of the spectrogram that is "
    "voice. The gain is 0 by chance and 1 where all of the map is voice. Below 0, an answer may be right for "
    "the wrong reason. The mask knows no species: wind and other birds may be in it."
)
