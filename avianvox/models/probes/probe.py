"""`Probe`: a way of learning from what an ear says, as an estimator."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.features.store import FeatureStore
from avianvox.models.classifiers import fit_head
from avianvox.models.probes import ProbeFactory
from avianvox.models.probes.heard import Heard, hear
from avianvox.models.protocol import AtOnce, TrainSettings
from avianvox.types import LabelSet

Scorer = Callable[[Heard], np.ndarray]
"""Scores of recordings, shape (n, n_classes), that sum to one."""

Fitter = Callable[[Heard, np.ndarray, TrainSettings, int], Scorer]
"""``fit(heard, targets, settings, seed)``."""


@dataclass(frozen=True)
class Probe(AtOnce["FittedProbe"]):
    """A probe before it has seen any data; it learns from data whose store holds embeddings."""

    fitter: Fitter
    settings: TrainSettings
    labels: LabelSet

    def learn(self, data: TrainingData, seed: int) -> "FittedProbe":
        """Learn from every recording."""
        scorer = self.fitter(hear(data, self.labels), data.targets, self.settings, seed)
        return FittedProbe(scorer, self.labels)


@dataclass(frozen=True)
class FittedProbe:
    scorer: Scorer
    labels: LabelSet

    def predict(self, data: TrainingData) -> WindowScores:
        """One answer for each recording, as if it were one window."""
        scores = self.scorer(hear(data, self.labels))
        return WindowScores(scores.astype(np.float32), np.arange(len(data), dtype=np.int64))


def classifier_scorer(classifier: Any, heard: Heard, targets: np.ndarray) -> Scorer:
    """Fit a classifier of scikit-learn on the embeddings."""
    head = fit_head(classifier, heard.embedding, targets, n_classes=heard.own.shape[1])
    return lambda heard: head.scores(heard.embedding)


def fit_probe(
    make: ProbeFactory,
    settings: TrainSettings,
    labels: LabelSet,
    store: FeatureStore,
    data: TrainingData,
    seed: int,
) -> Callable[[TrainingData], WindowScores]:
    """A probe in the form that `avianvox.evaluation.crossval.crossvalidate` takes, with the first four given.

    ``store`` holds the embeddings of the recordings of ``data``, which has features of its own.
    """
    fitted = make(settings, labels).fit(data.with_store(store), seed=seed)
    return lambda test: fitted.predict(test.with_store(store))
