"""What people said of the events, put to the rows that it speaks of.

A row whose species the majority of its reviewers hears is verified. One that they say is noise or another
species is rejected, and the other species becomes a verified row. Where they don't know, or don't agree, a
row stays as it is.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from avianvox.tables.times import iso_time, real_seconds
from avianvox.types import Detection
from avianvox.verdicts.consensus import Opinion, is_among, opinions
from avianvox.verdicts.standing import standing
from avianvox.verdicts.table import Event, read_tables
from avianvox.words import composed, valid_unicode


class Judged(NamedTuple):
    """The rows of a recording that are left, those of them that are verified, and how many were rejected."""

    rows: list[Detection]
    verified: list[Detection]
    n_rejected: int = 0


class Checked:
    """Opinions by file. ``n_met`` of ``n`` were found in the rows that came by."""

    def __init__(self, found: Iterable[Opinion]) -> None:
        self._files: dict[str, dict[Event, Opinion]] = {}
        for opinion in found:
            self._files.setdefault(opinion.event.file, {})[opinion.event] = opinion
        self.n = sum(map(len, self._files.values()))
        self.n_met = 0

    def judge(self, rows: list[Detection]) -> Judged:
        """What is left of the rows of one recording, and what reviewers have added."""
        said = dict(self._files.get(valid_unicode(rows[0].path), {}))
        if not said:
            return Judged(rows, [])
        self.n_met += len(said)
        left, verified, n_rejected = list[Detection](), list[Detection](), 0
        for row in rows:
            opinion = said.pop(_event(row), None) if row.scientific_name else None
            if opinion is None or not (opinion.names or opinion.is_noise):
                left.append(row)
                continue
            right = is_among(row.scientific_name, opinion.names)
            n_rejected += not right
            if right:
                verified.append(replace(row, decision=None))
            verified += [
                replace(row, scientific_name=name, common_name="", decision=None, score=None)
                for name in opinion.names
                if not is_among(name, [row.scientific_name])
            ]
        for opinion in said.values():
            verified += [_added(rows[0], opinion, name) for name in opinion.names]
        return Judged([*left, *verified] or [without_name(rows[0])], verified, n_rejected)


def read_checked(paths: Iterable[Path]) -> Checked:
    """What holds of tables of verdicts. Raises `InputError` where one cannot be read."""
    return Checked(opinions(standing(read_tables(paths))))


def _event(row: Detection) -> Event:
    begin_s, end_s = (None if s is None else round(s, 3) for s in (row.begin_s, row.end_s))
    return Event(valid_unicode(row.path), begin_s, end_s, composed(row.scientific_name))


def without_name(row: Detection) -> Detection:
    """The row of a recording in which nothing was named."""
    return replace(row, scientific_name="", common_name="", score=None, decision=None, rank=None)


def _added(first: Detection, opinion: Opinion, name: str) -> Detection:
    """A row for what somebody heard where the table has none, timed by another row of the file."""
    begin_s, end_s = opinion.event.start_s, opinion.event.end_s
    times = {}
    if first.begin_time and begin_s is not None and end_s is not None:
        known = datetime.fromisoformat(first.begin_time)
        for key, at in (("begin_time", begin_s), ("end_time", end_s)):
            passed = real_seconds(at - (first.begin_s or 0.0), first.time_expansion)
            times[key] = iso_time(known + timedelta(seconds=passed))
    named = {"scientific_name": name, "common_name": "", "begin_s": begin_s, "end_s": end_s}
    return replace(first, **named, **times, rank=None, score=None, decision=None)  # type: ignore[arg-type]
