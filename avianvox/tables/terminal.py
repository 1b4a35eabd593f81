"""Detections for people: a line for each file, and its species indented below."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from avianvox.errors import InputError
from avianvox.files import atomic_write
from avianvox.tables.spans import says_something
from avianvox.types import Decision, Detection, TaskAnswer
from avianvox.words import printable


class Table:
    """What a terminal shows.

    Parameters
    ----------
    min_score : float in [0, 1], optional
        What scores less was left out; said of a file in which nothing is left.
    coverage : float in [0, 1], optional
        The species of a span are the set that holds the right one in this share of recordings.
    """

    endings = (".txt",)
    one_per_recording = False

    def __init__(self, min_score: float | None = None, coverage: float | None = None) -> None:
        self.min_score = min_score
        self.coverage = coverage

    def header(self, tasks: Sequence[str] = ()) -> str:
        return ""

    def lines(self, group: Sequence[Detection]) -> str:
        """The rows of one file."""
        first = group[0]
        facts = [] if first.decoded_s is None else [f"{first.decoded_s:.1f} s"]
        facts += [first.begin_time] if first.begin_time and first.begin_s is None else []
        apart = len({row.status for row in group}) > 1  # one channel is silent, another one isn't
        facts += [str(first.status)] if first.status != "ok" and not apart else []
        text = printable(first.path + (f"  ({', '.join(facts)})" if facts else "")) + "\n"
        named = [row for row in group if says_something(row)]
        if first.message and (first.status.failed or not named):
            text += f"    {printable(first.message)}\n"
        if not named and first.status.usable and (first.status.failed or not first.message):
            above = "named" if self.min_score is None else f"at {self.min_score:g} or above"
            text += f"    nothing {above}\n"
        if apart:
            of_channels = {row.channel: row.status for row in group if row.status != "ok"}
            text += "".join(f"    channel {n}  {status}\n" for n, status in of_channels.items())
        parts = groupby(named, key=attrgetter("channel", "begin_s", "end_s"))
        return text + "".join(self._part(list(rows)) for _, rows in parts)

    def _part(self, rows: Sequence[Detection]) -> str:
        """One span, or the whole recording."""
        where = _where(rows[0])
        text = ""
        if self.coverage is not None:
            text = f"    {where}one of these {len(rows)}, with {100 * self.coverage:g} % coverage\n"
        said = rows[0].decision  # the best one says it
        doubt = "" if said in (None, Decision.NAMED) else f"{said}, perhaps "
        for row in rows:
            if row.scientific_name or row.common_name:
                text += f"    {printable(where + _species(row, doubt))}\n"
            doubt = ""
        answers = ", ".join(filter(None, map(_answer, rows[0].tasks)))
        return text + (f"    {printable(where + answers)}\n" if answers else "")

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        with atomic_write(path) as file:
            for _, rows in groupby(detections, key=attrgetter("path")):
                file.write(self.lines(list(rows)))

    def read(self, path: Path) -> Iterator[Detection]:
        raise InputError(f"{path}: expected a table in a known format, got text or a table for reading")

    def recognises(self, head: str) -> bool:
        return False


def live_line(row: Detection) -> str:
    """One line for a species that has just been heard: time of day, species, length.

    Examples
    --------
    >>> from dataclasses import replace
    >>> row = Detection("-", begin_s=3.0, end_s=9.0, begin_time="2026-05-01T05:30:00.000-04:00", score=0.87)
    >>> live_line(replace(row, scientific_name="Parus major", common_name="Great Tit"))
    '2026-05-01 05:30:00  0.87  Parus major (Great Tit), 6.0 s'
    """
    doubt = "" if row.decision in (None, Decision.NAMED) else f"{row.decision}, perhaps "
    time = row.begin_time[:19].replace("T", " ")
    channel = "" if row.channel is None else f", channel {row.channel}"
    length_s = (row.end_s or 0.0) - (row.begin_s or 0.0)
    return printable(f"{time}  {_species(row, doubt, digits=2)}, {length_s:.1f} s{channel}")


def _species(row: Detection, doubt: str, *, digits: int = 4) -> str:
    name = row.scientific_name or row.common_name
    common = f" ({row.common_name})" if row.common_name not in ("", name) else ""
    score = "" if row.score is None else f"{row.score:.{digits}f}  "
    place = ", not expected here" if row.expected_here == "no" else ""
    return f"{score}{doubt}{name}{common}{place}"


def _answer(answer: TaskAnswer) -> str:
    """What is said to a task; nothing where nothing is."""
    name, text, score = answer
    return "" if not text else f"{name}: {text}" + ("" if score is None else f" ({score:.2f})")


def _where(row: Detection) -> str:
    """Channel, span and its time of day, as far as they are known."""
    channel = "" if row.channel is None else f"channel {row.channel}  "
    if row.begin_s is None:
        return channel
    end_s = row.begin_s if row.end_s is None else row.end_s
    return f"{row.begin_s:8.2f} - {end_s:.2f} s  {channel}" + (
        f"{row.begin_time}  " if row.begin_time else ""
    )
