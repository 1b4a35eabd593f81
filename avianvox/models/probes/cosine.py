"""Prototypes of the classes, by the angle to them."""

from functools import partial

import numpy as np

from avianvox.inference.activation import activate
from avianvox.models.probes.heard import Heard
from avianvox.models.probes.probe import Probe, Scorer
from avianvox.models.protocol import TrainSettings

_SHARPNESS = 20.0  # a difference of 0.05 weighs as much as a factor e


def fit_cosine(heard: Heard, targets: np.ndarray, settings: TrainSettings, seed: int) -> Scorer:
    """The angle to the mean direction of each class's recordings, after the mean of all was taken away."""
    centre = heard.embedding.mean(axis=0)
    n_classes = heard.own.shape[1]
    directions = _directions(heard.embedding - centre)
    prototypes = np.zeros((n_classes, directions.shape[1]))
    np.add.at(prototypes, targets, directions)
    trained = np.bincount(targets, minlength=n_classes) > 0
    prototypes = _directions(prototypes)

    def score(heard: Heard) -> np.ndarray:
        angles = np.einsum("nd,cd->nc", _directions(heard.embedding - centre), prototypes)
        return activate(np.where(trained, _SHARPNESS * angles, -np.inf), "softmax")

    return score


def _directions(values: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.einsum("nd,nd->n", values, values))
    directions: np.ndarray = values / np.maximum(lengths, 1e-12)[:, None]
    return directions


cosine = partial(Probe, fit_cosine)
