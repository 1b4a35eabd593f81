"""Species that a model does not learn: which of them in which turn, and what is learned and tested there.

Species are drawn into groups. Each group has one turn, which goes with one fold of a split, so that each
species is unknown once and no more fits are needed than there are groups. In a turn the species of its group
are left out of the fold's training part. Tested are the fold's test part and, of the species held out, also
the recordings of the training part whose sessions nothing is learned from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avianvox.dataset.splits import GROUP_OF, Fold
from avianvox.randomness import derive_uniform, hash_name
from avianvox.types import NO_BIRD, Recording


@dataclass(frozen=True, slots=True)
class Turn:
    """Species that are held out together.

    Attributes
    ----------
    size : int
        How many were asked for; the last groups may be smaller.
    number : int
        Of the turn, from 0.
    fold : int
        The fold that it goes with.
    species : tuple of str
    """

    size: int
    number: int
    fold: int
    species: tuple[str, ...]

    @property
    def name(self) -> str:
        """In the names of fits."""
        return f"without{self.size}-{self.number}"


def draw_turns(labels: Sequence[str], *, size: int, n_folds: int, seed: int) -> tuple[Turn, ...]:
    """Groups of at most ``size`` species, of nearly equal size, and the folds that they go with.

    The draw does not depend on the order of ``labels``. Recordings without a bird are never held out.
    """
    species = np.array(sorted(set(labels) - {NO_BIRD, ""}))
    keys = np.array([hash_name(name) for name in species.tolist()], np.uint64)
    drawn = species[np.argsort(derive_uniform(seed, "held-out species", keys=keys), kind="stable")]
    n_turns = -(-len(drawn) // size)
    return tuple(
        Turn(size, k, k % n_folds, tuple(sorted(drawn[k::n_turns].tolist()))) for k in range(n_turns)
    )


def turn_fold(fold: Fold, recordings: Sequence[Recording], species: Sequence[str], grouping: str) -> Fold:
    """What is learned and tested in a turn.

    Parameters
    ----------
    fold : Fold
        Positions in ``recordings``.
    recordings : sequence of Recording
    species : sequence of str
        Held out.
    grouping : str
        One that keeps groups together: recordings of a group that is learned from are not tested.
    """
    group = GROUP_OF[grouping]
    left_out = np.array([recordings[i].label in species for i in fold.train.tolist()], bool)
    train = fold.train[~left_out]
    heard = {group(recordings[i]) for i in train.tolist()}
    unheard = [i for i in fold.train[left_out].tolist() if group(recordings[i]) not in heard]
    return Fold(train, np.sort(np.concatenate([fold.test, np.array(unheard, np.int64)])))
