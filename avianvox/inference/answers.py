"""The answer to a question about a recording: rows for the table, and an entry for the ledger.

`answer_file` runs in a worker. It keeps sums and open events, never all windows of a recording, and gives its
rows as CSV text, so that whoever collects answers only moves text. The same file and question give the same
text on every machine.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from avianvox.audio.decode import count_channels, open_audio
from avianvox.audio.field_notes import read_field_notes
from avianvox.audio.notes import FieldNotes
from avianvox.errors import AudioError
from avianvox.inference.classifier import NOTHING_LOUD, Classifier, WindowStream
from avianvox.inference.found import NOTHING, WAYS, Found, named_classes
from avianvox.inference.question import Question
from avianvox.inference.sites import folder_site
from avianvox.tables.columns import to_csv
from avianvox.types import Detection, Status, TaskAnswer

if TYPE_CHECKING:
    from avianvox.inference.gate import Gate
    from avianvox.inference.narrow import Narrower
    from avianvox.inference.place import Weigher

NO_ANIMAL = "the gate found no voice"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger keeps of a file beside its rows.

    Attributes
    ----------
    path, size, time_ns
        The file as it was when its reading began; -1 where there was none.
    begin_time, site, recorder : str
        As in `Detection`.
    header_s, decoded_s : float, optional
    n_windows, n_silent, n_gated : int
        Windows of all channels read; of them, those left out as silence and by the gate.
    named : mapping of str to int
        How often each species was named: recordings, windows or events, as asked.
    below : mapping of str to int
        How many events of each species stayed below its threshold: `EventSearch.below`.
    remarks : tuple of str
        What is odd about its time, such as two sources that disagree.
    against : mapping of str to int
        How often a species was clearly heard that the place argues against: `Weigher.against`.
    placed : bool, optional
        Whether a place was known, where scores are to be weighed by place; None where they are not.
    """

    path: str
    size: int
    time_ns: int
    status: Status
    message: str = ""
    begin_time: str = ""
    site: str = ""
    recorder: str = ""
    header_s: float | None = None
    decoded_s: float | None = None
    n_windows: int = 0
    n_silent: int = 0
    n_gated: int = 0
    named: Mapping[str, int] = field(default_factory=dict)
    below: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    against: Mapping[str, int] = field(default_factory=dict)
    placed: bool | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An entry, and CSV rows without their header."""

    entry: Entry
    rows: str


def key_of(path: str | os.PathLike[str]) -> tuple[str, int, int]:
    """Path, size and time of last change: what a file is known by; -1 and -1 where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return str(path), -1, -1
    return str(path), found.st_size, found.st_mtime_ns


def failed_answer(
    path: str, status: Status, message: str, question: Question, notes: FieldNotes | None = None
) -> Answer:
    """The answer for a file of which no sound came out; its notes may still say when it was recorded."""
    notes = notes or FieldNotes()
    facts: dict[str, Any] = {
        "begin_time": notes.time_at(0.0),
        "site": _site(path, notes, question),
        "recorder": notes.recorder,
    }
    entry = Entry(*key_of(path), status, message, **facts)
    row = Detection(path, status, message=message, time_source=notes.time_source, **facts)
    row = replace(row, tasks=unanswered(question.tasks)) if question.tasks else row
    return Answer(entry, to_csv([row]))


def _site(path: str, notes: FieldNotes, question: Question) -> str:
    return question.site or notes.site or folder_site(path, question.sites_in)


def answer_file(classifier: Classifier, path: str, question: Question, gate: "Gate | None" = None) -> Answer:
    """Answer for one file. What is wrong with it becomes the status of its rows, not an error.

    Raises
    ------
    InputError
        The question is out of range for this model.
    """
    key = key_of(path)
    notes = read_field_notes(path, timezone=question.timezone)
    weigher = weigher_of(classifier, question, notes)
    try:
        parts = [
            _answer_channel(classifier, path, channel, question, gate, notes, weigher)
            for channel in _channels(path, question.channels)
        ]
    except AudioError as error:
        return failed_answer(path, Status(error.status), error.about(path), question, notes)
    named, below = Counter[str](), Counter[str]()
    for part in parts:
        named.update(part.named)
        below.update(part.below)
    sounding = [part.file for part in parts if part.file.status is not Status.SILENT]
    file = (sounding or [parts[0].file])[0]  # a dead microphone beside a good one is no silent file
    streams = [part.stream for part in parts]
    entry = Entry(
        *key,
        status=file.status,
        message=file.message,
        begin_time=notes.time_at(0.0),
        site=file.site,
        recorder=notes.recorder,
        header_s=file.header_s,
        decoded_s=file.decoded_s,
        n_windows=sum(stream.n_scored + stream.n_silent + stream.n_gated for stream in streams),
        n_silent=sum(stream.n_silent for stream in streams),
        n_gated=sum(stream.n_gated for stream in streams),
        named=dict(sorted(named.items())),
        below=dict(sorted(below.items())),
        remarks=notes.remarks,
        against=_by_name(weigher.against, classifier) if weigher else {},
        placed=None if question.place is None else weigher is not None,
    )
    return Answer(entry, "".join(part.rows for part in parts))


def weigher_of(classifier: Classifier, question: Question, notes: FieldNotes) -> "Weigher | None":
    """What weighs scores by place; None where that is not asked for, or the place is not known.

    Raises
    ------
    InputError
        The model has no geo model.
    """
    if question.place is None:
        return None
    from avianvox.inference.place import Weigher, no_geo

    geo, place = classifier.geo, question.place.place_of(notes)
    if geo is None:
        raise no_geo(classifier.info.name)
    return (
        None if place is None else Weigher(geo.at(place), question.place, named_classes(classifier, question))
    )


def narrower_of(classifier: Classifier, question: Question) -> "Narrower | None":
    """What narrows the events of one recording; None where that is not asked for."""
    if not question.narrow:
        return None
    from avianvox.inference.narrow import Narrower

    return Narrower(question.narrow, classifier)


def _by_name(counts: Counter[int], classifier: Classifier) -> dict[str, int]:
    names = classifier.labels.names
    return dict(sorted((names[label], n) for label, n in counts.items()))


class _Part(NamedTuple):
    """What came of one channel, or of all of them mixed."""

    file: Detection  # what every row says of the file
    stream: WindowStream
    rows: str
    named: Counter[str]
    below: Counter[str]


def _answer_channel(
    classifier: Classifier,
    path: str,
    channel: int | None,
    question: Question,
    gate: "Gate | None",
    notes: FieldNotes,
    weigher: "Weigher | None",
) -> _Part:
    with open_audio(path, sample_rate=classifier.spec.sample_rate, channel=channel) as audio:
        narrower = narrower_of(classifier, question)
        stream = classifier.windows(
            audio if narrower is None else narrower.heard(audio),
            overlap_s=question.overlap_s,
            calibrated=question.calibrated,
            gate=gate,
        )
        below = Counter[int]()
        way = WAYS[question.by] if narrower is None else narrower.events
        found = list(way(stream, classifier, question, below, weigher))
        report = audio.report
    message = report.message
    if not message and not stream.n_scored:
        message = NO_ANIMAL if stream.n_gated else NOTHING_LOUD
    file = Detection(
        path=path,
        status=report.status,
        channel=channel,
        time_source=notes.time_source,
        latitude=notes.latitude,
        longitude=notes.longitude,
        site=_site(path, notes, question),
        recorder=notes.recorder,
        header_s=report.header_s,
        decoded_s=report.decoded_s,
        time_expansion=None if notes.time_expansion == 1 else notes.time_expansion,
        message=message,
    )
    names = classifier.labels.names
    named = Counter(name for part in found if part.named and (name := _name(part, names)))
    rows = to_csv(_rows(file, found or [NOTHING], notes, classifier, question, weigher))
    return _Part(file, stream, rows, named, Counter({names[label]: n for label, n in below.items()}))


def _name(part: Found, names: tuple[str, ...]) -> str:
    return part.branch or ("" if part.label is None else names[part.label])


def _channels(path: str, wanted: str | int) -> Iterable[int | None]:
    if wanted == "each":
        return range(1, count_channels(path) + 1)
    return (None if wanted == "mix" else int(wanted),)


def _rows(
    file: Detection,
    found: Iterable[Found],
    notes: FieldNotes,
    classifier: Classifier,
    question: Question,
    weigher: "Weigher | None",
) -> Iterator[Detection]:
    labels, rate = classifier.labels, classifier.spec.sample_rate
    timed = notes.begin is not None
    for part in found:
        whole = part.first_sample is None
        begin_s = 0.0 if part.first_sample is None else part.first_sample / rate
        end_s = (file.decoded_s or 0.0) if whole else begin_s + part.n_samples / rate
        yield replace(
            file,
            begin_s=None if whole else begin_s,
            end_s=None if whole else end_s,
            low_hz=None if part.band_hz is None else part.band_hz[0],
            high_hz=None if part.band_hz is None else part.band_hz[1],
            begin_time=notes.time_at(begin_s) if timed else "",
            end_time=notes.time_at(end_s) if timed else "",
            rank=part.rank,
            scientific_name=_name(part, labels.names),
            common_name="" if part.label is None else labels.common_name(part.label),
            score=part.score,
            decision=part.decision,
            expected_here="" if weigher is None or part.label is None else weigher.expected(part.label),
            tasks=task_answers(part, classifier, question) if question.tasks else (),
        )


def unanswered(names: Sequence[str]) -> tuple[TaskAnswer, ...]:
    """What stands in a row of a file that has no answers."""
    return tuple(TaskAnswer(name) for name in names)


def task_answers(part: Found, classifier: Classifier, question: Question) -> tuple[TaskAnswer, ...]:
    if part.tasks is None or classifier.tasks is None:
        return unanswered(question.tasks)
    return classifier.tasks.answers(part.tasks, calibrated=question.calibrated)
