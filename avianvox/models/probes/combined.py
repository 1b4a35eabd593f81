"""Logistic regression on the embedding, added to the ear's own answer."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from avianvox.inference.activation import activate
from avianvox.models.offset_regression import OffsetRegression
from avianvox.models.probes.heard import Ear, Heard
from avianvox.models.probes.probe import Probe
from avianvox.models.protocol import TrainSettings

PENALTY = 0.01
"""Of the squared weights of `OffsetRegression`."""


@dataclass(frozen=True, slots=True)
class Combined:
    """A regression on the embedding that begins with the ear's own answer.

    ``neutral``: the offset of a class that the ear doesn't know, the mean of those that it knows over the
    recordings learned from.
    """

    regression: OffsetRegression
    neutral: float

    def __call__(self, heard: Heard) -> np.ndarray:
        """Scores, shape (n, n_classes), float32."""
        return activate(self.regression.logits(heard.embedding, _offsets(heard, self.neutral)), "softmax")

    def layer(self, ear: Ear) -> tuple[np.ndarray, np.ndarray]:
        """The same as one dense layer on the embedding of a window.

        Returns
        -------
        tuple of np.ndarray
            Weights, shape (n_classes, n_embedding), and bias, shape (n_classes,), both float32.
        """
        learned = self.regression
        weight = learned.weight / learned.deviation
        offset = np.where(ear.known, ear.bias, self.neutral)
        bias = learned.bias - np.einsum("ce,e->c", weight, learned.mean) + learned.factor * offset
        return (weight + learned.factor * ear.weight).astype(np.float32), bias.astype(np.float32)


def fit_combined(heard: Heard, targets: np.ndarray, settings: TrainSettings, seed: int) -> Combined:
    """What was learned here is added to the ear's own log-odds of the classes that it knows."""
    neutral = float(heard.own[:, heard.known].mean()) if heard.known.any() else 0.0
    offsets = _offsets(heard, neutral)
    return Combined(OffsetRegression.fit(heard.embedding, offsets, targets, penalty=PENALTY), neutral)


def _offsets(heard: Heard, neutral: float) -> np.ndarray:
    return np.where(heard.known, heard.own, neutral)


combined = partial(Probe, fit_combined)
