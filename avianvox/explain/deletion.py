"""The deletion test: does a score fall faster when what a map marks is silenced than when anything else is?

Tiles are taken out of every window, those with the highest values of the map first, and the score is asked
anew. Beside it, as many tiles are taken out at random, and in the order of their loudness: a map that does no
better than that has found where there is sound, and nothing more.

References
----------
Petsiuk, Das and Saenko, "RISE: randomized input sampling for explanation of black-box models", 2018.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation.bootstrap import Interval, session_interval
from avianvox.explain.heard import Heard, stretched
from avianvox.explain.listener import Listener
from avianvox.explain.occlusion import Grid, rescored, silencer_of
from avianvox.features.floor import noise_floor
from avianvox.randomness import derive_rng

SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
"""Of the tiles of a window, taken out."""

ORDERS = ("map", "random", "loudest")


@dataclass(frozen=True)
class Deletion:
    """Scores of one recording's windows without some of their tiles.

    Attributes
    ----------
    shares : np.ndarray, shape (n_shares,)
        Of the tiles that are gone; the first one is 0.
    scores : mapping of str to np.ndarray, shape (n_shares,)
        By the name of the order (`ORDERS`): the mean score of the windows.
    """

    shares: np.ndarray
    scores: dict[str, np.ndarray]

    def drop(self, order: str) -> float:
        """How far the score falls, the mean over all shares but 0."""
        curve = self.scores[order]
        return float(curve[0] - curve[1:].mean())


def deletion(
    listener: Listener,
    heard: Heard,
    maps: np.ndarray,
    target: int,
    windows: np.ndarray,
    grid: Grid,
    *,
    seed: int = 0,
    n_random: int = 3,
    shares: tuple[float, ...] = SHARES,
) -> Deletion:
    """Take tiles out of the windows of a recording, in three orders.

    Parameters
    ----------
    listener : Listener
    heard : Heard
    maps : np.ndarray, shape (n, n_times, n_bands)
        Of ``windows``, as `avianvox.explain.methods.Method.maps` gives them.
    target : int
        The class whose score is asked.
    windows : np.ndarray, shape (n,), int64
    grid : Grid
        The tiles.
    seed : int
        Of the random order, which depends on the recording too.
    n_random : int
        Random orders, whose scores are averaged.
    shares : tuple of float
    """
    if not all(0 < share <= 1 for share in shares):
        raise InputError(f"deletion: expected shares above 0 and at most 1, got {shares}")
    silencer = silencer_of(heard, grid)
    n_tiles = grid.n_times * grid.n_bands
    counts = [max(1, round(share * n_tiles)) for share in shares]
    drawn = [derive_rng(seed, "deletion", heard.path, repeat) for repeat in range(n_random)]
    found: dict[str, list[np.ndarray]] = {order: [] for order in ORDERS}
    for window, values in zip(windows.tolist(), maps, strict=True):
        bands = heard.bands[heard.frames_of(window)]
        fine = stretched(values[None], *bands.shape)[0]
        loud = grid.means(np.maximum(bands - noise_floor(bands), 0.0))
        orders = [
            np.argsort(-grid.means(fine).ravel(), kind="stable"),
            np.argsort(-loud.ravel(), kind="stable"),
            *(rng.permutation(n_tiles) for rng in drawn),
        ]
        gone = np.zeros((len(orders), len(counts), n_tiles), bool)
        for order, tiles in zip(orders, gone, strict=True):
            for count, row in zip(counts, tiles, strict=True):
                row[order[:count]] = True
        choices = gone.reshape(-1, grid.n_times, grid.n_bands)
        answers = rescored(listener, silencer, heard.rows[window], choices)
        scores = np.concatenate([scores[:, target] for scores, _ in answers]).reshape(len(orders), -1)
        whole = np.full((len(orders), 1), heard.scores[window, target])
        scores = np.concatenate([whole, scores], axis=1)
        found["map"].append(scores[0])
        found["loudest"].append(scores[1])
        found["random"].append(scores[2:].mean(axis=0))
    return Deletion(
        np.array([0.0, *(count / n_tiles for count in counts)]),
        {order: np.asarray(rows, np.float64).mean(axis=0) for order, rows in found.items()},
    )


def advantage(deletions: list[Deletion], sessions: np.ndarray, *, over: str = "random") -> Interval:
    """How much further the score falls by the map's order than by another, over recordings.

    A paired difference of `Deletion.drop`; its interval is over sessions.
    """
    gained = np.array([one.drop("map") - one.drop(over) for one in deletions])
    return session_interval(gained, sessions)
