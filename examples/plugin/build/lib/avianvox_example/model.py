"""A model: the class whose mean spectrum is the nearest."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.errors import InputError
from avianvox.features.spec import FeatureSpec
from avianvox.models.protocol import AtOnce, SavedFit, TrainSettings


def spectra(data: TrainingData) -> np.ndarray:
    """Mean level of each mel band above the recording's own mean, in dB: shape (n, n_mels)."""
    bands = [data.store.features(i)[:, : data.store.bands.n_mels] for i in data.recordings.tolist()]
    means = np.array([rows.mean(axis=0, dtype=np.float64) for rows in bands])
    return means - means.mean(axis=1, keepdims=True)


@dataclass(frozen=True)
class NearestMean(AtOnce["FittedNearestMean"]):
    """The model before it has seen any data."""

    settings: TrainSettings

    def learn(self, data: TrainingData, seed: int) -> "FittedNearestMean":
        """The mean of each class; ``seed`` changes nothing."""
        found = spectra(data)
        centres = [found[data.targets == label].mean(axis=0) for label in range(data.n_classes)]
        return FittedNearestMean(np.array(centres))

    def spec_for(self, spec: FeatureSpec) -> FeatureSpec:
        """It sees no windows."""
        return spec

    def restore(self, saved: SavedFit) -> "FittedNearestMean":
        """The inverse of `FittedNearestMean.arrays`."""
        return FittedNearestMean(saved.arrays["centres"])


@dataclass(frozen=True)
class FittedNearestMean:
    """The model when it has learned: ``centres``, shape (n_classes, n_mels)."""

    centres: np.ndarray

    def predict(self, data: TrainingData) -> WindowScores:
        """One answer for each recording, as if it were one window."""
        distance = np.square(spectra(data)[:, None] - self.centres).mean(axis=2)
        likeness = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / 10)
        scores = likeness / likeness.sum(axis=1, keepdims=True)
        return WindowScores(scores.astype(np.float32), np.arange(len(data)))

    def arrays(self) -> dict[str, np.ndarray]:
        """What a run folder keeps."""
        return {"centres": self.centres}

    def graph(self) -> Any:
        """There is none: it answers for whole recordings."""
        raise InputError("nearest_mean answers once for a whole recording; it cannot be exported")


def nearest_mean(settings: TrainSettings) -> NearestMean:
    """The row of the table: settings in, estimator out."""
    return NearestMean(settings)
