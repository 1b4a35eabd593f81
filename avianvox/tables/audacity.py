"""Audacity's label files: begin, end and label between tabs, without a header.

The extended form has a second line for each label, a backslash and its lowest and highest frequency; a label
without them in Audacity has -1 there, or no such line.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from avianvox.errors import InputError
from avianvox.files import atomic_write
from avianvox.tables.delimited import read_number, unquoted
from avianvox.tables.recordings import recording_of
from avianvox.tables.spans import Span, band_of, spans_of_one, tab_cell
from avianvox.texts import open_lines
from avianvox.types import Detection


class Audacity:
    """Label files of three columns, which every version and every strict reader takes.

    Both forms are read. A fourth column, which BirdNET-Analyzer writes, is the score; its labels are
    ``Scientific name, Common name``.
    """

    endings = (".labels.txt",)
    one_per_recording = True
    extended = False

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        with atomic_write(path) as file:
            for span in spans_of_one(detections, path):
                file.write(self._lines(span))

    def _lines(self, span: Span) -> str:
        return f"{span.begin_s:.6f}\t{span.end_s:.6f}\t{tab_cell(span.label)}\n"

    def read(self, path: Path) -> Iterator[Detection]:
        row: Detection | None = None
        with open_lines(path) as file:
            for number, line in enumerate(file, start=1):
                cells = [unquoted(cell) for cell in line.rstrip("\r\n").split("\t")]
                origin = f"{path}, line {number}"
                if cells[0] == "\\" and row is not None and len(cells) == 3:
                    low, high = band_of(*(read_number(cell, origin=origin) for cell in cells[1:]))
                    row = replace(row, low_hz=low, high_hz=high)
                elif any(cells):
                    if row is not None:
                        yield row
                    row = _detection(cells, recording_of(path), origin)
        if row is not None:
            yield row

    def recognises(self, head: str) -> bool:
        lines = head.split("\n")
        cells = lines[0].split("\t")
        extended = len(lines) > 1 and lines[1].startswith("\\\t")
        return extended == self.extended and 2 <= len(cells) <= 4 and all(map(_is_number, cells[:2]))


class AudacityBoxes(Audacity):
    """The extended form, with frequencies for every label."""

    endings = (".boxes.txt",)
    extended = True

    def _lines(self, span: Span) -> str:
        low, high = span.band_hz
        return f"{super()._lines(span)}\\\t{low:.6f}\t{high:.6f}\n"


def _detection(cells: list[str], recording: str, origin: str) -> Detection:
    if len(cells) < 2:
        raise InputError(f"{origin}: expected begin, end and label between tabs, got '{cells[0]}'")
    begin, end = (read_number(cell, origin=origin) for cell in cells[:2])
    label = cells[2] if len(cells) > 2 else ""
    row = Detection(path=recording, begin_s=begin, end_s=end, scientific_name=label)
    if len(cells) < 4:
        return row
    scientific, _, common = label.partition(", ")
    score = read_number(cells[3], origin=origin)
    return replace(row, scientific_name=scientific, common_name=common, score=score)


def _is_number(text: str) -> bool:
    try:
        read_number(text, origin="")
    except InputError:
        return False
    return True
