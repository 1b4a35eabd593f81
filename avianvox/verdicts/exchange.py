"""Verdicts to annotations that Raven or Audacity open, and annotations back to verdicts.

`annotations` writes what is heard beside what the table of events knows of the place. `taken_up` reads a
reviewer's annotations as verdicts: of the events that have their span, or where there is none, as added
calls. What the reviewer has said already is not said again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from avianvox.dataset.sources.fields import UNSURE, canonical_label
from avianvox.dataset.synonyms import species_key
from avianvox.randomness import hash_name
from avianvox.tables.recordings import Recordings, common_folder
from avianvox.types import NO_BIRD, Detection
from avianvox.verdicts.events import Listed, event_of
from avianvox.verdicts.format import heard
from avianvox.verdicts.standing import Word
from avianvox.verdicts.table import Event, Said, Verdict
from avianvox.words import valid_unicode

SAME_S = 0.002
"""Spans whose ends differ by no more are one: programs round times differently."""

_SAME_HZ = 0.1
_OF_FILE = ("latitude", "longitude", "site", "recorder", "header_s", "decoded_s", "time_expansion")


def annotations(words: Sequence[Word], events: Sequence[Listed]) -> Iterator[Detection]:
    """What is heard, file by file, with place and length of the recording from the table of events."""
    of_file: dict[str, Detection] = {}
    of_event: dict[Event, Detection] = {}
    common: dict[str, str] = {}
    for listed in events:
        of_file.setdefault(listed.event.file, listed.detection)
        of_event[listed.event] = listed.detection
        common.setdefault(species_key(listed.species), listed.detection.common_name)
    for row in heard(words):
        known = of_file.get(row.path)
        if known is None:
            yield row
            continue
        named = {name: getattr(known, name) for name in _OF_FILE} | {"path": known.path}
        event = of_event.get(event_of(row))
        if event is not None:  # the times of day are those of this very span
            named |= {name: getattr(event, name) for name in ("begin_time", "end_time", "time_source")}
        yield replace(row, common_name=common.get(species_key(row.scientific_name), ""), **named)


@dataclass(frozen=True, slots=True)
class _Note:
    """What an annotator says of a span."""

    file: str
    begin_s: float | None
    end_s: float | None
    names: tuple[str, ...]
    box: tuple[float, float] | None


def taken_up(
    rows: Iterable[Detection],
    events: Sequence[Listed],
    words: Sequence[Word],
    *,
    reviewer: str,
    time: str,
    tables: str = "",
    sounds: Sequence[str] = (),
) -> list[Verdict]:
    """The verdicts that a reviewer's annotations add to what holds.

    Parameters
    ----------
    rows : iterable of Detection
        The annotations. ``no bird``, ``noise`` and the like stand for noise, ``?`` for unsure.
    events : sequence of Listed
    words : sequence of Word
        What holds, of all reviewers.
    reviewer : str
    time : str
        When they were taken up.
    tables : str
        The folder of the tables, where that mirrors the folder of the recordings.
    sounds : sequence of str
        Sound files besides those of events and verdicts, which annotations may speak of.
    """
    places: dict[str, list[tuple[float | None, float | None, Event]]] = defaultdict(list)
    detections = {row.event: row.detection for row in events}
    for event in detections:
        places[event.file].append((event.start_s, event.end_s, event))
    own: dict[Event, Verdict] = {}
    for verdict, event, _ in words:
        places[event.file].append((verdict.start_s, verdict.end_s, event))
        if verdict.reviewer == reviewer:
            own[event] = verdict
    said = []
    for note in _notes(rows, list(dict.fromkeys((*places, *sounds))), tables):
        there = [
            e for a, b, e in places.get(note.file, ()) if _same(a, note.begin_s) and _same(b, note.end_s)
        ]
        if _said_of(note, [own[event] for event in dict.fromkeys(there) if event in own]):
            continue
        for event in dict.fromkeys(there) or (Event(note.file, note.begin_s, note.end_s),):
            detection = detections.get(event)
            new = _verdict(note, event, own.get(event), detection, reviewer=reviewer, time=time)
            said += [] if new is None else [new]
    return said


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME_S


def _notes(rows: Iterable[Detection], files: list[str], tables: str) -> list[_Note]:
    """The annotations, those of one span together."""
    known = set(files)
    recordings = Recordings(files, root=common_folder(files) if files else "", tables=tables)
    spans: dict[tuple[str, float | None, float | None], list[Detection]] = defaultdict(list)
    for row in rows:
        path = valid_unicode(row.path)
        file = path if path in known else valid_unicode(recordings.find(row.path) or path)
        begin_s, end_s = (None if s is None else round(s, 3) for s in (row.begin_s, row.end_s))
        spans[file, begin_s, end_s].append(row)
    notes = []
    for (file, begin_s, end_s), group in spans.items():
        names = dict.fromkeys(_label(row.scientific_name or row.common_name) for row in group)
        names.pop("", None)
        boxes = [(row.low_hz, row.high_hz) for row in group if None not in (row.low_hz, row.high_hz)]
        low_high = boxes[0] if boxes else (None, None)
        box = None if low_high[0] is None or low_high[1] is None else (low_high[0], low_high[1])
        if names:
            notes.append(_Note(file, begin_s, end_s, tuple(names), box))
    return notes


def _label(text: str) -> str:
    return UNSURE if text.strip() == UNSURE else canonical_label(text)


def _verdict(
    note: _Note, event: Event, before: Verdict | None, shown: Detection | None, *, reviewer: str, time: str
) -> Verdict | None:
    """None where the reviewer has said the same before."""
    names = tuple(name for name in note.names if name not in (NO_BIRD, UNSURE))
    right = species_key(event.suggested) in map(species_key, names)
    if names:
        kind = Said.ACCEPTED if event.suggested and right else Said.OTHER if event.suggested else Said.ADDED
    else:
        kind = Said.NOISE if NO_BIRD in note.names else Said.UNSURE
    if before is not None and _says_already(before, kind, names, note):
        return None
    box = (
        note.box or (before and before.low_hz is not None and (before.low_hz, before.high_hz)) or (None, None)
    )
    replaces = "" if before is None else before.id
    content = (
        reviewer,
        *map(str, event),
        kind,
        *names,
        str(note.begin_s),
        str(note.end_s),
        str(box),
        replaces,
    )
    score = None if shown is None or shown.score is None or not 0 <= shown.score <= 1 else shown.score
    return Verdict(
        id=f"import-{hash_name(*content):016x}",
        time=time,
        reviewer=reviewer,
        file=event.file,
        start_s=note.begin_s,
        end_s=note.end_s,
        low_hz=box[0],
        high_hz=box[1],
        suggested=event.suggested,
        score=score,
        verdict=kind,
        species=names,
        replaces=replaces,
    )


def _said_of(note: _Note, own: Sequence[Verdict]) -> bool:
    """Whether a reviewer's verdicts on the events of one span say together what a note says."""
    said = {species_key(name) for verdict in own for name in verdict.names}
    names = {species_key(name) for name in note.names}
    if not own or not said:
        kinds = {NO_BIRD: Said.NOISE, UNSURE: Said.UNSURE}
        return bool(own) and all(v.verdict == kinds.get(note.names[0]) and _same_place(v, note) for v in own)
    return said == names and all(_same_place(verdict, note) for verdict in own)


def _says_already(before: Verdict, kind: Said, names: Sequence[str], note: _Note) -> bool:
    keys = set(map(species_key, names))
    if before.verdict != kind or not {species_key(name) for name in before.names} <= keys:
        return False
    return _same_place(before, note)


def _same_place(verdict: Verdict, note: _Note) -> bool:
    """Whether both have one span, and one box if the note has any."""
    if not (_same(verdict.start_s, note.begin_s) and _same(verdict.end_s, note.end_s)):
        return False
    own = (verdict.low_hz, verdict.high_hz)
    boxes = zip(note.box or (), own, strict=note.box is not None)
    return all(b is not None and abs(a - b) <= _SAME_HZ for a, b in boxes)
