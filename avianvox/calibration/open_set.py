"""How surely a recording is of a species that the model knows: scores that are high for what it has learned.

`OPEN_SCORES` lists them, each a function from `Answered` to one number for each recording; `unknown.py`
compares them on species that were held out. One that the predictions have no numbers for gives None.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

_LEAST = 1e-12


@dataclass(frozen=True)
class Answered:
    """What a model answered for recordings, among the classes that it learned.

    Attributes
    ----------
    scores : np.ndarray, shape (n, n_learned)
        Calibrated.
    energy : np.ndarray, shape (n,), optional
        Mean over the windows, see `avianvox.dataset.training_data.Clues`.
    embedding : np.ndarray, shape (n, n_embedding), optional
    train_embedding : np.ndarray, shape (n_train, n_embedding), optional
    train_targets : np.ndarray, shape (n_train,), int64
    """

    scores: np.ndarray
    energy: np.ndarray | None
    embedding: np.ndarray | None
    train_embedding: np.ndarray | None
    train_targets: np.ndarray


OpenScore = Callable[[Answered], np.ndarray | None]


def probability(answered: Answered) -> np.ndarray:
    """The best calibrated score.

    References
    ----------
    Hendrycks and Gimpel, "A baseline for detecting misclassified and out-of-distribution examples", 2017.
    """
    best: np.ndarray = answered.scores.max(axis=1)
    return best


def margin(answered: Answered) -> np.ndarray:
    """By how much the best calibrated score exceeds the second one."""
    first_two = np.sort(answered.scores, axis=1)[:, -2:]
    ahead: np.ndarray = first_two[:, 1] - first_two[:, 0]
    return ahead


def entropy(answered: Answered) -> np.ndarray:
    """Minus the entropy of the calibrated scores, in nats."""
    certain: np.ndarray = (answered.scores * np.log(np.maximum(answered.scores, _LEAST))).sum(axis=1)
    return certain


def energy(answered: Answered) -> np.ndarray | None:
    """Minus the free energy: the logarithm of the sum of the exponentials of the logits.

    References
    ----------
    Liu et al., "Energy-based out-of-distribution detection", 2020.
    """
    return answered.energy


def nearness(answered: Answered) -> np.ndarray | None:
    """Minus the distance of the embedding from the mean of the nearest class, in deviations within classes.

    References
    ----------
    Lee et al., "A simple unified framework for detecting out-of-distribution samples and adversarial
    attacks", 2018, with a diagonal covariance, since there are few recordings.
    """
    if answered.embedding is None or answered.train_embedding is None:
        return None
    learned = answered.train_embedding.astype(np.float64)
    classes, own = np.unique(answered.train_targets, return_inverse=True)
    means = np.array([learned[own == k].mean(axis=0) for k in range(len(classes))])
    deviation = np.maximum(np.sqrt(np.square(learned - means[own]).mean(axis=0)), _LEAST)
    away = np.array([np.square((answered.embedding - mean) / deviation).sum(axis=1) for mean in means])
    nearest: np.ndarray = -np.sqrt(away.min(axis=0))
    return nearest


OPEN_SCORES: Mapping[str, OpenScore] = {
    "probability": probability,
    "margin": margin,
    "entropy": entropy,
    "energy": energy,
    "nearness": nearness,
}
"""By name. The threshold of a model file is one of the first, since its graph gives no more than scores."""
