"""A plain CSV file: one row per recording, paths relative to the file.

Columns: ``path`` (required), ``id``, ``label``, ``common_name``, ``recordist``, ``date``, ``time``, ``site``,
``latitude``, ``longitude``, ``duration_s``, ``quality``, ``call_type``, ``licence``, ``url``,
``sex``, ``stage``, ``background`` (species separated by semicolons), ``count`` (animals that call),
``origin`` (how sound that nobody recorded was made, see `avianvox.types.ORIGINS`; empty for recordings) and
``made_of`` (ids of the recordings that it was made of, separated by semicolons). A row with ``begin_s`` is
the part of its file from there to ``end_s``, or to the end; ``low_hz`` and ``high_hz`` are of the box around
the voice. `ALIASES` are read where these are absent or empty. Other columns are kept as `Recording.more`;
so is a ``count`` that is no whole number, such as "11-50".
Dates and times of day may stand as a spreadsheet writes them, see `avianvox.tables.times.parse_date`; each
that may mean two days is a problem of the catalog.
Of a row without a date, what the file and its name know is taken where the row says nothing.
Without an ``id`` column a recording is called by its path, and a part by path and times. A ``split.json``
beside the index that tells how another source parts its recordings, as ``avianvox data import`` leaves it, is
read too.
"""

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from avianvox.dataset.catalog import UNREAD_TIME, Catalog, Problem
from avianvox.dataset.licences import licence_name
from avianvox.dataset.sources.fields import (
    canonical_label,
    parse_address,
    parse_duration,
    parse_number,
    part_id,
    read_rows,
)
from avianvox.dataset.sources.noted import noted
from avianvox.dataset.splits import read_document
from avianvox.errors import CatalogError
from avianvox.files import atomic_write
from avianvox.tables.spans import begin_within
from avianvox.tables.times import day_first, parse_date, parse_time, says_day, time_behind
from avianvox.types import Recording

ALIASES = {
    "species": "label",
    "license": "licence",
    "xc_id": "id",
    "common": "common_name",
    "type": "call_type",
}
FILES = ("recordings.csv", "metadata.csv")
SPLIT = "split.json"
_TEXTS = ("label", "common_name", "recordist", "date", "time", "site")
_NUMBERS = ("latitude", "longitude", "duration_s")
_PART = ("begin_s", "end_s", "low_hz", "high_hz")
_MORE_TEXTS = ("quality", "call_type", "licence", "url")
_MADE = ("origin", "made_of", "count")
_SYNTHETIC = "synthetic"
"""What earlier catalogs of synthetic voices give for a licence."""
_LATER = ("sex", "stage")  # written where they are known
_KNOWN = frozenset(
    ("path", "id", "background", *_TEXTS, *_NUMBERS, *_PART, *_MORE_TEXTS, *_MADE, *_LATER, *ALIASES)
)


class PlainCsv:
    """The source ``csv``."""

    def recognises(self, path: Path) -> bool:
        return _index(path).is_file()

    def read(self, path: Path) -> Catalog:
        index = _index(path)
        listed = read_rows(index, required=("path",))
        order = day_first(row.get("date") or "" for row in listed)
        rows = [_recording(row, index, line, order) for line, row in enumerate(listed, start=2)]
        problems = _unread(listed, rows, index)
        return Catalog.from_rows(
            rows, source="csv", problems=problems, split=_source_split(index.parent / SPLIT)
        )


def _index(path: Path) -> Path:
    if not path.is_dir():
        return path if path.suffix.lower() == ".csv" else path / FILES[0]
    return next((path / name for name in FILES if (path / name).is_file()), path / FILES[0])


def _source_split(file: Path) -> dict[str, str]:
    """Recording id to "train" or "test"; nothing where the file is no split, or one that was drawn."""
    try:
        document = read_document(file)
    except CatalogError:
        return {}
    if document["grouping"] != "source":
        return {}
    return {name: part for part in ("train", "test") for name in document["folds"][0][part]}


def _unread(listed: list[dict[str, str]], rows: list[Recording], index: Path) -> Iterator[Problem]:
    """One problem for each cell that was meant to say a day or a time of day, and doesn't for certain."""
    for line, (cells, recording) in enumerate(zip(listed, rows, strict=True), start=2):
        day, hour = (cells.get(name) or "" for name in ("date", "time"))
        unread = [f"date '{day}' (expected YYYY-MM-DD)"] if says_day(day) and not recording.date else []
        timed = parse_time(hour) or not any(c.isdigit() for c in hour)
        unread += [] if timed else [f"time '{hour}' (expected HH:MM)"]
        if unread:
            message = f"{index}, row {line}: unclear {' and '.join(unread)}"
            yield Problem(UNREAD_TIME, recording.id, str(recording.path), message)


def _recording(row: dict[str, str], index: Path, line: int, order: bool | None) -> Recording:
    if not row["path"].strip():
        raise CatalogError(f"{index}, row {line}: the column 'path' is empty")
    if row.get("xc_id", "").strip().isdigit():
        row = {**row, "xc_id": f"XC{row['xc_id'].strip()}"}
    values = {name: (value or "").strip() for name, value in row.items() if name}
    for alias, name in ALIASES.items():
        values[name] = values.get(name) or values.get(alias, "")

    def text(name: str) -> str:
        return values.get(name, "")

    def several(name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in text(name).split(";") if part.strip())

    begin_s, end_s, low_hz, high_hz = (parse_number(text(name)) for name in _PART)
    begin_s = None if begin_s is None else begin_within(begin_s)
    if begin_s is not None and (begin_s < 0 or (end_s is not None and end_s <= begin_s)):
        raise CatalogError(
            f"{index}, row {line}: expected a begin from 0 s and an end after it, "
            f"found {begin_s} to {end_s} s"
        )
    count = text("count") if text("count").isascii() and text("count").isdigit() else ""
    own_id = text("path") if begin_s is None else part_id(text("path"), begin_s, end_s)
    recording = Recording(
        id=text("id") or own_id,
        path=index.parent / text("path"),
        label=canonical_label(text("label")),
        common_name=text("common_name"),
        background=several("background"),
        recordist=text("recordist"),
        date=parse_date(text("date"), day_first=order),
        time=parse_time(text("time")) or time_behind(text("date")),
        site=text("site"),
        latitude=parse_number(text("latitude")),
        longitude=parse_number(text("longitude")),
        duration_s=parse_duration(text("duration_s")),
        quality=text("quality"),
        call_type=text("call_type"),
        licence=licence_name(text("licence")),
        url=parse_address(text("url")),
        begin_s=begin_s,
        end_s=end_s,
        low_hz=low_hz,
        high_hz=high_hz,
        origin=text("origin") or ("voices" if text("licence") == _SYNTHETIC else ""),
        made_of=several("made_of"),
        count=int(count) if count else None,
        sex=text("sex"),
        stage=text("stage"),
        more=tuple(
            (name, value)
            for name, value in values.items()
            if value and (name not in _KNOWN or (name == "count" and not count))
        ),
    )
    return recording if text("date") else noted(recording)


def write_plain_csv(path: Path, recordings: Sequence[Recording], *, relative: bool = False) -> None:
    """Write an index that this source reads; files are named where they lie, from the root or ``relative`` to
    the index.

    Raises
    ------
    CatalogError
        A file's name is not UTF-8, which a CSV file has no way to say.
    """
    for r in recordings:
        try:
            f"{r.path}{r.id}{r.label}".encode()
        except UnicodeEncodeError as error:
            shown = os.fsencode(r.path).decode(errors="backslashreplace")
            raise CatalogError(f"{path}: the name {shown} is not UTF-8; rename the file") from error
    parts = _PART if any(r.span for r in recordings) else ()
    made = _MADE if any(r.synthetic or r.count is not None for r in recordings) else ()
    later = tuple(name for name in _LATER if any(getattr(r, name) for r in recordings))
    own = tuple(dict.fromkeys(name for r in recordings for name, _ in r.more))
    with atomic_write(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        known = ("path", "id", *_TEXTS, *_NUMBERS, *_MORE_TEXTS, "background", *parts, *made, *later)
        writer.writerow((*known, *own))
        for r in recordings:
            numbers, spans = (
                ["" if (value := getattr(r, name)) is None else repr(value) for name in names]
                for names in (_NUMBERS, parts)
            )
            origin = (r.origin, ";".join(r.made_of), "" if r.count is None else r.count) if made else ()
            texts, more, told = (
                [getattr(r, name) for name in names] for names in (_TEXTS, _MORE_TEXTS, later)
            )
            others = [dict(r.more).get(name, "") for name in own]
            background = ";".join(r.background)
            cells = (*texts, *numbers, *more, background, *spans, *origin, *told, *others)
            place = os.path.relpath(r.path, path.parent) if relative else os.path.abspath(r.path)
            writer.writerow((Path(place).as_posix() if relative else place, r.id, *cells))
