"""Raven's selection tables: tab-separated, one row a selection.

In a table over several recordings, begin and end go on counting over the recordings, as Raven does where it
has opened them one after the other; ``File Offset (s)`` is within the recording. Where that column is
missing, the lengths of the recordings are needed: see `Raven.read_among`.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath, PureWindowsPath

from avianvox.errors import InputError
from avianvox.files import atomic_write
from avianvox.tables.carried import Carried
from avianvox.tables.columns import with_tasks
from avianvox.tables.continued import begins_of
from avianvox.tables.delimited import Line, column_names, read_lines
from avianvox.tables.recordings import Recordings, recording_of
from avianvox.tables.spans import Span, band_of, by_recording, length_of, spans, tab_cell
from avianvox.types import Detection
from avianvox.words import valid_unicode

COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Annotation",
    "Common Name",
    "Confidence",
    "Begin Path",
    "Begin File",
    "File Offset (s)",
)
"""``Annotation`` is the scientific name; Raven Lite shows it, and no other column of names. The columns of
:mod:`avianvox.tables.carried` follow, which Raven keeps as annotations."""

SPECIES = ("scientific name", "species", "annotation", "label", "tag")
"""Columns in which the name of a species is looked for, the first one first; after them ``Common Name``, and
``Species Code`` where there is none."""

_OWN = ("path", "channel", "begin_s", "end_s", "low_hz", "high_hz", "scientific_name", "common_name", "score")
_CARRIED = Carried(*_OWN, known=(*map(str.lower, COLUMNS), *SPECIES))


class Raven:
    """Selection tables of Raven Pro and Raven Lite."""

    endings = (".selections.txt", ".selection.table.txt")
    one_per_recording = True

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        """Raises `InputError` where a recording comes after one of unknown length."""
        begin: float | None = 0.0  # of the recording, counted from the first one's
        number = 0
        with atomic_write(path) as file:
            tasks, detections = with_tasks(detections)
            file.write("\t".join((*COLUMNS, *_CARRIED.header(tasks))) + "\n")
            for recording, rows in by_recording(detections):
                length: float | None = None
                for row in rows:
                    length = length_of(row) if row.status.usable else 0.0
                    for span in spans([row], answers=True):
                        if begin is None:
                            raise InputError(
                                f"{path}: cannot count the times of {recording} on, because the length of "
                                "a recording before it is not known; name a folder, for a table of each"
                            )
                        number += 1
                        file.write(_line(number, span, begin, tasks))
                begin = None if begin is None or length is None else begin + length

    def read(self, path: Path) -> Iterator[Detection]:
        return self.read_among(path, Recordings(()))

    def read_among(self, path: Path, recordings: Recordings) -> Iterator[Detection]:
        """The rows; ``recordings`` are asked for lengths where times count on and no offset is given.

        Raises
        ------
        InputError
            Also where nobody can say at which time a recording begins, see :mod:`avianvox.tables.continued`.
        """
        begins = _begins(path, recordings)
        before: tuple[str, ...] = ()
        for line in read_lines(path, "\t"):
            selection = (line.text("selection"), line.text("begin time (s)"), line.text("end time (s)"))
            if selection != before and line.text(*SPECIES, "common name").lower() != "nocall":
                yield _detection(line, path, begins)
            before = selection  # Raven has a row for each of a selection's views

    def recognises(self, head: str) -> bool:
        return "begin time (s)" in column_names(head.partition("\n")[0], "\t")


def _line(number: int, span: Span, begin: float, tasks: Sequence[str]) -> str:
    low, high = span.band_hz
    row = span.detection
    path = valid_unicode(row.path)
    return (
        "\t".join(
            (
                str(number),
                "Spectrogram 1",
                str(row.channel or 1),
                f"{begin + span.begin_s:.6f}",
                f"{begin + span.end_s:.6f}",
                f"{low:.1f}",
                f"{high:.1f}",
                tab_cell(span.label),
                tab_cell(row.common_name),
                "" if row.score is None else f"{row.score:.4f}",
                tab_cell(path),
                tab_cell(os.path.basename(path)),
                f"{span.begin_s:.6f}",
                *map(tab_cell, _CARRIED.cells(row, tasks)),
            )
        )
        + "\n"
    )


def _begins(table: Path, recordings: Recordings) -> dict[str, float]:
    """Where the recordings begin in the time of the table; only what is needed is looked up."""
    selected: dict[str, tuple[float, float]] = {}
    offsets_missing = False
    for line in read_lines(table, "\t"):
        name, begin = _recording(line, table), line.needed("begin time (s)")
        first, last = selected.get(name, (begin, begin))
        selected[name] = min(first, begin), max(last, begin)
        offsets_missing = offsets_missing or not line.text("file offset (s)")
    return begins_of(table, selected, recordings) if offsets_missing and len(selected) > 1 else {}


def _detection(line: Line, table: Path, begins: Mapping[str, float]) -> Detection:
    begin = line.needed("begin time (s)")
    length = line.needed("end time (s)") - begin
    path = _recording(line, table)
    offset = line.number("file offset (s)")
    channel = line.whole("channel")
    low, high = band_of(line.number("low freq (hz)"), line.number("high freq (hz)"))
    within = begin - begins.get(path, 0.0) if offset is None else offset
    common = line.text("common name")
    row = Detection(
        path=path,
        channel=channel,
        begin_s=within,
        end_s=round(within + length, 9),
        low_hz=low,
        high_hz=high,
        site=line.text("site"),
        scientific_name=line.text(*SPECIES) or ("" if common else line.text("species code")),
        common_name=common,
        score=line.number("confidence", "score"),
    )
    return _CARRIED.take_back(line, row)


def _recording(line: Line, table: Path) -> str:
    """``Begin Path``, ``Begin File`` in it or beside the table, else what the table's name says.

    Raises
    ------
    InputError
        Both name a file, and not the same one.
    """
    path, file = line.text("begin path"), line.text("begin file")
    name = PureWindowsPath(file).name
    if not path:
        return str(table.parent / name) if name else recording_of(table)
    last = PureWindowsPath(path).name
    if not name or last.casefold() == name.casefold():
        return path
    if PureWindowsPath(last).suffix.casefold() == PureWindowsPath(name).suffix.casefold():
        raise InputError(
            f"{line.origin}: 'Begin Path' says {last} and 'Begin File' {name}; correct one of them"
        )
    return str(PureWindowsPath(path, name) if "\\" in path else PurePath(path, name))
