"""Pages of an answer, and the recordings that they list.

A page that has come is kept until the whole answer is there, so that an interrupted download does not ask
for it twice.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avianvox.audio.find import EXTENSIONS
from avianvox.dataset.download.session import Session
from avianvox.dataset.sources.fields import parse_address
from avianvox.dataset.sources.xeno_canto import read_recording
from avianvox.documents import read_json
from avianvox.errors import CatalogError, DownloadError, InputError
from avianvox.files import atomic_write
from avianvox.types import Recording

MOST_RECORDINGS = 250_000
"""Of one answer; all of xeno-canto has a few times as many."""

_MOST_DIGITS = 12
_MOST_ROW = 1 << 16
_SAID_ROWS = 3  # of those that are left out


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording of an answer: ``row`` as the server wrote it, and what it means."""

    row: dict[str, Any]
    recording: Recording

    @classmethod
    def from_row(cls, row: Any, place: str) -> "Sound":
        """Raises `DownloadError` where ``row`` is not as documented; ``place`` says where it stands."""
        try:
            recording = read_recording(row, Path(), {}, place)
        except CatalogError as error:
            raise DownloadError(str(error)) from error
        number = recording.id[2:]
        if not (number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS):
            raise DownloadError(f"{place}: expected a number in 'id', found {row['id']!r:.60}")
        if len(json.dumps(row)) > _MOST_ROW:
            raise DownloadError(f"{place}: the row of a recording is larger than {_MOST_ROW >> 10} KB")
        return cls(row, recording)

    @property
    def number(self) -> int:
        return int(self.recording.id[2:])

    @property
    def address(self) -> str:
        """Of the sound file; "" where xeno-canto withholds it, as it does for species under threat."""
        return parse_address(str(self.row.get("file") or ""))

    @property
    def name(self) -> str:
        """Of the file on the disk, with the ending under which it was uploaded."""
        ending = os.path.splitext(str(self.row.get("file-name") or ""))[1].lower()
        return f"{self.recording.id}{ending if ending in EXTENSIONS else '.mp3'}"


def read_answer(session: Session, query: str, kept: Path | None = None) -> tuple[list[Sound], int]:
    """Every recording that fits ``query``, by number, and how many the server announced.

    Rows that are not as documented are left out, and said. No more pages are asked for than the number of
    recordings needs, and none behind one that brings nothing new.

    Parameters
    ----------
    session : Session
    query : str
        As the API takes it, such as ``gen:Vireo sp:latimeri q:A``.
    kept : Path, optional
        A folder that keeps the pages that have come.

    Raises
    ------
    DownloadError
        The server refuses, cannot be reached, or answers otherwise than documented.
    InputError
        Nothing fits the query.
    """
    found: dict[int, Sound] = {}
    wrong: list[str] = []
    announced, n_pages, number, size = 0, 1, 1, 1
    while number <= n_pages:
        page = _page(session, query, number, kept)
        announced, n_pages = _count(page, "numRecordings"), _count(page, "numPages")
        if announced > MOST_RECORDINGS:
            raise InputError(
                f"'{query}' matches {announced:,} recordings; expected at most {MOST_RECORDINGS:,}; "
                "narrow the query"
            )
        size = max(size, len(page["recordings"]))
        n_pages = min(n_pages, -(-announced // size))
        n_before = len(found) + len(wrong)
        for place, row in enumerate(page["recordings"], start=1):
            try:
                sound = Sound.from_row(row, f"page {number} of the answer, recording {place}")
            except DownloadError as error:
                wrong.append(str(error))
                continue
            found.setdefault(sound.number, sound)  # a page may move on while the others are read
        if len(found) + len(wrong) == n_before:
            break
        number += 1
    for line in wrong[:_SAID_ROWS]:
        session.say(f"left out: {line}")
    if len(wrong) > _SAID_ROWS:
        session.say(f"left out: {len(wrong) - _SAID_ROWS} more damaged rows")
    if not found:
        raise InputError(f"xeno-canto has no recording for '{query}'; expected tags, such as gen:Vireo q:A")
    return [found[number] for number in sorted(found)], announced


def _page(session: Session, query: str, number: int, kept: Path | None) -> dict[str, Any]:
    if kept is None:
        return session.page(query, number)
    path = kept / f"page-{number:05d}.json"
    if path.exists():
        return dict(session.hide_in(read_kept(path, "recordings")))  # earlier releases hid less
    page = session.page(query, number)
    for name in ("numRecordings", "numPages"):  # before it is kept, or its fault would come again
        _count(page, name)
    with atomic_write(path) as stream:
        json.dump(page, stream)
    return page


def read_kept(path: Path, *names: str) -> dict[str, Any]:
    """What an earlier run wrote, a JSON object; raises `DownloadError` where it lacks one of ``names``."""
    try:
        values = read_json(path)
    except (OSError, ValueError) as error:
        raise damaged(path, str(error)) from error
    if not isinstance(values, dict) or not values.keys() >= set(names):
        raise damaged(path, "expected " + " with ".join(filter(None, ("an object", " and ".join(names)))))
    return values


def damaged(path: Path, why: str) -> DownloadError:
    """What is raised for a file of an earlier run that is not as it was written."""
    return DownloadError(f"{path} is damaged: {why}; run the command again with --refresh")


def _count(page: dict[str, Any], name: str) -> int:
    try:
        return max(0, int(page[name]))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise DownloadError(f"the answer has no number in '{name}', found {page.get(name)!r:.60}") from None
