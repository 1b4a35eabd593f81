"""`Classifier`: sound in, scored windows out, in memory that does not grow with the recording.

`Classifier.windows` is the stream that everything else reads from: one `Prediction` of a whole file here,
rows and events in :mod:`avianvox.inference.answers`, a microphone in :mod:`avianvox.inference.live`.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avianvox.audio.decode import open_audio
from avianvox.errors import AudioError, InputError, ModelFileError
from avianvox.features.kinds import Spec
from avianvox.inference.calibration import Calibration
from avianvox.inference.pooling import POOLINGS, pool, pooling_for
from avianvox.inference.readahead import read_ahead
from avianvox.inference.runtime import Runtime, runtime_of
from avianvox.inference.window_stream import Pause, hop_frames, stream_windows
from avianvox.modelfile import ModelFile, read_model_file
from avianvox.modelfolder import DEFAULT_MODEL, find_model
from avianvox.modelinfo import SPECIES, ModelInfo
from avianvox.types import LabelSet, Prediction, Status, Window

if TYPE_CHECKING:
    from avianvox.inference.gate import Gate
    from avianvox.inference.gate_on_sound import WindowGate
    from avianvox.inference.levels import Tree
    from avianvox.inference.place import GeoModel
    from avianvox.inference.task_answers import TaskReader


class Classifier:
    """A model, ready to name what it hears. One object serves one thread.

    Examples
    --------
    >>> classifier = Classifier.load("model.tflite")
    >>> ((name, score),) = classifier.classify("recording.ogg").top(1)
    >>> name, round(score, 1)
    ('Coccyzus vieilloti', 0.6)
    """

    def __init__(self, model: ModelFile, runtime: Runtime) -> None:
        self.info = model.info
        self.calibration = read_calibration(model)
        confidence_by(model.info)  # refused here and not at the first window
        self._runtime = runtime
        self._model = model
        _ = self.tasks  # likewise

    @classmethod
    def load(cls, name_or_path: str | Path = DEFAULT_MODEL, *, threads: int = 1) -> "Classifier":
        """Load a bundled model by name, or a model file.

        Raises
        ------
        ModelFileError
            There is no such model, or the file is foreign, damaged or of an unknown version.
        """
        model = read_model_file(find_model(name_or_path))
        return cls(model, runtime_of(model, threads=threads))

    def __repr__(self) -> str:
        window = f"{self.spec.window_s:.2f} s at {self.spec.sample_rate} Hz"
        return f"<model '{self.info.name}': {len(self.labels)} classes, windows of {window}>"

    @property
    def spec(self) -> Spec:
        return self.info.spec

    @property
    def pooling(self) -> str:
        """How windows become a recording, a row of `avianvox.inference.pooling.POOLINGS`."""
        return self.info.pooling.get("kind") or pooling_for(exclusive=self.info.exclusive)

    @property
    def overlap_s(self) -> float:
        """By how much neighbouring windows overlap where nothing else is asked for, seconds."""
        return float(self.info.pooling.get("overlap_s", 0.0))

    @cached_property
    def animals(self) -> tuple[int, ...] | None:
        """Positions of the classes that are animals; None where all are."""
        others = set(self.info.not_animals)
        names = self.labels.names
        return tuple(i for i, name in enumerate(names) if name not in others) if others else None

    @property
    def labels(self) -> LabelSet:
        return self.info.labels

    @cached_property
    def tree(self) -> "Tree":
        """Genera and families of the classes."""
        from avianvox.inference.levels import Tree

        return Tree(self.labels)

    @cached_property
    def tasks(self) -> "TaskReader | None":
        """What reads the model's answers to tasks; None where it has none. Raises `ModelFileError`."""
        if not self.info.tasks:
            return None
        from avianvox.inference.task_answers import TaskReader

        return TaskReader(self.info)

    def refuse_nameless(self) -> None:
        """Raise `InputError` for a model that answers tasks alone, where species are asked for."""
        if not self.info.names_species:
            raise InputError(
                f"the model '{self.info.name}' answers tasks and names no species; expected one of species"
            )

    @cached_property
    def geo(self) -> "GeoModel | None":
        """The model's geo model; None where it has none. Raises `ModelFileError` for one that is damaged."""
        from avianvox.inference.place import geo_of

        return geo_of(self._model)

    def classify(
        self, path: str | Path, *, overlap_s: float | None = None, calibrated: bool = True
    ) -> Prediction:
        """Name one recording. What is wrong with the file becomes the prediction's status, not an error.

        Parameters
        ----------
        path : path-like
        overlap_s : float, seconds, optional
            By how much neighbouring windows overlap; at least 0 and less than the window. The model's own by
            default.
        calibrated : bool
            Calibrated scores and their decision, where the model file has them; else the network's own.

        Returns
        -------
        Prediction
            ``scores`` is what the model's pooling makes of the windows.
            Silent windows hold nothing to name and are left out; a recording of such windows alone has no
            scores.

        Raises
        ------
        InputError
            When ``overlap_s`` is out of range.
        """
        overlap_s = self.overlap_s if overlap_s is None else overlap_s
        hop_frames(self.spec, overlap_s)  # before the file is opened: it is not the file's fault
        try:
            with open_audio(path, sample_rate=self.spec.sample_rate) as audio:
                windows = tuple(self.windows(audio, overlap_s=overlap_s, calibrated=False))
                report = audio.report
        except AudioError as error:
            return self._prediction(path, Status(error.status), (), message=error.about(path))
        prediction = self._prediction(
            path,
            report.status,
            windows,
            header_s=report.header_s,
            decoded_s=report.decoded_s,
            message=report.message or ("" if windows else NOTHING_LOUD),
        )
        if calibrated and self.calibration is not None and windows:
            return calibrate(prediction, self.calibration, self.pooling)
        return prediction

    def windows(
        self,
        blocks: Iterable[np.ndarray | Pause],
        *,
        overlap_s: float | None = None,
        calibrated: bool = True,
        gate: "Gate | None" = None,
    ) -> "WindowStream":
        """Score sound as it comes: decoding, describing and scoring run in a thread each.

        Parameters
        ----------
        blocks : iterable of np.ndarray, shape (n,), float32, full scale ±1
            Mono sound at ``spec.sample_rate`` Hz, in pieces of any size; and `Pause` where there is none.
        overlap_s : float, seconds, optional
            By how much neighbouring windows overlap; at least 0 and less than the window. The model's own by
            default.
        calibrated : bool
            Calibrated scores and their decision, where the model file has them; else the network's own.
        gate : Gate, optional
            Windows in which it hears no animal are not scored.

        Returns
        -------
        WindowStream
            To be iterated over once; windows come in order of time.

        Raises
        ------
        InputError
            When ``overlap_s`` is out of range.
        ModelFileError
            The gate hears other features than the model's.
        """
        asked: WindowGate | None = None
        if gate is not None:
            from avianvox.inference.gate_on_sound import gate_for

            asked = gate_for(gate, self.spec)
        calibration = self.calibration if calibrated else None
        overlap_s = self.overlap_s if overlap_s is None else overlap_s
        confidence, tasks = confidence_by(self.info), tuple(output.name for output in self.info.tasks)
        return WindowStream(
            self.spec, self._runtime, calibration, asked, blocks, overlap_s, confidence, tasks
        )

    def _prediction(
        self,
        path: str | Path,
        status: Status,
        windows: tuple[Window, ...],
        *,
        header_s: float | None = None,
        decoded_s: float | None = None,
        message: str = "",
    ) -> Prediction:
        scores = np.empty(0, np.float32)
        if windows:
            scores = pool(windows, self.pooling)
        return Prediction(
            path=str(path),
            status=status,
            labels=self.labels,
            scores=scores.astype(np.float32),
            windows=windows,
            sample_rate=self.spec.sample_rate,
            header_s=header_s,
            decoded_s=decoded_s,
            message=message,
        )


NOTHING_LOUD = "too quiet to name a species"


class WindowStream:
    """Scored windows of a stream of sound, and a count of those that were not scored.

    Silent windows hold nothing to name and are left out, as are those that the gate holds
    back.

    Attributes
    ----------
    n_samples : int
        Samples taken in so far, and those of pauses.
    n_scored, n_silent, n_gated : int
        Windows so far.
    """

    def __init__(
        self,
        spec: Spec,
        runtime: Runtime,
        calibration: Calibration | None,
        gate: "WindowGate | None",
        blocks: Iterable[np.ndarray | Pause],
        overlap_s: float,
        confidence: Callable[[Mapping[str, np.ndarray]], float] | None = None,
        tasks: tuple[str, ...] = (),
    ) -> None:
        self._confidence, self._tasks = confidence, tasks
        self.n_samples = self.n_scored = self.n_silent = self.n_gated = 0
        self._spec, self._runtime, self._calibration, self._gate = spec, runtime, calibration, gate
        self._blocks, self._hop = blocks, hop_frames(spec, overlap_s)

    def __iter__(self) -> Iterator[Window]:
        for _, window in self.every():
            if window is not None:
                yield window

    def every(self) -> Iterator[tuple[int, Window | None]]:
        """The first sample of each window, and None in place of a window that is not scored.

        A pause gives its last sample, and None.
        """
        blocks = read_ahead(self._blocks)
        while (pause := (yield from self._stretch(blocks))) is not None:
            self.n_samples += pause.n_samples
            yield self.n_samples - 1, None

    def _stretch(
        self, blocks: Iterator[np.ndarray | Pause]
    ) -> Generator[tuple[int, Window | None], None, Pause | None]:
        """As `every`, up to the next pause, which it returns; None at the end."""
        spec, gate, calibration = self._spec, self._gate, self._calibration
        length, begin = spec.n_frames * spec.hop_length, self.n_samples
        silent = spec.silence_test()
        pauses: list[Pause] = []
        rows_ahead = read_ahead(self._rows(blocks, pauses))
        for first, rows in stream_windows(rows_ahead, n_frames=spec.n_frames, hop=self._hop):
            start = begin + first * spec.hop_length
            own = 1 + (self.n_samples - start) // spec.hop_length  # the rest is looped
            if silent(rows[:own]):
                self.n_silent += 1
                yield start, None
                continue
            if gate is not None and gate.score(rows) < gate.threshold:
                self.n_gated += 1
                yield start, None
                continue
            self.n_scored += 1
            found = self._runtime.run(rows)
            scores, decision = found[SPECIES], None
            if calibration is not None:
                scaled = calibration.apply(scores, "window")
                scores, decision = scaled.astype(np.float32), calibration.window.decide(scaled)
            confidence = 1.0 if self._confidence is None else self._confidence(found)
            n_samples = min(length, self.n_samples - start)
            tasks = {name: found[name] for name in self._tasks} if self._tasks else None
            yield start, Window(start, n_samples, scores, decision, confidence, spec.sample_rate, tasks)
        return pauses[0] if pauses else None

    def _rows(self, blocks: Iterator[np.ndarray | Pause], pauses: list[Pause]) -> Iterator[np.ndarray]:
        """Rows of features up to the next pause, which is appended to ``pauses``."""
        features = self._spec.stream()
        for block in blocks:
            if isinstance(block, Pause):
                pauses.append(block)
                break
            self.n_samples += len(block)
            yield from features.push(block)
        yield from features.finish()


def confidence_by(info: ModelInfo) -> Callable[[Mapping[str, np.ndarray]], float] | None:
    """What says how confident a window is, where the model's pooling asks for it.

    Raises
    ------
    ModelFileError
        The pooling is unknown, or asks for an output that the model does not have.
    """
    if not info.pooling:
        return None
    kind, by = info.pooling.get("kind"), info.pooling.get("by")
    output = info.output(by) if isinstance(by, str) else None
    but = info.pooling.get("but", [])
    overlap_s = info.pooling.get("overlap_s", 0.0)
    if type(overlap_s) not in (int, float) or not 0 <= overlap_s < info.spec.window_s:
        raise ModelFileError(
            f"the model '{info.name}' asks for windows that overlap by {overlap_s!r:.40} s, expected 0 to "
            f"less than {info.spec.window_s:.2f} s; export it again"
        )
    if kind not in POOLINGS or (by and output is None) or not isinstance(but, list):
        raise ModelFileError(
            f"the model '{info.name}' asks for the pooling {kind!r:.40} by {by!r:.40}, which it can't have "
            f"(known: {', '.join(POOLINGS)}); update avianvox, or export it again"
        )
    if output is None:
        return None
    counts = np.ones(output.size, bool)
    counts[but] = False
    return lambda found: float(found[output.name][counts].max())


def read_calibration(model: ModelFile) -> Calibration | None:
    """The calibration in a model file, or None. Raises `ModelFileError` for one that is not valid."""
    if not model.info.calibration:
        return None
    try:
        return Calibration.from_mapping(model.info.calibration, n_classes=len(model.info.labels))
    except ModelFileError as error:
        raise ModelFileError(f"{model.path}: {error}") from error


def calibrate(prediction: Prediction, calibration: Calibration, pooling: str = "mean") -> Prediction:
    """A prediction of one window or more with calibrated scores, and what is decided on them."""
    scores = calibration.apply(np.array([window.scores for window in prediction.windows]), "window")
    windows = tuple(
        replace(window, scores=row.astype(np.float32), decision=calibration.window.decide(row))
        for window, row in zip(prediction.windows, scores, strict=True)
    )
    recording = calibration.apply(pool(windows, pooling), "recording")
    return replace(
        prediction,
        scores=recording.astype(np.float32),
        windows=windows,
        calibrated=True,
        decision=calibration.recording.decide(recording),
    )
