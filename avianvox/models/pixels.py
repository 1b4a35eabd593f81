"""Naive Bayes on the scaled values of a window, which it sees as unrelated numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.features.normalise import Normalisation
from avianvox.models.classifiers import naive_bayes, probabilities
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
    ) -> "FittedPixelModel":
        """Learn from ``crops_per_recording`` crops of each recording; validation data is not used."""
        spec = self.settings.spec_for(data.spec, published=_PUBLISHED_COMBINE)
        settings = CropSettings.from_spec(spec, padding=self.settings.padding)
        normalisation = Normalisation.from_store(data.store, data.recordings)
        reader = CropReader(data.store, normalisation, settings)
        classifier = naive_bayes(self.settings, seed)
        for draw in range(self.settings.crops_per_recording):
            offsets = reader.random_offsets(data.recordings, seed=seed, epoch=draw)
            pixels = reader.read(data.recordings, offsets).reshape(len(data), -1)
            classifier.partial_fit(pixels, data.targets, classes=np.arange(data.n_classes))
        return FittedPixelModel(classifier, normalisation, settings)


@dataclass(frozen=True)
class FittedPixelModel:
    """A classifier that has learned from the pixels of windows."""

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
            scores[part] = probabilities(self.classifier, crops.reshape(len(crops), -1), data.n_classes)
        return WindowScores(scores, positions)


gnb_pixels = PixelBayes
