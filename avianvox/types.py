"""The values that travel from a microphone to an answer. All of them are frozen.

Conventions: sample and frame indices are the stored truth and seconds are derived from them; audio is
float32, mono, full scale ±1; feature arrays are time-major, shape ``(n_frames, n_features)``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np

from avianvox.errors import InputError
from avianvox.shown import Shown

NO_BIRD = "no bird"
"""Label of recordings that hold no animal voice."""

ORIGINS = {
    "scene": "calls of real recordings, pasted on a background",
    "voices": "voices of invented species",
    "generated": "made by a model of recordings",
}
"""How sound that nobody recorded was made."""

_NIGHT_BEGINS, _PERSONS_DAY_BEGINS = "12:00", "04:00"


Span = tuple[float, float | None]
"""Begin and end within a file, in seconds; None: to its end."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a recording in time and frequency: seconds from its beginning, and hertz.

    ``label`` is what it holds, "" where nobody says; ``score`` in [0, 1] is a detector's, None of a truth.

    Raises
    ------
    InputError
        It is inverted or empty, or an edge is no number.

    Examples
    --------
    >>> Box(1.0, 2.5, 400.0, 900.0).shifted(0.5).begin_s
    1.5
    """

    begin_s: float
    end_s: float
    low_hz: float
    high_hz: float
    label: str = ""
    score: float | None = None

    def __post_init__(self) -> None:
        ordered = self.begin_s < self.end_s and self.low_hz < self.high_hz
        if not ordered or not all(map(isfinite, (self.begin_s, self.end_s, self.low_hz, self.high_hz))):
            raise InputError(
                "box: expected an end after its begin and a top above its bottom, "
                f"got {self.begin_s:g} to {self.end_s:g} s and {self.low_hz:g} to {self.high_hz:g} Hz"
            )

    @property
    def duration_s(self) -> float:
        return self.end_s - self.begin_s

    def shifted(self, offset_s: float) -> "Box":
        return replace(self, begin_s=self.begin_s + offset_s, end_s=self.end_s + offset_s)


class Status(StrEnum):
    """What came of one input file."""

    OK = "ok"
    TRUNCATED = "truncated"  # fewer seconds decode than the header promises
    EMPTY = "empty"  # zero bytes, or a header without a sample
    UNDECODABLE = "undecodable"  # not audio, or damaged beyond reading
    SILENT = "silent"  # every sample is (nearly) zero
    CLIPPED = "clipped"  # a considerable share of the samples stands at full scale
    UNSUPPORTED = "unsupported"  # a codec that nothing installed here can decode
    MISSING = "missing"  # no such file, or no permission to read it

    @property
    def usable(self) -> bool:
        """Whether samples came out, so that the recording has an answer."""
        return self in (Status.OK, Status.TRUNCATED, Status.SILENT, Status.CLIPPED)

    @property
    def failed(self) -> bool:
        """Whether the command should end with exit code 3 because of this input."""
        return self not in (Status.OK, Status.SILENT, Status.CLIPPED)


class Decision(StrEnum):
    """What a calibrated model says of its best answer."""

    NAMED = "named"  # its score reaches the threshold of its class
    UNCERTAIN = "uncertain"  # it does not: the species listed are candidates
    UNKNOWN = "unknown"  # birds that the model never learned reach such scores too


@dataclass(frozen=True, slots=True)
class Recording(Shown):
    """One row of a catalog: a sound file, or the part of one that was annotated, and what is known about it.

    Empty strings and ``None`` mean "not known"; nothing is guessed. A part has a ``begin_s``, and its id is
    that of the file, ``#``, and what tells the parts of the file from each other.
    """

    id: str
    path: Path
    label: str = ""  # scientific name, `NO_BIRD`, or "" when unlabelled
    common_name: str = ""
    background: tuple[str, ...] = ()  # species that are heard besides
    recordist: str = ""
    date: str = ""  # ISO 8601, YYYY-MM-DD
    time: str = ""  # HH:MM
    site: str = ""
    latitude: float | None = None
    longitude: float | None = None
    duration_s: float | None = None  # as the source states it
    quality: str = ""
    call_type: str = ""
    licence: str = ""
    url: str = ""
    source: str = ""  # name of the catalog source, for example "xeno_canto"
    begin_s: float | None = None  # of the part within the file; None: the whole file
    end_s: float | None = None  # None: to the file's end
    low_hz: float | None = None  # of the box that was drawn around the voice
    high_hz: float | None = None
    boxes: tuple[Box, ...] | None = None  # in the recording, by time; None: nobody drew boxes in it
    origin: str = ""  # how it was made, mostly a key of `ORIGINS`; "": recorded
    made_of: tuple[str, ...] = ()  # ids of the recordings that it was made of
    count: int | None = None  # animals that call in it
    sex: str = ""  # call type, sex and stage as the source writes them; `dataset.labels` reads them
    stage: str = ""
    more: tuple[tuple[str, str], ...] = ()  # other columns of the source's table: name and text

    @property
    def synthetic(self) -> bool:
        """Whether it was made and not recorded: no figure may rest on it together with real ones."""
        return bool(self.origin)

    @property
    def span(self) -> Span | None:
        """The part of the file that this is; None for all of it."""
        return None if self.begin_s is None else (self.begin_s, self.end_s)

    @property
    def file_id(self) -> str:
        """What all parts of one file have in common; the id itself where it is the whole file."""
        return self.id if self.begin_s is None else self.id.rpartition("#")[0] or self.id

    @property
    def session_date(self) -> str:
        """The date on which its session began; `date` where no time of day is known.

        A recorder's night runs from noon to noon. The day of a person who recorded runs from four in the
        morning to four: the dawn and the evening of one outing belong together, and so does a night of owls.
        """
        begins = _PERSONS_DAY_BEGINS if self.recordist else _NIGHT_BEGINS
        if not self.date or not "00:00" <= self.time < begins:
            return self.date
        try:
            return (date.fromisoformat(self.date) - timedelta(days=1)).isoformat()
        except (ValueError, OverflowError):  # `date` may hold any text
            return self.date

    @property
    def session(self) -> str:
        """Recordist, `session_date` and site: recordings that share all three were made on one occasion.

        A file about which none of the three is known is a session of its own.
        """
        if not (self.recordist or self.date or self.site):
            return f"recording {self.file_id}"
        return " | ".join((self.recordist, self.session_date, self.site))

    @property
    def attribution(self) -> str:
        """Recordist, id of the file, ids of what it was made of, address and licence in one line, as Creative
        Commons asks for."""
        parts = (self.recordist, self.file_id, *self.made_of, self.url, self.licence)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Waveform(Shown):
    """Mono sound. ``samples``: shape (n,), float32, full scale ±1; ``sample_rate`` in Hz."""

    samples: np.ndarray
    sample_rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise InputError(
                "Waveform: expected samples of shape (n,) and dtype float32, "
                f"got shape {self.samples.shape} and dtype {self.samples.dtype}"
            )
        if self.sample_rate <= 0:
            raise InputError(f"Waveform: expected a positive sample rate, got {self.sample_rate}")

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """Features of one recording.

    ``values``: shape (n_frames, n_mels + n_mfcc), float32: log-mel power in dB (reference 1.0), then MFCC.
    ``fingerprint``: of the extraction settings they were made with.
    """

    values: np.ndarray
    fingerprint: str

    @property
    def n_frames(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Crop:
    """Where a window of features was taken: recording id, first frame and number of frames.

    ``first_frame + n_frames`` beyond the recording's end means that the recording was looped or padded.
    """

    recording_id: str
    first_frame: int
    n_frames: int


@dataclass(frozen=True)
class LabelSet:
    """The classes of a model, in the order of its outputs. Labels belong to the model, not to a folder."""

    names: tuple[str, ...]
    common_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise InputError(f"LabelSet: labels must be unique, found twice: {', '.join(twice)}")
        if self.common_names and len(self.common_names) != len(self.names):
            raise InputError(
                f"LabelSet: expected {len(self.names)} common names or none, got {len(self.common_names)}"
            )

    @classmethod
    def from_recordings(
        cls, recordings: Sequence[Recording], names: Sequence[str] | None = None
    ) -> "LabelSet":
        """All labels of ``recordings`` in alphabetical order, or ``names``; unlabelled ones are passed over.

        A common name is the first one that a recording of the class has.
        """
        common: dict[str, str] = {}
        for r in filter(lambda r: r.label, recordings):
            common[r.label] = common.get(r.label) or r.common_name
        names = tuple(sorted(common) if names is None else names)
        return cls(names, tuple(common.get(name, "") for name in names))

    @cached_property
    def index(self) -> dict[str, int]:
        """``name -> position``."""
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names in order; two models may only be combined when theirs agree."""
        return sha256("\n".join(self.names).encode()).hexdigest()

    def common_name(self, position: int) -> str:
        return self.common_names[position] if self.common_names else ""

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.index

    @overload
    def __getitem__(self, position: int) -> str: ...

    @overload
    def __getitem__(self, position: slice) -> tuple[str, ...]: ...

    def __getitem__(self, position: int | slice) -> str | tuple[str, ...]:
        return self.names[position]


@dataclass(frozen=True, slots=True)
class Window:
    """Scores of one window of a recording: ``scores`` has shape (n_classes,), float32 in [0, 1].

    ``decision`` is None where the model has no thresholds. ``confidence`` says how much a window counts
    beside the others of its recording, where the model's pooling asks for it. Samples are at ``sample_rate``
    Hz, mostly the model's. ``tasks``: what the model says to its tasks, by name; None where it has none.
    """

    first_sample: int
    n_samples: int
    scores: np.ndarray
    decision: Decision | None = None
    confidence: float = 1.0
    sample_rate: int = 1
    tasks: Mapping[str, np.ndarray] | None = None

    @property
    def begin_s(self) -> float:
        return self.first_sample / self.sample_rate

    @property
    def end_s(self) -> float:
        return (self.first_sample + self.n_samples) / self.sample_rate


class TaskAnswer(NamedTuple):
    """What a model says to one of its tasks: "" and None where it says nothing."""

    name: str
    text: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Detection(Shown):
    """One row of a table: a species in a span of a recording, or what came of a recording without an answer.

    Empty strings and ``None`` mean "not known" or "does not apply". Without ``begin_s`` the row speaks of the
    whole recording; without ``scientific_name`` it names nothing, and says what came of the file.
    """

    path: str
    status: Status = Status.OK
    channel: int | None = None  # counted from 1; None: all channels mixed
    begin_s: float | None = None  # within the file
    end_s: float | None = None
    low_hz: float | None = None  # of a box somebody drew; a model of whole windows leaves it open
    high_hz: float | None = None
    begin_time: str = ""  # ISO 8601 to the millisecond, with the offset from UTC where it is known
    end_time: str = ""
    time_source: str = ""  # where the time was read, such as "guano"
    latitude: float | None = None  # degrees
    longitude: float | None = None
    site: str = ""  # where the recorder stood, as somebody calls it
    recorder: str = ""  # serial number or name of the device
    rank: int | None = None  # 1 for the best species of this span
    scientific_name: str = ""
    common_name: str = ""
    score: float | None = None  # in [0, 1]
    decision: Decision | None = None
    expected_here: str = ""  # "yes" or "no", what a geo model says of the species there and then
    header_s: float | None = None  # length of the file by its header
    decoded_s: float | None = None  # and what was decoded of it
    time_expansion: float | None = None  # seconds of the file in a real one, where sound was slowed down
    message: str = ""
    tasks: tuple[TaskAnswer, ...] = ()  # of a model that has tasks, in its order


@dataclass(frozen=True, slots=True)
class Prediction(Shown):
    """The answer for one recording.

    ``scores``: shape (n_classes,), the mean over the windows; ``windows`` in order of time, both empty where
    ``status`` is not usable. ``calibrated``: they are probabilities in the sense of the model's calibration,
    and the mean was calibrated once more. ``decision`` is None where there are no scores, or no thresholds.
    ``message`` says in one line what was wrong with the input, if anything was.
    """

    path: str
    status: Status
    labels: LabelSet
    scores: np.ndarray
    windows: tuple[Window, ...]
    sample_rate: int  # the model's, to which `Window` indices refer
    header_s: float | None = None
    decoded_s: float | None = None
    message: str = ""
    calibrated: bool = False
    decision: Decision | None = None

    def top(self, n: int = 5) -> list[tuple[str, float]]:
        """The ``n`` best ``(label, score)`` pairs, best first; ties keep the label order."""
        order = np.argsort(-self.scores, kind="stable")[:n]
        return [(self.labels.names[i], float(self.scores[i])) for i in order]
