"""When and where a recording was made, and by what: start reading here.

`read_field_notes` asks all who may know and takes each fact from the first who states it, in this order:

1. GUANO metadata in the file
2. Wildlife Acoustics' older metadata in the file
3. the comment of an AudioMoth in the file
4. an answer of xeno-canto's API beside the file
5. the comment that xeno-canto writes into a file
6. the name of the file, as an AudioMoth, a Song Meter or a BAR writes it

Time and zone come from one source, and so do latitude and longitude. Where two sources contradict each other
about the time, a remark says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from avianvox.audio.names import name_notes, numbered_notes
from avianvox.audio.notes import FieldNotes, zone_of
from avianvox.audio.tags import Tags, read_tags

__all__ = ["FieldNotes", "read_field_notes", "zone_of"]

_TOLERANCE_S = 2.0  # between what a device writes into a file and what it calls the file
_MINUTE_S = 60.0  # xeno-canto tells no seconds
_TOGETHER = (("begin", "time_source"), ("latitude", "longitude"), ("battery_v", "battery_bound"))


def read_field_notes(path: Path | str, *, timezone: str = "", tags: Tags | None = None) -> FieldNotes:
    """What is known about the making of a recording.

    Parameters
    ----------
    path : path-like
        Only its head and chunks of notes are read. A file that is missing or damaged still has a name.
    timezone : str
        IANA name or offset (see `zone_of`) for times that state no zone; such times stay without one where
        it is "".
    tags : Tags or None
        What `read_tags` found in the file, where somebody has read it already.

    Returns
    -------
    FieldNotes
        Nothing is raised because of the file.

    Raises
    ------
    InputError
        There is no such time zone.

    Examples
    --------
    >>> notes = read_field_notes("MEADOW_20240601_235958.wav", timezone="-04:00")
    >>> notes.time_at(3.0), notes.time_source, notes.recorder
    ('2024-06-02T00:00:01.000-04:00', 'song meter file name', 'MEADOW')
    """
    path = Path(path)
    zone = zone_of(timezone)
    tags = read_tags(path) if tags is None else tags
    sources = list(_sources(path, tags))
    notes = _merge(sources)
    remarks = [remark for source in sources for remark in source.remarks]
    remarks += _contradictions(sources)
    if notes.begin and notes.begin.tzinfo is None and zone:
        remarks += _odd_hour(notes.begin, zone)
        notes = replace(notes, begin=notes.begin.replace(tzinfo=zone))
    return replace(notes, remarks=tuple(remarks))


def _sources(path: Path, tags: Tags) -> Iterator[FieldNotes]:
    """Whoever may know, in order; a reader is imported when there is something to read."""
    comment = tags.texts.get("comment", "")
    if tags.guano:
        from avianvox.audio.guano import guano_notes

        yield guano_notes(tags.guano)
    if tags.wamd:
        from avianvox.audio.wamd import wamd_notes

        yield wamd_notes(tags.wamd)
    if comment:
        from avianvox.audio.audiomoth import comment_notes

        yield comment_notes(comment, tags.texts.get("artist", ""))
    if path.name[:2].upper() == "XC" or comment.startswith("XC"):
        from avianvox.audio import xeno_canto

        yield xeno_canto.answer_notes(path)
        yield xeno_canto.comment_notes(comment)
    yield name_notes(path.name)
    yield numbered_notes(path)


def _merge(sources: Sequence[FieldNotes]) -> FieldNotes:
    """Each fact from the first that states it; those that belong together from the same one."""
    chosen: dict[str, Any] = {}
    led = {follower: leader for leader, follower in _TOGETHER}
    for field in fields(FieldNotes):
        assert field.default is not MISSING
        asked = led.get(field.name, field.name)
        stating = (s for s in sources if getattr(s, asked) != _DEFAULTS[asked])
        if source := next(stating, None):
            chosen[field.name] = getattr(source, field.name)
    return FieldNotes(**chosen)


_DEFAULTS = {field.name: field.default for field in fields(FieldNotes)}


def _contradictions(sources: Sequence[FieldNotes]) -> list[str]:
    """One line for each later source that tells another time than the first."""
    timed = [(s.time_source, s.begin) for s in sources if s.begin]
    remarks = []
    for source, begin in timed[1:]:
        first_source, first = timed[0]
        least = _MINUTE_S if "xeno-canto" in source + first_source else _TOLERANCE_S
        if _apart(first, begin) > timedelta(seconds=least):
            remarks.append(
                f"the time is {first.isoformat()} by {first_source} and {begin.isoformat()} by {source}"
            )
    return remarks


def _apart(first: datetime, second: datetime) -> timedelta:
    """Clocks are compared where one of them names no zone."""
    if first.tzinfo is None or second.tzinfo is None:
        first, second = first.replace(tzinfo=None), second.replace(tzinfo=None)
    return abs(first - second)


def _odd_hour(begin: datetime, zone: tzinfo) -> list[str]:
    """A remark where clocks were changed and ``begin`` came twice, or never."""
    if begin.replace(tzinfo=zone).utcoffset() == begin.replace(tzinfo=zone, fold=1).utcoffset():
        return []
    return [
        f"clocks in {zone} were changed around {begin.isoformat()}; the offset before the change is taken"
    ]
