"""A model's answers for sound files, kept as they come, so that a second run takes them up.

Of each recording and window the scores of the species that are judged are kept, and the `N_OTHER` highest of
all others: enough to know every rank that counts, whether a model has 35 classes or 6,522.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avianvox.audio.decode import open_audio
from avianvox.audio.field_notes import read_field_notes
from avianvox.errors import AudioError
from avianvox.features.spec import EXTRACTOR_REVISION
from avianvox.files import atomic_write, open_arrays, sha256_file
from avianvox.inference.answers import key_of
from avianvox.inference.classifier import Classifier
from avianvox.inference.place_options import PlaceOptions
from avianvox.inference.pooling import POOLINGS
from avianvox.inference.runs import loaded
from avianvox.judge.sounds import Sound, overlaps
from avianvox.types import Status
from avianvox.workers import Crashed, Workplace, open_executor

if TYPE_CHECKING:
    from avianvox.inference.place import Expectation

N_OTHER = 5
REVISION = 1
"""Of what is kept; another one is not taken up."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How a model is asked.

    Attributes
    ----------
    chosen : tuple of int
        Positions of the classes that are judged, among the model's.
    pooling : str
        A row of `POOLINGS`.
    overlap_s : float, seconds
    calibrated : bool
        Calibrated scores, where the model file has them.
    place : PlaceOptions, optional
        Scores are weighed by what the model's geo model expects there and then.
    """

    chosen: tuple[int, ...]
    pooling: str
    overlap_s: float = 0.0
    calibrated: bool = True
    place: PlaceOptions | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Plain values; what came later than older runs stands there only where it is asked for."""
        values = asdict(self)
        if self.place is None:
            del values["place"]
        return values


@dataclass(frozen=True)
class Kept:
    """Scores of n recordings or windows.

    Attributes
    ----------
    own : np.ndarray, shape (n, n_chosen), float32
    other : np.ndarray, shape (n, N_OTHER), int32
        Positions of the highest other classes, the highest first; -1 where there are no more.
    other_scores : np.ndarray, shape (n, N_OTHER), float32
    """

    own: np.ndarray
    other: np.ndarray
    other_scores: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[np.ndarray], chosen: Sequence[int], candidates: np.ndarray) -> "Kept":
        """What is kept of whole scores; ``candidates``: positions of other classes that may be named."""
        n = len(rows)
        own = np.zeros((n, len(chosen)), np.float32)
        other = np.full((n, N_OTHER), -1, np.int32)
        other_scores = np.zeros((n, N_OTHER), np.float32)
        for i, scores in enumerate(rows):
            own[i] = scores[list(chosen)]
            order = np.argsort(-scores[candidates], kind="stable")[:N_OTHER]
            other[i, : len(order)] = candidates[order]
            other_scores[i, : len(order)] = scores[candidates[order]]
        return cls(own, other, other_scores)

    @classmethod
    def empty(cls, n_chosen: int) -> "Kept":
        return cls.of([], range(n_chosen), np.zeros(0, np.int64))

    def check(self, n: int, n_chosen: int) -> None:
        """Raise ``ValueError`` unless these are n rows of so many chosen classes."""
        shapes = [value.shape for value in (self.own, self.other, self.other_scores)]
        if shapes != [(n, n_chosen), (n, N_OTHER), (n, N_OTHER)]:
            raise ValueError(f"expected {n} rows of {n_chosen} classes, got {shapes}")

    @classmethod
    def joined(cls, parts: Sequence["Kept"]) -> "Kept":
        """The rows of all parts, one after the other."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))


@dataclass(frozen=True)
class Heard:
    """A model's answer for one sound file.

    Attributes
    ----------
    status : Status
    message : str
    seconds : float
        Of sound that was decoded.
    recordings : Kept
        One row for each of `Sound.recordings`; zeros where nothing was scored.
    windows : Kept
    spans : np.ndarray, shape (n_windows, 2), int64
        First sample and number of samples of each window.
    placed : bool
        Whether its place was known, where that was asked for.
    """

    status: Status
    message: str
    seconds: float
    recordings: Kept
    windows: Kept
    spans: np.ndarray
    placed: bool = True

    def to_bytes(self) -> bytes:
        arrays: dict[str, Any] = {"spans": self.spans}
        for level in ("recordings", "windows"):
            arrays |= {f"{level}_{name}": value for name, value in vars(getattr(self, level)).items()}
        facts = {"status": self.status, "message": self.message, "seconds": self.seconds}
        facts |= {} if self.placed else {"placed": False}
        stream = io.BytesIO()
        np.savez_compressed(stream, facts=np.array(json.dumps(facts)), **arrays)
        return stream.getvalue()

    @classmethod
    def from_file(cls, path: Path) -> "Heard":
        with open_arrays(path) as arrays:
            facts = json.loads(str(arrays["facts"]))
            recordings, windows = (
                Kept(*(arrays[f"{level}_{field.name}"] for field in fields(Kept)))
                for level in ("recordings", "windows")
            )
            return cls(
                Status(facts["status"]),
                facts["message"],
                facts["seconds"],
                recordings,
                windows,
                arrays["spans"],
                facts.get("placed", True),
            )


def listen(classifier: Classifier, sound: Sound, hearing: Hearing) -> Heard:
    """A model's answer for one file; what is wrong with the file becomes its status.

    A part of a recording has the windows that touch it, as ``avianvox classify`` would have them.
    """
    pooled = [POOLINGS.get(hearing.pooling)() for _ in sound.recordings]
    n_scored = [0] * len(pooled)
    rows: list[Kept] = []
    spans: list[tuple[int, int]] = []
    nameable = np.arange(len(classifier.labels)) if classifier.animals is None else classifier.animals
    candidates = np.setdiff1d(np.asarray(nameable, np.int64), hearing.chosen)
    expected = expectation(classifier, hearing.place, sound.path)

    def weigh(scores: np.ndarray) -> np.ndarray:
        if expected is None or hearing.place is None:
            return scores
        return expected.weigh(scores, hearing.place.weight, hearing.place.wall)

    rate, status, message, seconds = classifier.spec.sample_rate, Status.OK, "", 0.0
    try:
        with open_audio(sound.path, sample_rate=rate) as audio:
            stream = classifier.windows(audio, overlap_s=hearing.overlap_s, calibrated=hearing.calibrated)
            for window in stream:
                rows.append(Kept.of([weigh(window.scores)], hearing.chosen, candidates))
                spans.append((window.first_sample, window.n_samples))
                begin_s, end_s = window.first_sample / rate, (window.first_sample + window.n_samples) / rate
                for i, recording in enumerate(sound.recordings):
                    if overlaps(recording, begin_s, end_s):
                        pooled[i].add(window.scores, window.confidence)
                        n_scored[i] += 1
            status, message = audio.report.status, audio.report.message
            seconds = audio.report.decoded_s or 0.0
    except AudioError as error:
        status, message = Status(error.status), error.about(sound.path)
    calibration = classifier.calibration if hearing.calibrated else None
    scores = []
    for pooling, n in zip(pooled, n_scored, strict=True):
        found = pooling.scores() if n else np.zeros(len(classifier.labels))
        if n and calibration is not None and hearing.pooling == classifier.pooling:
            found = calibration.apply(found, "recording")
        scores.append(weigh(found))
    return Heard(
        status,
        message,
        seconds,
        Kept.of(scores, hearing.chosen, candidates),
        Kept.joined([Kept.empty(len(hearing.chosen)), *rows]),
        np.array(spans, np.int64).reshape(-1, 2),
        hearing.place is None or expected is not None,
    )


def expectation(classifier: Classifier, place: PlaceOptions | None, path: Path) -> "Expectation | None":
    """What is expected where and when a file was recorded; None where that is not asked for or not known.

    Raises
    ------
    InputError
        The model has no geo model.
    """
    if place is None:
        return None
    from avianvox.inference.place import no_geo

    if classifier.geo is None:
        raise no_geo(classifier.info.name)
    there = place.place_of(read_field_notes(path))
    return None if there is None else classifier.geo.at(there)


def listen_to_all(
    sounds: Sequence[Sound], model: Path, hearing: Hearing, workplace: Workplace, kept: Path
) -> Iterator[tuple[int, Heard]]:
    """Position and answer of each sound, those first that a former run left in the folder ``kept``."""
    digest = sha256_file(model)
    places = [kept / f"{_key(digest, sound, hearing)}.npz" for sound in sounds]
    waiting = []
    for position, place in enumerate(places):
        found = _take_up(place, sounds[position], hearing)
        if found is None:
            waiting.append(position)
        else:
            yield position, found
    task = partial(_listen_one, (str(model), model.stat().st_mtime_ns), hearing)
    with open_executor(workplace) as pool:
        for number, answer in pool.unordered(task, [sounds[i] for i in waiting]):
            position = waiting[number]
            if isinstance(answer, Crashed):
                answer = _crashed(sounds[position], hearing)
            if answer.status not in (Status.MISSING, Status.UNSUPPORTED):
                with atomic_write(places[position], "wb") as stream:
                    stream.write(answer.to_bytes())
            yield position, answer


def _listen_one(model: tuple[str, int], hearing: Hearing, sound: Sound) -> Heard:
    return listen(loaded(model), sound, hearing)


def _crashed(sound: Sound, hearing: Hearing) -> Heard:
    nowhere = np.zeros(0, np.int64)
    silent = np.zeros(max(hearing.chosen, default=0) + 1)
    rows, windows = (Kept.of([silent] * n, hearing.chosen, nowhere) for n in (len(sound.recordings), 0))
    message = f"{sound.path}: the decoder crashed, or memory ran out"
    return Heard(Status.UNDECODABLE, message, 0.0, rows, windows, np.zeros((0, 2), np.int64))


def _take_up(place: Path, sound: Sound, hearing: Hearing) -> Heard | None:
    """What a former run left there; None where there is nothing, or nothing that is whole."""
    try:
        found = Heard.from_file(place)
        found.recordings.check(len(sound.recordings), len(hearing.chosen))
        found.windows.check(len(found.spans), len(hearing.chosen))
        return found
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _key(model: str, sound: Sound, hearing: Hearing) -> str:
    """What an answer depends on: the model, the file, its parts, and how the model is asked."""
    facts: Mapping[str, Any] = {
        "revision": [REVISION, EXTRACTOR_REVISION, N_OTHER],
        "model": model,
        "file": key_of(str(sound.path)),
        "spans": [recording.span for recording in sound.recordings],
        "hearing": hearing.to_mapping(),
    }
    return sha256(json.dumps(facts, sort_keys=True).encode("utf-8", "surrogateescape")).hexdigest()[:32]
