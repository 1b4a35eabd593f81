"""Genus or family in place of a species that is not sure: `Tree.answer`.

Warblers are told from finches before they are told from each other. A branch of the tree has the sum of the
scores of its species; it is an answer where it is the best one of its level and its sum suffices. A branch of
one species says no more than the species, and is none.
"""

from typing import NamedTuple

import numpy as np

from avianvox.dataset.taxonomy import LEVELS, Taxonomy
from avianvox.types import LabelSet

COARSEST = LEVELS[:3]
"""Levels that an answer may go up to, from the finest; "species" stands for staying there."""

EVEN = 0.5
"""What a sum must reach where the model's thresholds keep no precision: right more often than wrong."""


class Branch(NamedTuple):
    """A genus or family that is sure, as it is written in place of a species, and its score."""

    name: str
    score: float


class Tree:
    """Genera and families of a model's classes, by the table in the package.

    What the table doesn't know is a branch of its own, and never an answer.
    """

    def __init__(self, labels: LabelSet) -> None:
        taxonomy = Taxonomy.of(labels)
        self._levels = {
            level: np.unique(taxonomy.branches(level), return_inverse=True) for level in COARSEST[1:]
        }

    def answer(
        self, scores: np.ndarray, coarsest: str, least: float, wanted: tuple[int, ...] | None = None
    ) -> Branch | None:
        """The finest branch that is sure; None where there is none.

        Parameters
        ----------
        scores : np.ndarray, shape (n_classes,)
            Of classes that exclude each other, calibrated.
        coarsest : str
            One of `COARSEST`.
        least : float
            What the sum of a branch must reach.
        wanted : tuple of int, optional
            Positions of the classes that count; None for all.
        """
        counts = np.ones(len(scores)) if wanted is None else np.bincount(wanted, minlength=len(scores))
        for level in COARSEST[1 : COARSEST.index(coarsest) + 1]:
            names, branch_of = self._levels[level]
            sums = np.bincount(branch_of, scores * counts)
            best = int(sums.argmax())
            if sums[best] >= least and np.bincount(branch_of, counts)[best] > 1:
                return Branch(f"{names[best]} sp.", min(1.0, float(sums[best])))
        return None
