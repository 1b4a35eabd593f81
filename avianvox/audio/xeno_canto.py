"""What xeno-canto knows of a recording: the answer of its API beside the file, or the comment inside it.

An answer is a ``*.json`` with ``recordings`` in the folder of a file ``XC<id>...``, or above its ``audio/``;
versions 2 and 3 of the API are read. Times are local and name no zone.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from avianvox.audio.notes import FieldNotes, date_alone, date_time, number, position
from avianvox.documents import read_json

_FILE = r"(?i)XC(\d+)(?!\d)"
_CREDIT = r"XC\d+ © (.+)"
_COORDINATES = r"\((-?[\d.]+), (-?[\d.]+)\)"
_WHEN = r"(?:(\d{1,2}):(\d\d)h)?.*?(\d{4}-\d\d-\d\d)"
_TIME = r"(\d{1,2})[:.](\d\d)(?::\d\d)?"


def answer_notes(path: Path) -> FieldNotes:
    """What an answer of the API beside the file says of it; empty notes where there is none."""
    found = re.match(_FILE, path.name)
    row = _rows_near(path.parent).get(found[1]) if found else None
    if row is None:
        return FieldNotes()
    time = re.fullmatch(_TIME, _text(row, "time"))
    begin = date_time(f"{_text(row, 'date')}T{time[1]:0>2}:{time[2]}") if time else None
    latitude, longitude = position(_text(row, "lat"), _text(row, "lon") or _text(row, "lng"))
    return FieldNotes(
        begin=begin,
        time_source="xeno-canto" if begin else "",
        day=None if begin else date_alone(_text(row, "date")),
        latitude=latitude,
        longitude=longitude,
        elevation_m=number(_text(row, "alt")),
        site=_text(row, "loc"),
        model=_text(row, "dvc"),
        microphone=_text(row, "mic"),
        recordist=_text(row, "rec"),
        note=_text(row, "rmk"),
    )


def comment_notes(comment: str) -> FieldNotes:
    """What the comment says that xeno-canto writes into its MP3 files; empty notes for any other comment.

    It reads ``XC1 © Recordist // Place (lat, lon), Country // 10m // 08:00h, 2013-07-29 // song // remarks``.
    """
    credit, *facts = _encoded_once(comment).split(" // ")
    recordist = re.fullmatch(_CREDIT, credit)
    if recordist is None or len(facts) < 3:
        return FieldNotes()
    place, height, when = facts[:3]
    time, spot = re.match(_WHEN, when), re.search(_COORDINATES, place)
    begin = date_time(f"{time[3]}T{time[1]:0>2}:{time[2]}") if time and time[1] else None
    latitude, longitude = position(*spot.groups()) if spot else (None, None)
    return FieldNotes(
        begin=begin,
        time_source="xeno-canto comment" if begin else "",
        day=None if begin or time is None else date_alone(time[3]),
        latitude=latitude,
        longitude=longitude,
        elevation_m=number(height.removesuffix("m")),
        site=re.sub(rf"\s*{_COORDINATES}", "", place).strip(),
        recordist=recordist[1].strip(),
    )


def _encoded_once(text: str) -> str:
    """Many of its files hold UTF-8 that was taken for Latin-1 and encoded again."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _rows_near(folder: Path) -> dict[str, dict[str, Any]]:
    places = (folder, folder.parent) if folder.name == "audio" else (folder,)
    return next(filter(None, (_rows(place, _changed(place)) for place in places)), {})


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _rows(folder: Path, _changed_ns: int) -> dict[str, dict[str, Any]]:
    """``number -> row`` of all answers in a folder; files that are none are passed over."""
    rows = {}
    for page in sorted(folder.glob("*.json")):
        try:
            answer = read_json(page)
        except (OSError, ValueError):
            continue
        listed = answer.get("recordings") if isinstance(answer, dict) else None
        for row in listed if isinstance(listed, list) else ():
            if isinstance(row, dict) and row.get("id"):
                rows[str(row["id"]).upper().removeprefix("XC")] = row
    return rows


def _text(row: dict[str, Any], name: str) -> str:
    value = str(row.get(name) or "").strip()
    return "" if value == "?" else value
