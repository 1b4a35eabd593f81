"""Perceptron on the embedding."""

from functools import partial

import numpy as np

from avianvox.models.probes.heard import Heard
from avianvox.models.probes.probe import Probe, Scorer, classifier_scorer
from avianvox.models.protocol import TrainSettings
from avianvox.randomness import library_state


def fit_perceptron(heard: Heard, targets: np.ndarray, settings: TrainSettings, seed: int) -> Scorer:
    """One hidden layer of 128 ReLU units on standardised embeddings, with a strong penalty."""
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    state = library_state(seed)
    network = MLPClassifier((128,), alpha=1.0, max_iter=settings.epochs, random_state=state)
    return classifier_scorer(make_pipeline(StandardScaler(), network), heard, targets)


mlp = partial(Probe, fit_perceptron)
