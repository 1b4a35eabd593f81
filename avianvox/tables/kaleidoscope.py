"""CSV as Kaleidoscope writes and opens it: one row a selection, over any number of recordings."""

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path, PureWindowsPath

from avianvox.errors import InputError
from avianvox.files import atomic_write
from avianvox.tables.carried import Carried
from avianvox.tables.columns import csv_line, with_tasks
from avianvox.tables.delimited import Line, column_names, read_lines
from avianvox.tables.spans import Span, band_of, one_line, spans
from avianvox.tables.spreadsheet import CsvFormat
from avianvox.tables.times import clock_time, day_first, iso_time, parse_date, real_seconds
from avianvox.types import NO_BIRD, Detection
from avianvox.words import valid_unicode

COLUMNS = (
    "INDIR",
    "FOLDER",
    "IN FILE",
    "CHANNEL",
    "OFFSET",
    "DURATION",
    "DATE",
    "TIME",
    "Fmin",
    "Fmax",
    "TOP1MATCH*",
    "TOP1DIST",
    "MANUAL ID",
    "common_name",
    "confidence",
)
"""The last two are no columns of Kaleidoscope's, which keeps what it doesn't know, but of BirdNET-Analyzer's
tables for it; those of :mod:`avianvox.tables.carried` follow. ``CHANNEL`` counts from 0, ``DATE`` and
``TIME`` are the recording's begin, ``TOP1DIST`` is 1 less the score, so that the best stand first."""

_OWN = ("path", "channel", "begin_s", "end_s", "low_hz", "high_hz", "scientific_name", "common_name", "score")
_CARRIED = Carried(*_OWN, known=(name.lower().rstrip("*") for name in (*COLUMNS, "AUTO ID", "PULSES")))

_OF_BATS = ("auto id", "pulses", "match ratio")
"""Columns of the identification of bats; frequencies are in kHz beside them, and in Hz in other tables."""

_LEAST_HZ = 1000.0  # of a bat's call; a number below it beside columns of bats is in kHz
_NOT_NAMED = ("noid", "no id")


class Kaleidoscope(CsvFormat):
    """Kaleidoscope's results.

    ``TOP1MATCH``, ``TOP1MATCH*``, ``AUTO ID*`` and BirdNET-Analyzer's ``scientific_name`` are read; a
    ``MANUAL ID``, which a person gave, goes before them. ``NoID`` is no name, and ``Noise`` is "no bird". A
    distance is never read as a score.
    """

    endings = (".kaleidoscope.csv",)
    one_per_recording = False

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        with atomic_write(path) as file:
            tasks, detections = with_tasks(detections)
            file.write(csv_line((*COLUMNS, *_CARRIED.header(tasks))))
            for span in spans(detections, answers=True):
                file.write(self.line([*_cells(span), *_CARRIED.cells(span.detection, tasks)]))

    def read(self, path: Path) -> Iterator[Detection]:
        order = day_first(line.text("date") for line in read_lines(path, ","))
        for line in read_lines(path, ","):
            yield _detection(line, order)

    def recognises(self, head: str) -> bool:
        return {"in file", "offset"} <= set(column_names(head.partition("\n")[0], ","))


def _cells(span: Span) -> list[str]:
    row = span.detection
    folder, name = os.path.split(valid_unicode(row.path))
    band = ["", ""] if row.low_hz is None or row.high_hz is None else [f"{f:.1f}" for f in span.band_hz]
    channel = "" if row.channel is None else str(row.channel - 1)
    distance, score = ("", "") if row.score is None else (f"{1 - row.score:.4f}", f"{row.score:.4f}")
    place = [folder, "", name, channel, f"{span.begin_s:.6f}", f"{span.end_s - span.begin_s:.6f}"]
    return [
        *place,
        *_begin(span),
        *band,
        span.label,
        distance,
        "",
        one_line(row.common_name),
        score,
    ]


def _begin(span: Span) -> tuple[str, str]:
    """Date and time at which the recording begins, to the second, in the zone of the row."""
    text = span.detection.begin_time
    if not text:
        return "", ""
    try:
        passed_s = real_seconds(span.begin_s, span.detection.time_expansion)
        begin = datetime.fromisoformat(text) - timedelta(seconds=passed_s - 0.5)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{span.detection.path}: begin_time '{text}' is no time of ISO 8601") from error
    return begin.strftime("%Y-%m-%d"), begin.strftime("%H:%M:%S")


def _detection(line: Line, order: bool | None) -> Detection:
    begin = line.needed("offset")
    end = begin + (line.number("duration") or 0.0)
    low, high = band_of(*_frequencies_hz(line))
    channel = line.whole("channel")
    by_hand = line.text("manual id")
    times, message = _times(line, begin, end, order)
    row = Detection(
        path=_path(line),
        channel=None if channel is None else channel + 1,
        begin_s=begin,
        end_s=end,
        low_hz=low,
        high_hz=high,
        begin_time=times[0],
        end_time=times[1],
        time_source="kaleidoscope" if times[0] else "",
        site=line.text("site"),
        time_expansion=line.number("time_expansion"),
        scientific_name=_name(by_hand or line.text("top1match", "auto id", "scientific_name")),
        common_name="" if by_hand else line.text("common_name"),
        score=None if by_hand else line.number("confidence"),
        message=message,
    )
    return _CARRIED.take_back(line, row)


def _frequencies_hz(line: Line) -> tuple[float | None, float | None]:
    low, high = line.number("fmin"), line.number("fmax")
    of_bats = any(name in line.cells for name in _OF_BATS)
    if low is None or high is None or not of_bats or high >= _LEAST_HZ:
        return low, high
    return low * 1000, high * 1000


def _name(text: str) -> str:
    if text.casefold() in _NOT_NAMED:
        return ""
    return NO_BIRD if text.casefold() == "noise" else text


def _path(line: Line) -> str:
    parts = [line.exact(name) for name in ("indir", "folder", "in file")]
    if any("\\" in part for part in parts):
        return str(PureWindowsPath(*parts))
    return os.path.join(*parts)


def _times(line: Line, begin_s: float, end_s: float, day_first: bool | None) -> tuple[tuple[str, str], str]:
    """Begin and end of the selection, empty where date and time say nothing certain; and what is wrong."""
    told, clock = (line.text(name) for name in ("date", "time"))
    day, hour = parse_date(told, day_first=day_first), clock_time(clock)
    if not day or hour is None:
        unread = [
            f"{name} '{text}'"
            for name, text, found in (("DATE", told, day), ("TIME", clock, hour))
            if not found and text
        ]
        return ("", ""), f"{' and '.join(unread)}: no certain time" if unread else ""
    start = datetime.combine(date.fromisoformat(day), hour)
    expansion = line.number("time_expansion")
    try:
        begin, end = (
            iso_time(start + timedelta(seconds=real_seconds(s, expansion))) for s in (begin_s, end_s)
        )
    except OverflowError:
        return ("", ""), f"a selection {begin_s:g} s behind its file's begin has no time"
    return (begin, end), ""
