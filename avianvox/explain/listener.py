"""What is asked for scores: any model file, through the runtime that classifying uses.

A training run is asked by `avianvox.explain.network.RunListener`, which keeps to `Listener` too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from avianvox.features.kinds import Spec
from avianvox.inference.classifier import Classifier, calibrate, confidence_by
from avianvox.inference.pooling import pool
from avianvox.inference.runtime import Runtime, runtime_of
from avianvox.modelfile import read_model_file
from avianvox.modelfolder import find_model
from avianvox.modelinfo import SPECIES
from avianvox.types import LabelSet, Prediction, Status, Window


class Listener(Protocol):
    """A model that answers for windows and for recordings."""

    @property
    def name(self) -> str: ...
    @property
    def spec(self) -> Spec: ...
    @property
    def labels(self) -> LabelSet: ...
    @property
    def overlap_s(self) -> float:
        """By how much neighbouring windows overlap, seconds."""
        ...

    def scores(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores of windows, and how much each counts beside others.

        Parameters
        ----------
        rows : np.ndarray, shape (n, n_frames, n_features), float32

        Returns
        -------
        tuple of np.ndarray
            Shapes (n, n_classes) and (n,), float32 and float64.
        """
        ...

    def pooled(self, scores: np.ndarray, confidences: np.ndarray) -> np.ndarray:
        """The recording's score for each class, shape (n_classes,), of what `scores` gave for its windows."""
        ...


@dataclass(frozen=True)
class FileListener:
    """A model file: one of avianvox's own, or of others."""

    classifier: Classifier
    runtime: Runtime

    @classmethod
    def load(cls, name_or_path: str | Path, *, threads: int = 1) -> "FileListener":
        """Load a model by name, or a model file. Raises `ModelFileError`, and `InputError` for one without
        species."""
        model = read_model_file(find_model(name_or_path))
        runtime = runtime_of(model, threads=threads)
        classifier = Classifier(model, runtime)
        classifier.refuse_nameless()
        return cls(classifier, runtime)

    @property
    def name(self) -> str:
        return self.classifier.info.name

    @property
    def spec(self) -> Spec:
        return self.classifier.spec

    @property
    def labels(self) -> LabelSet:
        return self.classifier.labels

    @property
    def overlap_s(self) -> float:
        return self.classifier.overlap_s

    def scores(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Listener`. A runtime takes a window at a time: several at once are no faster."""
        confidence = confidence_by(self.classifier.info)
        found = [self.runtime.run(window) for window in rows]
        counts = [1.0 if confidence is None else confidence(answer) for answer in found]
        return np.array([answer[SPECIES] for answer in found], np.float32), np.array(counts)

    def pooled(self, scores: np.ndarray, confidences: np.ndarray) -> np.ndarray:
        """As `Classifier.classify` has it: calibrated, where the model file has a calibration."""
        windows = as_windows(scores, confidences)
        kind, calibration = self.classifier.pooling, self.classifier.calibration
        raw = pool(windows, kind).astype(np.float32)
        if calibration is None:
            return raw
        return calibrate(
            Prediction("", Status.OK, self.labels, raw, windows, self.spec.sample_rate), calibration, kind
        ).scores


def as_windows(scores: np.ndarray, confidences: np.ndarray) -> tuple[Window, ...]:
    """Windows that poolings take; where they lie doesn't matter to these."""
    return tuple(
        Window(0, 0, row, confidence=count) for row, count in zip(scores, confidences.tolist(), strict=True)
    )
