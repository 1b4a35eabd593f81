"""`Classifier`: one recording in, one `Prediction` out, in memory that does not grow with the recording."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from avianvox.audio.decode import AudioStream, open_audio
from avianvox.errors import AudioError, ModelFileError
from avianvox.features.extract import FeatureStream
from avianvox.features.spec import FeatureSpec
from avianvox.inference.calibration import Calibration
from avianvox.inference.readahead import read_ahead
from avianvox.inference.runtime import RUNTIMES, Runtime
from avianvox.inference.windows import hop_frames, stream_windows
from avianvox.modelfile import DEFAULT_MODEL, ModelFile, find_model, read_model_file
from avianvox.types import LabelSet, Prediction, Status, Window

SILENCE_DB = -50.0
"""Log-mel power. Noise of one step of 16 bits is 18 dB below it, the quietest real window 14 dB above."""


class Classifier:
    """A model, ready to name what it hears. One object serves one thread.

    Examples
    --------
    >>> classifier = Classifier.load("model.tflite")  # doctest: +SKIP
    >>> classifier.classify("recording.mp3").top(1)  # doctest: +SKIP
    [('Coereba flaveola', 0.91)]
    """

    def __init__(self, model: ModelFile, runtime: Runtime) -> None:
        self.info = model.info
        self.calibration = read_calibration(model)
        self._runtime = runtime

    @classmethod
    def load(
        cls, name_or_path: str | Path = DEFAULT_MODEL, *, threads: int = 1, runtime: str = "litert"
    ) -> "Classifier":
        """Load a bundled model by name, or a model file.

        Raises
        ------
        ModelFileError
            There is no such model, or the file is foreign, damaged or of an unknown version.
        """
        model = read_model_file(find_model(name_or_path))
        return cls(model, RUNTIMES.get(runtime)(model, threads=threads))

    @property
    def spec(self) -> FeatureSpec:
        return self.info.spec

    @property
    def labels(self) -> LabelSet:
        return self.info.labels

    def classify(self, path: str | Path, *, overlap_s: float = 0.0, calibrated: bool = True) -> Prediction:
        """Name one recording. What is wrong with the file becomes the prediction's status, not an error.

        Parameters
        ----------
        path : path-like
        overlap_s : float, seconds
            By how much neighbouring windows overlap; at least 0 and less than the window.
        calibrated : bool
            Calibrated scores and their decision, where the model file has them; else the network's own.

        Returns
        -------
        Prediction
            ``scores`` is the mean over the windows. Windows in which no band exceeds `SILENCE_DB` hold
            nothing to name and are left out; a recording of such windows alone has no scores.

        Raises
        ------
        InputError
            When ``overlap_s`` is out of range.
        """
        hop = hop_frames(self.spec, overlap_s)
        if os.path.isdir(path):
            return self._prediction(path, Status.EMPTY, (), message="there is no sound file in this folder")
        try:
            with open_audio(path, sample_rate=self.spec.sample_rate) as audio:
                windows, n_samples = self._score(audio, hop)
                report = audio.report
        except AudioError as error:
            return self._prediction(
                path, Status(error.status), (), message=str(error).removeprefix(f"{path}: ")
            )
        prediction = self._prediction(
            path,
            report.status,
            tuple(_clip(window, n_samples) for window in windows),
            header_s=report.header_s,
            decoded_s=report.decoded_s,
            message=report.message or ("" if windows else "no sound loud enough to name"),
        )
        if calibrated and self.calibration is not None and windows:
            return calibrate(prediction, self.calibration)
        return prediction

    def _score(self, audio: AudioStream, hop: int) -> tuple[list[Window], int]:
        """Windows and number of samples; decoding, describing and scoring run in a thread each."""
        spec = self.spec
        n_samples = 0

        def rows() -> Iterator[np.ndarray]:
            nonlocal n_samples
            features = FeatureStream(spec)
            for block in read_ahead(audio):
                n_samples += len(block)
                yield from features.push(block)
            yield from features.finish()

        windows = [
            Window(first * spec.hop_length, spec.n_frames * spec.hop_length, self._runtime.scores(features))
            for first, features in stream_windows(read_ahead(rows()), n_frames=spec.n_frames, hop=hop)
            if features[:, : spec.n_mels].max() > SILENCE_DB
        ]
        return windows, n_samples

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
            scores = np.mean([window.scores for window in windows], axis=0, dtype=np.float64)
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


def read_calibration(model: ModelFile) -> Calibration | None:
    """The calibration in a model file, or None. Raises `ModelFileError` for one that is not valid."""
    if not model.info.calibration:
        return None
    try:
        return Calibration.from_mapping(model.info.calibration, n_classes=len(model.info.labels))
    except ModelFileError as error:
        raise ModelFileError(f"{model.path}: {error}") from error


def calibrate(prediction: Prediction, calibration: Calibration) -> Prediction:
    """A prediction of one window or more with calibrated scores, and what is decided on them."""
    raw = np.array([window.scores for window in prediction.windows])
    windows, recording = calibration.apply_to_recording(raw)
    return replace(
        prediction,
        scores=recording.astype(np.float32),
        windows=tuple(
            replace(window, scores=scores.astype(np.float32), decision=calibration.window.decide(scores))
            for window, scores in zip(prediction.windows, windows, strict=True)
        ),
        calibrated=True,
        decision=calibration.recording.decide(recording),
    )


def _clip(window: Window, n_samples: int) -> Window:
    """The window without what lies beyond the recording's end."""
    n = min(window.n_samples, n_samples - window.first_sample)
    return Window(window.first_sample, n, window.scores)
