"""A regression on statistics of each window: what `logreg_floor` is for recordings, in a form that can leave.

The statistics of a whole recording can't be known window by window, as a model file has to. So the regression
learns from all windows of the training recordings: of each, the mean, deviation and 95th percentile of each
mel band above the window's own floor. A recording counts once, however many windows it has, and its answer is
the mean over its windows. How strong the penalty is, is chosen on the training recordings alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.dataset.windows import hop_of
from avianvox.features.spec import FeatureSpec
from avianvox.inference.pooling import pool_rows
from avianvox.models.classifiers import fit_head, weak_regression
from avianvox.models.head import Head
from avianvox.models.protocol import AtOnce, SavedFit, TrainSettings
from avianvox.models.statistics import FLOOR, LOUD
from avianvox.randomness import derive_rng

_PENALTIES = (0.1, 0.01, 0.001)
_USUAL_PENALTY = 0.01  # where there are too few recordings to choose
_FOLDS = 3
_BATCH = 256  # windows described at once
_LEAST = 1e-9  # probability: a recording that was given none counts no worse


@dataclass(frozen=True)
class WindowStatistics(AtOnce["FittedWindowStatistics"]):
    """A logistic regression on statistics of windows."""

    settings: TrainSettings

    def learn(self, data: TrainingData, seed: int) -> "FittedWindowStatistics":
        """Learn from every window of every recording.

        Raises
        ------
        InputError
            All recordings belong to one class.
        """
        spec = self.spec_for(data.spec)
        values, positions = describe_windows(data, spec, padding=self.settings.padding)
        penalty = self._choose(data, values, positions, seed)
        head = self._regression(data, values, positions, penalty)
        return FittedWindowStatistics(head, spec, self.settings)

    def restore(self, saved: SavedFit) -> "FittedWindowStatistics":
        """The inverse of `FittedWindowStatistics.arrays`."""
        return FittedWindowStatistics(Head.from_arrays(saved.arrays), saved.spec, self.settings)

    def spec_for(self, spec: FeatureSpec) -> FeatureSpec:
        """It sees mel bands alone, whatever ``combine`` says."""
        return spec.with_changes(combine="mel")

    def _regression(
        self, data: TrainingData, values: np.ndarray, positions: np.ndarray, penalty: float
    ) -> Head:
        weights = 1.0 / np.bincount(positions, minlength=len(data))[positions]
        return fit_head(
            weak_regression(penalty)(self.settings, 0),
            values,
            data.targets[positions],
            n_classes=data.n_classes,
            weights=weights * (len(weights) / weights.sum()),
        )

    def _choose(self, data: TrainingData, values: np.ndarray, positions: np.ndarray, seed: int) -> float:
        """The penalty under which recordings that were left out are most probable."""
        folds = _folds_of(data.targets, seed)
        if any(len(np.unique(data.targets[folds != k])) < 2 for k in range(_FOLDS)):
            return _USUAL_PENALTY
        losses = dict.fromkeys(_PENALTIES, 0.0)
        for fold in range(_FOLDS):
            tested = folds[positions] == fold
            for penalty in _PENALTIES:
                head = self._regression(data, values[~tested], positions[~tested], penalty)
                scores = pool_rows(head.scores(values[tested]), positions[tested], len(data))
                rows = np.flatnonzero(folds == fold)
                losses[penalty] -= np.log(np.maximum(scores[rows, data.targets[rows]], _LEAST)).sum()
        return min(losses, key=losses.__getitem__)


@dataclass(frozen=True)
class FittedWindowStatistics:
    """A fitted `WindowStatistics`; ``spec``: its window; ``settings``: how it answers."""

    head: Head
    spec: FeatureSpec
    settings: TrainSettings

    def predict(self, data: TrainingData) -> WindowScores:
        """Scores of all windows, laid as in classifying."""
        settings = self.settings
        hop = hop_of(self.spec.n_frames, settings.overlap)
        values, positions = describe_windows(data, self.spec, padding=settings.padding, hop_frames=hop)
        return WindowScores(self.head.scores(values), positions, settings.pooling)

    def arrays(self) -> dict[str, np.ndarray]:
        """What `WindowStatistics.restore` needs."""
        return self.head.arrays()

    def graph(self) -> Any:
        """Rows of a window to scores: a keras.Model."""
        from avianvox.models.backend import keras
        from avianvox.models.head_graph import FloorStatistics, attach

        spec = self.spec
        features = keras.Input((spec.n_frames, spec.n_features), name="features")
        numbers = FloorStatistics(spec.n_mels, FLOOR, LOUD, name="statistics")(features)
        return keras.Model(features, attach(self.head, numbers), name="features_to_scores")


def describe_windows(
    data: TrainingData, spec: FeatureSpec, *, padding: str, hop_frames: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Statistics of the fixed windows of all recordings, side by side where no hop is given.

    Returns
    -------
    values : np.ndarray, shape (n_windows, 3 * n_mels), float64
        See `floor_numbers`.
    positions : np.ndarray, shape (n_windows,), int64
        Position in ``data.recordings`` of the recording that each window belongs to.
    """
    reader = CropReader(data.store, None, CropSettings(spec.n_frames, "mel", padding))
    positions, offsets = reader.windows(data.recordings, hop_frames=hop_frames)
    values = np.empty((len(positions), 3 * spec.n_mels))
    for start in range(0, len(positions), _BATCH):
        part = slice(start, start + _BATCH)
        values[part] = floor_numbers(reader.read(data.recordings[positions[part]], offsets[part]))
    return values, positions


def floor_numbers(bands: np.ndarray) -> np.ndarray:
    """Mean, deviation and high percentile of each band over a window, above the median of the band.

    Parameters
    ----------
    bands : np.ndarray, shape (n, n_frames, n_mels), dB

    Returns
    -------
    np.ndarray, shape (n, 3 * n_mels), float64
    """
    values = np.asarray(bands, np.float64)
    floor, loud = np.percentile(values, (FLOOR, LOUD), axis=1)
    return np.concatenate([values.mean(axis=1) - floor, values.std(axis=1), loud - floor], axis=1)


def _folds_of(targets: np.ndarray, seed: int) -> np.ndarray:
    """A fold for each recording; the recordings of a class are dealt out one by one."""
    order = derive_rng(seed, "window statistics", "folds").permutation(len(targets))
    order = order[np.argsort(targets[order], kind="stable")]
    folds = np.empty(len(targets), np.int64)
    folds[order] = np.arange(len(targets)) % _FOLDS
    return folds


logreg_windows = WindowStatistics
