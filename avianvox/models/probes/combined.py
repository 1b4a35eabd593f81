"""Logistic regression on the embedding, added to the ear's own answer.

The ear's most confident windows are those with a species that it knows. They are the wrong ones for a species
that it doesn't know, which may be heard beside them. So the regression chooses: fitted on the ear's windows
first, then on the windows of each recording in which that gives the recording's own class the highest score.
It answers by the windows in which it is the most confident itself.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from avianvox.inference.activation import activate
from avianvox.inference.pooling import POOLINGS
from avianvox.models.offset_regression import OffsetRegression
from avianvox.models.probes.heard import N_WINDOWS, Ear, Heard, most_confident
from avianvox.models.probes.probe import Probe
from avianvox.models.protocol import TrainSettings

PENALTY = 0.01
"""Of the squared weights of `OffsetRegression`."""

LIFT = 1.0
"""Added to the logits of classes that the ear doesn't know: in training they fit too well to show that they
need it. Chosen on folds inside training parts, see docs/results.md."""

POOLING = f"confident{N_WINDOWS}"
"""A row of `POOLINGS`; confidence is the highest score of a window."""


@dataclass(frozen=True, slots=True)
class Combined:
    """A regression on the embedding that begins with the ear's own answer.

    ``neutral``: the offset of a class that the ear doesn't know, the mean of those that it knows over the
    recordings learned from.
    """

    regression: OffsetRegression
    neutral: float

    def __call__(self, heard: Heard) -> np.ndarray:
        """Scores of recordings, shape (n, n_classes), float64."""
        return np.array(
            [self._pooled(*both, heard.known) for both in zip(heard.windows, heard.odds, strict=True)]
        )

    def windows(self, embedding: np.ndarray, odds: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Scores of windows, shape (n_windows, n_classes), float32."""
        offsets = np.where(known, odds, self.neutral)
        return activate(self.regression.logits(embedding.astype(np.float64), offsets), "softmax")

    def _pooled(self, embedding: np.ndarray, odds: np.ndarray, known: np.ndarray) -> np.ndarray:
        pooling = POOLINGS.get(POOLING)()
        for scores in self.windows(embedding, odds, known):
            pooling.add(scores, float(scores.max()))
        return pooling.scores()

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
    first = _fit(heard.embedding, heard.own, heard.known, targets)
    embedding, own = heard.embedding.copy(), heard.own.copy()
    for i, target in enumerate(targets.tolist()):
        best = most_confident(first.windows(heard.windows[i], heard.odds[i], heard.known)[:, target])
        embedding[i] = heard.windows[i][best].mean(axis=0, dtype=np.float64)
        own[i] = heard.odds[i][best].mean(axis=0)
    second = _fit(embedding, own, heard.known, targets)
    bias = second.regression.bias + np.where(heard.known, 0.0, LIFT)
    return replace(second, regression=replace(second.regression, bias=bias))


def _fit(embedding: np.ndarray, own: np.ndarray, known: np.ndarray, targets: np.ndarray) -> Combined:
    neutral = float(own[:, known].mean()) if known.any() else 0.0
    offsets = np.where(known, own, neutral)
    return Combined(OffsetRegression.fit(embedding, offsets, targets, penalty=PENALTY), neutral)


combined = partial(Probe, fit_combined)
