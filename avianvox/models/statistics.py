"""Models that see a few numbers of each whole recording, and answer once for it.

`mfcc_statistics`, `mel_statistics` and `floor_statistics` are the numbers; `StatisticsModel` puts one of
scikit-learn's classifiers on them. A network that is not better has learned nothing that they don't say.
`avianvox.models.window_statistics` sees windows instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.errors import InputError
from avianvox.features.spec import FeatureSpec
from avianvox.models.classifiers import (
    ClassifierFactory,
    fit_head,
    logistic_regression,
    naive_bayes,
    perceptron,
)
from avianvox.models.head import Head
from avianvox.models.protocol import AtOnce, SavedFit, TrainSettings

Statistics = Callable[[TrainingData], np.ndarray]
"""Numbers of each recording, shape (n, n_numbers), float64."""

FLOOR, LOUD = 50.0, 95.0  # percentiles of a band over the frames of a recording or window


def mfcc_statistics(data: TrainingData) -> np.ndarray:
    """Mean, then deviation, of each MFCC over each recording: shape (n, 2 * n_mfcc), float64."""
    n_mels = data.store.bands.n_mels
    return np.concatenate([values[:, n_mels:] for values in _mean_and_deviation(data)], axis=1)


def mel_statistics(data: TrainingData) -> np.ndarray:
    """Mean, deviation and 95th percentile of each mel band over each recording, in dB.

    Returns
    -------
    np.ndarray, shape (n, 3 * n_mels), float64
    """
    return _mel_statistics(data, above_floor=False)


def floor_statistics(data: TrainingData) -> np.ndarray:
    """`mel_statistics` after each recording's own noise floor, its median in each band, was subtracted.

    Gain is gone with it. Stationary noise is not: where the floor is higher, less of a song stands above it.

    Returns
    -------
    np.ndarray, shape (n, 3 * n_mels), float64
    """
    return _mel_statistics(data, above_floor=True)


@dataclass(frozen=True)
class StatisticsModel(AtOnce["FittedStatisticsModel"]):
    """A classifier on the numbers that ``describe`` makes of each recording."""

    describe: Statistics
    make: ClassifierFactory
    settings: TrainSettings

    def learn(self, data: TrainingData, seed: int) -> "FittedStatisticsModel":
        """Learn from every recording.

        Raises
        ------
        InputError
            All recordings belong to one class.
        """
        classifier = self.make(self.settings, seed)
        head = fit_head(classifier, self.describe(data), data.targets, n_classes=data.n_classes)
        return FittedStatisticsModel(self.describe, head)

    def restore(self, saved: SavedFit) -> "FittedStatisticsModel":
        """The inverse of `FittedStatisticsModel.arrays`."""
        return FittedStatisticsModel(self.describe, Head.from_arrays(saved.arrays))

    def spec_for(self, spec: FeatureSpec) -> FeatureSpec:
        """It sees no windows."""
        return spec


@dataclass(frozen=True)
class FittedStatisticsModel:
    """A fitted `StatisticsModel`."""

    describe: Statistics
    head: Head

    def predict(self, data: TrainingData) -> WindowScores:
        """One answer for each recording, as if it were one window."""
        scores = self.head.scores(self.describe(data))
        return WindowScores(scores, np.arange(len(data), dtype=np.int64))

    def arrays(self) -> dict[str, np.ndarray]:
        """What `StatisticsModel.restore` needs."""
        return self.head.arrays()

    def graph(self) -> Any:
        """There is none: raises `InputError`."""
        raise InputError(
            "it answers once for a whole recording, a model file answers for each window; train "
            "logreg_windows instead"
        )


def _mel_statistics(data: TrainingData, *, above_floor: bool) -> np.ndarray:
    n_mels = data.store.bands.n_mels
    mean, deviation = (values[:, :n_mels] for values in _mean_and_deviation(data))
    rows = (data.store.features(i)[:, :n_mels].astype(np.float32) for i in data.recordings.tolist())
    percentiles = np.array([np.percentile(values, (FLOOR, LOUD), axis=0) for values in rows])
    floor, loud = np.moveaxis(percentiles.astype(np.float64), 1, 0)
    if above_floor:
        mean, loud = mean - floor, loud - floor
    return np.concatenate([mean, deviation, loud], axis=1)


def _mean_and_deviation(data: TrainingData) -> tuple[np.ndarray, np.ndarray]:
    """Of each feature over each recording, from the store's sums: each of shape (n, n_features), float64."""
    sums = data.store.sums[data.recordings]
    mean, mean_square = np.moveaxis(sums / data.store.n_frames[data.recordings][:, None, None], 1, 0)
    return mean, np.sqrt(np.maximum(mean_square - np.square(mean), 0.0))


gnb_mfcc = partial(StatisticsModel, mfcc_statistics, naive_bayes)
logreg_mel = partial(StatisticsModel, mel_statistics, logistic_regression)
logreg_floor = partial(StatisticsModel, floor_statistics, logistic_regression)
mlp_mfcc = partial(StatisticsModel, mfcc_statistics, perceptron)
