"""Naive Bayes on the scaled values of a window, which it sees as unrelated numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import FeatureSpec
from avianvox.models.classifiers import head_of, naive_bayes
from avianvox.models.head import Head
from avianvox.models.protocol import AtOnce, SavedFit, TrainSettings

_BATCH = 256  # windows scored at once
_PUBLISHED_COMBINE = "overwrite"


@dataclass(frozen=True)
class PixelBayes(AtOnce["FittedPixelModel"]):
    """Naive Bayes on the scaled values of a window: one random crop a recording and draw."""

    settings: TrainSettings

    def learn(self, data: TrainingData, seed: int) -> "FittedPixelModel":
        """Learn from ``crops_per_recording`` crops of each recording."""
        spec = self.spec_for(data.spec)
        settings = CropSettings.from_spec(spec, padding=self.settings.padding)
        normalisation = Normalisation.from_store(data.store, data.recordings)
        reader = CropReader(data.store, normalisation, settings)
        classifier = naive_bayes(self.settings, seed)
        for draw in range(self.settings.crops_per_recording):
            offsets = reader.random_offsets(data.recordings, seed=seed, epoch=draw)
            pixels = reader.read(data.recordings, offsets).reshape(len(data), -1)
            classifier.partial_fit(pixels, data.targets, classes=np.arange(data.n_classes))
        return FittedPixelModel(head_of(classifier, data.n_classes), normalisation, spec, settings)

    def spec_for(self, spec: FeatureSpec) -> FeatureSpec:
        """``spec`` with the combination that was asked for, or else the published one."""
        return self.settings.spec_for(spec, published=_PUBLISHED_COMBINE)

    def restore(self, saved: SavedFit) -> "FittedPixelModel":
        """The inverse of `FittedPixelModel.arrays`."""
        normalisation = Normalisation(saved.arrays["mean"], saved.arrays["deviation"])
        settings = CropSettings.from_spec(saved.spec, padding=self.settings.padding)
        return FittedPixelModel(Head.from_arrays(saved.arrays), normalisation, saved.spec, settings)


@dataclass(frozen=True)
class FittedPixelModel:
    """A classifier that has learned from the pixels of windows."""

    head: Head
    normalisation: Normalisation
    spec: FeatureSpec
    settings: CropSettings

    def predict(self, data: TrainingData) -> WindowScores:
        """Scores of all windows, laid as in classifying."""
        reader = CropReader(data.store, self.normalisation, self.settings)
        positions, offsets = reader.windows(data.recordings)
        scores = np.empty((len(positions), data.n_classes), np.float32)
        for start in range(0, len(positions), _BATCH):
            part = slice(start, start + _BATCH)
            crops = reader.read(data.recordings[positions[part]], offsets[part])
            scores[part] = self.head.scores(crops.reshape(len(crops), -1))
        return WindowScores(scores, positions)

    def arrays(self) -> dict[str, np.ndarray]:
        """What `PixelBayes.restore` needs."""
        scale = {"mean": self.normalisation.mean, "deviation": self.normalisation.deviation}
        return self.head.arrays() | scale

    def graph(self) -> Any:
        """Rows of a window to scores: a keras.Model."""
        from avianvox.models.backend import keras
        from avianvox.models.front_end import CombineAndNormalise
        from avianvox.models.head_graph import attach

        spec, scale = self.spec, self.normalisation
        features = keras.Input((spec.n_frames, spec.n_features), name="features")
        values = CombineAndNormalise(spec, scale.mean, scale.deviation, name="combine")(features)
        scores = attach(self.head, keras.layers.Flatten(name="values")(values))
        return keras.Model(features, scores, name="features_to_scores")


gnb_pixels = PixelBayes
