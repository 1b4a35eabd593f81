"""The table of verdicts: one CSV that is only ever appended to, a line for each thing that a reviewer said.

A `Verdict` is a line. `read_verdicts` reads a table, also one whose last line was torn as its writer was
killed. Which verdicts hold, after changes and undoing, is said by :mod:`avianvox.verdicts.standing`.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from avianvox.errors import InputError
from avianvox.files import named, read_regular
from avianvox.registry import nearest
from avianvox.tables.columns import csv_line
from avianvox.tables.times import iso_time
from avianvox.texts import lines_of
from avianvox.words import composed, valid_unicode

SUFFIX = ".verdicts.csv"
"""How the name of a table of verdicts ends."""

PARTS_NAMES = ";"
"""Between several species of one verdict."""


class Said(StrEnum):
    """The kinds of verdicts."""

    ACCEPTED = "accepted"  # what the model suggested is heard, perhaps with others
    OTHER = "other"  # the species named is heard; in blind mode, that is whatever the reviewer names
    UNSURE = "unsure"  # the reviewer has listened, and does not know
    NOISE = "noise"  # no animal voice of interest is heard
    ADDED = "added"  # a call that the events lack
    SKIPPED = "skipped"  # no answer; the event was shown and passed over
    UNDONE = "undone"  # takes the verdict back that `replaces` names


NAMING = (Said.ACCEPTED, Said.OTHER, Said.ADDED)
"""Verdicts that name a species."""


class Event(NamedTuple):
    """What a verdict speaks of: a span of a file, and the species that is suggested there.

    Seconds are None where it is the whole file. Events of one span differ in what they suggest.
    """

    file: str
    start_s: float | None
    end_s: float | None
    suggested: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A line of the table; see docs/verdicts.md for its columns. Empty texts and None mean "none".

    Raises
    ------
    InputError
        A value is outside what its column holds.
    """

    id: str
    time: str
    reviewer: str = ""
    file: str
    start_s: float | None = None
    end_s: float | None = None
    low_hz: float | None = None
    high_hz: float | None = None
    suggested: str = ""
    score: float | None = None
    verdict: Said
    species: tuple[str, ...] = ()
    blind: bool = False
    seconds: float | None = None
    replaces: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", _utc(self.time))
        if not self.id or not self.id.isprintable() or self.id != self.id.strip():
            raise InputError(f"id: expected a text without spaces around it, got {self.id!r:.60}")
        if not self.file and self.verdict != Said.UNDONE:
            raise InputError("file: expected the path of a sound file, got none")
        if set(self.file) & set("\r\n"):
            raise InputError(f"file: a name with a line break can't stand in the table: {self.file!r:.80}")
        _check_pair("start_s", self.start_s, "end_s", self.end_s)
        _check_pair("low_hz", self.low_hz, "high_hz", self.high_hz)
        if self.score is not None and not 0 <= self.score <= 1:
            raise InputError(f"score: expected a number from 0 to 1, got {self.score:g}")
        if self.seconds is not None and not 0 <= self.seconds < float("inf"):
            raise InputError(f"seconds: expected a duration of 0 or more, got {self.seconds:g}")
        if self.verdict in (Said.OTHER, Said.ADDED) and not self.species:
            raise InputError(
                f"species: expected a scientific name for the verdict '{self.verdict}', got none"
            )
        if self.verdict == Said.UNDONE and not self.replaces:
            raise InputError("replaces: expected the id of the verdict that is undone, got none")
        if any(PARTS_NAMES in name or not name.strip() for name in self.species):
            raise InputError(f"species: expected scientific names without ';', got {self.species!r:.80}")

    @property
    def event(self) -> Event:
        """What it speaks of, as the table of events names it: to the millisecond."""
        start_s, end_s = (None if s is None else round(s, 3) for s in (self.start_s, self.end_s))
        return Event(valid_unicode(self.file), start_s, end_s, composed(self.suggested))

    @property
    def names(self) -> tuple[str, ...]:
        """The species that are heard, in the reviewer's words: of an acceptance, also the suggested one."""
        if self.verdict not in NAMING:
            return ()
        first = (self.suggested,) if self.verdict == Said.ACCEPTED and self.suggested else ()
        return tuple(dict.fromkeys(composed(name) for name in (*first, *self.species)))


COLUMNS = tuple(field.name for field in fields(Verdict))
HEADER = csv_line(COLUMNS)

MARKS = frozenset({"id", "file", "suggested", "verdict"})
"""Columns by which a table of verdicts is known."""

_DECIMALS = {"start_s": 3, "end_s": 3, "low_hz": 1, "high_hz": 1, "score": 4, "seconds": 2}


def verdicts_path(events: Path) -> Path:
    """Where the verdicts on a table of events lie by default.

    Examples
    --------
    >>> verdicts_path(Path("night/events.csv")).as_posix()
    'night/events.verdicts.csv'
    """
    events = named(events)
    return events.with_name(f"{events.stem if events.suffix else events.name}{SUFFIX}")


def line_of(verdict: Verdict) -> str:
    """The line of the table, with its end. A text is written in one line."""
    return csv_line(_cell(verdict, name) for name in COLUMNS)


def _cell(verdict: Verdict, name: str) -> str:
    value = getattr(verdict, name)
    if value is None:
        return ""
    if name in _DECIMALS:
        return f"{value:.{_DECIMALS[name]}f}"
    if name == "blind":
        return str(int(value))
    if name == "species":
        value = PARTS_NAMES.join(value)
    text = valid_unicode(str(value))
    return text if name == "file" or text.isprintable() else " ".join(text.split())


def verdict_of(row: Mapping[str, str | None], *, origin: str) -> Verdict:
    """A verdict from the texts of a row; raises `InputError`, which begins with ``origin``."""
    texts = {name: row.get(name) or "" for name in COLUMNS}
    try:
        said = texts["verdict"].strip()
        if said not in list(Said):
            known = ", ".join(Said)
            raise InputError(f"verdict: expected one of {known}, got '{said}'{nearest(said, list(Said))}")
        numbers = {name: _number(name, texts[name]) for name in _DECIMALS}
        if texts["blind"] not in ("0", "1", ""):
            raise InputError(f"blind: expected 0 or 1, got '{texts['blind']}'")
        return Verdict(
            id=texts["id"],
            time=texts["time"],
            reviewer=texts["reviewer"],
            file=texts["file"],
            suggested=texts["suggested"],
            verdict=Said(said),
            species=tuple(name for part in texts["species"].split(PARTS_NAMES) if (name := part.strip())),
            blind=texts["blind"] == "1",
            replaces=texts["replaces"],
            note=texts["note"],
            **numbers,
        )
    except InputError as error:
        raise InputError(f"{origin}: {error}") from error


def read_verdicts(path: Path | str) -> list[Verdict]:
    """All verdicts of a table in its order; of those with one id, the first.

    A last line without its end counts if it is whole. A torn one is passed over: it was never confirmed.

    Raises
    ------
    InputError
        It cannot be read, is no table of verdicts, or a value is not of its column's kind.
    """
    return parse_verdicts(content_of(path), str(path))


def content_of(path: Path | str) -> bytes:
    """The bytes of a table; raises `InputError` where it can't be read."""
    try:
        return read_regular(path)
    except OSError as error:
        raise InputError(f"cannot read the verdicts {path}: {error.strerror or error}") from error


def read_tables(paths: Iterable[Path | str]) -> list[Verdict]:
    """The verdicts of one or several tables; of several, in the order of their times."""
    tables = [read_verdicts(path) for path in paths]
    found = list({v.id: v for table in reversed(tables) for v in reversed(table)}.values())[::-1]
    return found if len(tables) == 1 else sorted(found, key=lambda v: v.time)


def is_header(line: str) -> bool:
    """Whether a table that begins with ``line`` is one of verdicts."""
    return set(_cells(line)) >= MARKS


def parse_verdicts(content: bytes, origin: str) -> list[Verdict]:
    """As `read_verdicts`, from the bytes of a table."""
    if HEADER.encode().startswith(content.rstrip(b"\0")):  # its writer was killed as it made the table
        return []
    lines = lines_of(content[: whole_length(content)], origin)
    header = next(lines, "")
    if not is_header(header):
        raise InputError(f"{origin}: expected a table of verdicts with the columns {', '.join(COLUMNS)}")
    names = _cells(header)
    found: dict[str, Verdict] = {}
    for number, line in enumerate(lines, start=2):
        if line.strip():
            verdict = _verdict(line, names, f"{origin}, line {number}")
            found.setdefault(verdict.id, verdict)
    return list(found.values())


def whole_length(content: bytes) -> int:
    """Bytes of a table up to the end of its last whole line: what follows was torn by a kill or a power cut.

    A last line without its end counts if it holds a verdict: somebody's program may leave the end out.
    """
    end = content.rfind(b"\n") + 1
    header, tail = content.partition(b"\n")[0], content[end:]
    if not tail.strip(b"\0"):
        return end
    try:
        names = _cells(header.decode("utf-8-sig"))
        _verdict(tail.decode(), names, "")
    except (InputError, UnicodeDecodeError):
        return end if is_header(header.decode("utf-8-sig", "replace")) and end else len(content)
    return len(content)


def _cells(line: str) -> list[str]:
    """The cells of one line; none where it is no CSV, such as one that ends within quotes."""
    try:
        return next(csv.reader([line.strip("\r\n")], strict=True), [])
    except csv.Error:
        return []


def _verdict(line: str, names: list[str], origin: str) -> Verdict:
    cells = _cells(line)
    if len(cells) != len(names):
        raise InputError(f"{origin}: expected {len(names)} cells in a line of verdicts, found {len(cells)}")
    return verdict_of(dict(zip(names, cells, strict=True)), origin=origin)


def _number(name: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise InputError(f"{name}: expected a number, got '{text}'")
    return value


def _utc(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            raise ValueError(text)
        return iso_time(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        raise InputError(f"time: expected ISO 8601 with an offset from UTC, got '{text}'") from None


def _check_pair(low_name: str, low: float | None, high_name: str, high: float | None) -> None:
    if low is None and high is None:
        return
    if low is None or high is None or not 0 <= low <= high < float("inf"):
        raise InputError(
            f"{low_name}, {high_name}: expected 0 <= {low_name} <= {high_name}, or neither; got {low}, {high}"
        )


def now() -> str:
    """This moment as the column ``time`` holds it."""
    return iso_time(datetime.now(UTC))
