"""Genus or family in place of a species that is not sure: `Tree.answer`.

Warblers are told from finches before they are told from each other. A branch of the tree has the sum of the
scores of its species; it is an answer where it is the best one of its level and its sum suffices. A branch of
one species says no more than the species, and is none.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from avianvox.dataset.taxonomy import LEVELS, Taxonomy
from avianvox.types import LabelSet

COARSEST = LEVELS[:3]
"""Levels that an answer may go up to, from the finest; "species" stands for staying there."""


class Branch(NamedTuple):
    """A genus or family that is sure, as it is written in place of a species, and its score."""

    name: str
    score: float


class Best(NamedTuple):
    """Of each row, the branch of the highest score; arrays of shape (n,).

    ``branch``: its number, as in `Tree.branches`. ``several``: whether it has more than one species.
    """

    branch: np.ndarray
    score: np.ndarray
    several: np.ndarray


class Tree:
    """Genera and families of a model's classes, by the table in the package.

    What the table doesn't know is a branch of its own, and never an answer.

    Attributes
    ----------
    branches : mapping of str to np.ndarray, shape (n_classes,)
        For each level above the species, the number of each class's branch.
    """

    def __init__(self, labels: LabelSet) -> None:
        taxonomy = Taxonomy.of(labels)
        found = {level: np.unique(taxonomy.branches(level), return_inverse=True) for level in COARSEST[1:]}
        self._names = {level: names for level, (names, _) in found.items()}
        self.branches = {level: branch_of for level, (_, branch_of) in found.items()}

    def best(self, scores: np.ndarray, level: str, wanted: tuple[int, ...] | None = None) -> Best:
        """The best branch of each row.

        Parameters
        ----------
        scores : np.ndarray, shape (n, n_classes)
            Of classes that exclude each other, calibrated.
        level : {"genus", "family"}
        wanted : tuple of int, optional
            Positions of the classes that count; None for all.
        """
        counting = np.arange(scores.shape[1]) if wanted is None else np.array(wanted)
        branch_of = self.branches[level][counting]
        sums = np.zeros((len(self._names[level]), len(scores)))
        np.add.at(sums, branch_of, scores.T[counting])
        branch = sums.argmax(axis=0)
        return Best(branch, sums.max(axis=0), np.bincount(branch_of, minlength=len(sums))[branch] > 1)

    def answer(
        self, scores: np.ndarray, least: Mapping[str, float], wanted: tuple[int, ...] | None = None
    ) -> Branch | None:
        """The finest branch that is sure; None where there is none.

        Parameters
        ----------
        scores : np.ndarray, shape (n_classes,)
        least : mapping of str to float
            For each level to look at, from the finest, what the score of a branch must reach.
        wanted : tuple of int, optional
            As in `best`.
        """
        for level, threshold in least.items():
            branch, score, several = (found[0] for found in self.best(scores[None], level, wanted))
            if several and score >= threshold:
                return Branch(f"{self._names[level][branch]} sp.", min(1.0, float(score)))
        return None
