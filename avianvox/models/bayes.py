"""Gaussian naive Bayes: the baselines that a network has to beat.

`PixelBayes` sees the scaled values of a window as unrelated numbers; `MfccBayes` sees mean and deviation of
each MFCC over the whole recording, 40 numbers, which the store holds already.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.errors import require_extra
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import FeatureSpec
from avianvox.models.protocol import Progress, TrainSettings

_BATCH = 256  # windows scored at once
_PUBLISHED_COMBINE = "overwrite"


@dataclass(frozen=True)
class PixelBayes:
    """Naive Bayes on the scaled values of a window: one random crop a recording and draw."""

    settings: TrainSettings

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int,
        validation: TrainingData | None = None,
        progress: Progress | None = None,
    ) -> "FittedPixelBayes":
        """Learn from ``crops_per_recording`` crops of each recording; validation data is not used."""
        spec = self.settings.spec_for(data.spec, published=_PUBLISHED_COMBINE)
        settings = CropSettings.from_spec(spec, padding=self.settings.padding)
        normalisation = Normalisation.from_store(data.store, data.recordings)
        reader = CropReader(data.store, normalisation, settings)
        classifier = _naive_bayes()
        for draw in range(self.settings.crops_per_recording):
            offsets = reader.random_offsets(data.recordings, seed=seed, epoch=draw)
            pixels = reader.read(data.recordings, offsets).reshape(len(data), -1)
            classifier.partial_fit(pixels, data.targets, classes=np.arange(data.n_classes))
        return FittedPixelBayes(classifier, normalisation, settings)


@dataclass(frozen=True)
class FittedPixelBayes:
    """A fitted `PixelBayes`."""

    classifier: Any
    normalisation: Normalisation
    settings: CropSettings

    def predict(self, data: TrainingData) -> WindowScores:
        """Scores of all windows, laid as in classifying."""
        reader = CropReader(data.store, self.normalisation, self.settings)
        positions, offsets = reader.windows(data.recordings)
        scores = np.empty((len(positions), data.n_classes), np.float32)
        for start in range(0, len(positions), _BATCH):
            part = slice(start, start + _BATCH)
            crops = reader.read(data.recordings[positions[part]], offsets[part])
            scores[part] = _probabilities(self.classifier, crops.reshape(len(crops), -1), data.n_classes)
        return WindowScores(scores, positions)


@dataclass(frozen=True)
class MfccBayes:
    """Naive Bayes on mean and deviation of each MFCC over the recording."""

    settings: TrainSettings

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int,
        validation: TrainingData | None = None,
        progress: Progress | None = None,
    ) -> "FittedMfccBayes":
        """Learn from every recording. Nothing is drawn, so the seed changes nothing."""
        classifier = _naive_bayes()
        classifier.fit(mfcc_statistics(data), data.targets)
        return FittedMfccBayes(classifier)


@dataclass(frozen=True)
class FittedMfccBayes:
    """A fitted `MfccBayes`."""

    classifier: Any

    def predict(self, data: TrainingData) -> WindowScores:
        """One answer for each recording, as if it were one window."""
        scores = _probabilities(self.classifier, mfcc_statistics(data), data.n_classes)
        return WindowScores(scores, np.arange(len(data), dtype=np.int64))


def mfcc_statistics(data: TrainingData) -> np.ndarray:
    """Mean, then deviation, of each MFCC over each recording: shape (n, 2 * n_mfcc), float64."""
    spec: FeatureSpec = data.store.spec
    sums = data.store.sums[data.recordings][:, :, spec.n_mels :]
    mean, mean_square = np.moveaxis(sums / data.store.n_frames[data.recordings][:, None, None], 1, 0)
    deviation = np.sqrt(np.maximum(mean_square - np.square(mean), 0.0))
    return np.concatenate([mean, deviation], axis=1)


def _naive_bayes() -> Any:
    require_extra("sklearn", extra="train", purpose="naive Bayes")
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def _probabilities(classifier: Any, values: np.ndarray, n_classes: int) -> np.ndarray:
    """Scores in the order of all classes; one that was not trained has 0. Shape (n, n_classes), float32."""
    scores = np.zeros((len(values), n_classes), np.float32)
    with np.errstate(divide="ignore"):  # the prior of a class without a recording is 0, its logarithm -inf
        scores[:, classifier.classes_] = classifier.predict_proba(values)
    return scores


gnb_pixels = PixelBayes
gnb_mfcc = MfccBayes
