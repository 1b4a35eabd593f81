"""Rules that choose, among items without a label, which to listen to next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from avianvox.find.items import Items
from avianvox.find.windows import BLOCK, directions
from avianvox.models.head import Head
from avianvox.randomness import derive_rng

MOST_COMPARED = 3_000
"""Items that are compared with one another; more of them are drawn from by the seed, anew for each round."""


@dataclass(frozen=True)
class Known:
    """What a rule may look at.

    Attributes
    ----------
    items : Items
    open : np.ndarray, shape (n_open,), int64
        Items without a label.
    labelled : np.ndarray, shape (n_labelled, n_numbers), float32
        Directions of what has a label; none in the first round.
    head : Head or None
        Learned from the labels, where there are two classes or more.
    seed : int
    """

    items: Items
    open: np.ndarray
    labelled: np.ndarray
    head: Head | None
    seed: int

    def rng(self) -> np.random.Generator:
        return derive_rng(self.seed, "suggest", len(self.labelled))

    @cached_property
    def drawn(self) -> np.ndarray:
        """Open items, no more than can be compared with one another."""
        if len(self.open) <= MOST_COMPARED:
            return self.open
        return np.sort(self.rng().choice(self.open, MOST_COMPARED, replace=False))

    def doubt(self, items: np.ndarray) -> np.ndarray:
        """1 where the best two classes of an item have the same score, 0 where one has it all."""
        if self.head is None:
            return np.ones(len(items))
        doubts = [np.zeros(0)]
        for at in range(0, len(items), BLOCK):
            best = np.sort(self.head.scores(self.items.numbers(items[at : at + BLOCK])), axis=1)[:, -2:]
            doubts.append(1.0 - (best[:, 1] - best[:, 0]))
        return np.concatenate(doubts)


Rule = Callable[[Known, int], np.ndarray]
"""Chooses at most ``n`` of the open items, the most useful first."""


def both(known: Known, n: int) -> np.ndarray:
    """Those that stand for many others, which nothing chosen or labelled is like; doubt counts up to twofold.

    A head that has seen few classes is sure of the wrong ones, so that doubt alone would pass over new ones.
    """
    return _representative(known, 1.0 + known.doubt(known.drawn), n)


def diverse(known: Known, n: int) -> np.ndarray:
    """The same without the doubt."""
    return _representative(known, np.ones(len(known.drawn)), n)


def uncertain(known: Known, n: int) -> np.ndarray:
    """The smallest lead of the best class over the second; without a head, `diverse`."""
    if known.head is None:
        return diverse(known, n)
    return known.open[np.argsort(-known.doubt(known.open), kind="stable")[:n]]


def at_random(known: Known, n: int) -> np.ndarray:
    """Any: to compare with, and for figures that hold for all recordings."""
    return known.rng().permutation(known.open)[:n]


RULES: Mapping[str, Rule] = {"both": both, "uncertain": uncertain, "diverse": diverse, "random": at_random}


def _representative(known: Known, weights: np.ndarray, n: int) -> np.ndarray:
    """Greedy choice: each time the item by which the likeness of all items to the nearest chosen or labelled
    one rises most, times its weight.

    References
    ----------
    Wei, Iyer and Bilmes, "Submodularity in data subset selection and active learning", 2015: facility
    location.
    """
    there = directions(known.items.numbers(known.drawn))
    likeness = np.einsum("id,jd->ij", there, there)
    nearest = np.zeros(len(there), np.float32)
    for labelled in known.labelled:
        nearest = np.maximum(nearest, np.einsum("id,d->i", there, labelled))
    chosen: list[int] = []
    for _ in range(min(n, len(there))):
        gains = weights * np.maximum(likeness - nearest[:, None], 0.0).sum(axis=0, dtype=np.float64)
        gains[chosen] = -1.0
        chosen.append(int(gains.argmax()))
        nearest = np.maximum(nearest, likeness[:, chosen[-1]])
    return known.drawn[chosen]
