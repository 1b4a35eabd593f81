"""A plan in which some recordings come more often than others of their class."""

import numpy as np


def by_weight(
    planned: np.ndarray, targets: np.ndarray, weights: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The same classes in the same order, by recordings that come in proportion to their weights.

    Parameters
    ----------
    planned : np.ndarray, shape (n,), int
        Positions of recordings.
    targets : np.ndarray, shape (n_recordings,), int
        Their classes.
    weights : np.ndarray, shape (n_recordings,)
        Above 0.
    rng : np.random.Generator

    Returns
    -------
    np.ndarray, shape (n,), int64
        Each recording comes as often as is its due, or once more or less.
    """
    found = np.empty(len(planned), np.int64)
    classes = targets[planned]
    for label in np.unique(classes):
        slots, members = np.flatnonzero(classes == label), np.flatnonzero(targets == label)
        sums = np.append(0.0, np.cumsum(weights[members]))
        bounds = sums / sums[-1] * len(slots)
        counts = np.diff(np.floor(bounds + rng.random())).astype(np.int64)
        found[slots] = rng.permutation(np.repeat(members, counts))
    return found
