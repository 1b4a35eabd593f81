"""Learning curves: how a model fares that learned from fewer recordings of each class.

The training part of a fold is cut, its test part stays, so that the figures of all sizes are comparable.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from avianvox.dataset.splits import Fold
from avianvox.randomness import derive_uniform, hash_name
from avianvox.types import Recording


def cut_training(fold: Fold, recordings: Sequence[Recording], per_class: int, *, seed: int) -> Fold:
    """At most ``per_class`` training recordings of each class.

    The sessions of a class take turns in giving one of their recordings, so that few recordings still come
    from as many sessions as there are. A small cut is part of every larger one of the same seed, and the draw
    does not depend on the order of ``recordings``.

    Parameters
    ----------
    fold : Fold
        Positions in ``recordings``.
    recordings : sequence of Recording
    per_class : int, at least 1
    seed : int
    """
    keys = np.array([hash_name(recordings[i].id) for i in fold.train.tolist()], np.uint64)
    drawn = np.argsort(derive_uniform(seed, "learning curve", keys=keys), kind="stable")
    turns: Counter[tuple[str, str]] = Counter()
    ranked: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for place, i in enumerate(fold.train[drawn].tolist()):
        label, session = recordings[i].label, recordings[i].session
        ranked[label].append((turns[label, session], place, i))
        turns[label, session] += 1
    chosen = [i for rows in ranked.values() for *_, i in sorted(rows)[:per_class]]
    return replace(fold, train=np.array(sorted(chosen), np.int64))
