"""Logistic regression on the embedding."""

from functools import partial
from typing import Any

import numpy as np

from avianvox.models.probes.heard import Heard
from avianvox.models.probes.probe import Probe, Scorer, classifier_scorer
from avianvox.models.protocol import TrainSettings

PENALTY = 0.01
"""scikit-learn's ``C``."""


def regression() -> Any:
    """scikit-learn's, with its standardisation, before it has seen any numbers."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        StandardScaler(), LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=1000)
    )


def fit_regression(heard: Heard, targets: np.ndarray, settings: TrainSettings, seed: int) -> Scorer:
    """Logistic regression on standardised embeddings; every class weighs the same."""
    return classifier_scorer(regression(), heard, targets)


logreg = partial(Probe, fit_regression)
