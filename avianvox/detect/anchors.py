"""Anchors: boxes of a few sizes at each place of a map, which become proposals.

Sizes are found from the boxes to learn from. `match` says what an anchor or a region is to learn, and
`sample` which of them a step looks at.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.boxes.overlap import iou
from avianvox.detect.geometry import sides

NOT_ASKED = -2
"""Class of an anchor or region from which nothing is learned."""
NOTHING = -1
"""Class of one that holds no box."""

_ROUNDS = 50


def anchor_sizes(boxes: np.ndarray, n: int) -> np.ndarray:
    """Typical sizes of boxes: k-means of the logarithms of their sides, from quantiles of their areas on.

    Parameters
    ----------
    boxes : np.ndarray, shape (n_boxes, 4)
    n : int
        Number of sizes; fewer where fewer boxes differ.

    Returns
    -------
    np.ndarray, shape (at most n, 2), float64
        Frames and bands, the smallest area first.
    """
    logs = np.unique(np.log(np.maximum(sides(np.asarray(boxes, np.float64)), 1.0)), axis=0)
    logs = logs[np.argsort(logs.sum(axis=1), kind="stable")]
    n = min(n, len(logs))
    centres = logs[((np.arange(n) + 0.5) * len(logs) / n).astype(int)]
    for _ in range(_ROUNDS):
        nearest = np.square(logs[:, None] - centres[None]).sum(axis=2).argmin(axis=1)
        moved = np.array(
            [logs[nearest == k].mean(axis=0) if (nearest == k).any() else centres[k] for k in range(n)]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    sizes: np.ndarray = np.exp(centres)
    return sizes[np.argsort(sizes.prod(axis=1), kind="stable")]


@dataclass(frozen=True)
class Grid:
    """The anchors of a window.

    Attributes
    ----------
    n_frames, n_bands : int
        Of a window.
    stride_frames, stride_bands : int
        From one place of the map to the next.
    sizes : tuple of tuple of float
        Frames and bands of each anchor at a place.
    """

    n_frames: int
    n_bands: int
    stride_frames: int
    stride_bands: int
    sizes: tuple[tuple[float, ...], ...]

    @property
    def places(self) -> tuple[int, int]:
        """Shape of the map."""
        return self.n_frames // self.stride_frames, self.n_bands // self.stride_bands

    def anchors(self) -> np.ndarray:
        """Boxes, shape (n, 4), float64: by time, then by band, then by size."""
        times, bands = self.places
        centres = np.stack(
            np.meshgrid(
                (np.arange(times) + 0.5) * self.stride_frames,
                (np.arange(bands) + 0.5) * self.stride_bands,
                indexing="ij",
            ),
            axis=-1,
        )[:, :, None]
        half = np.asarray(self.sizes, np.float64)[None, None] / 2
        low, high = (centres - half).reshape(-1, 2), (centres + half).reshape(-1, 2)
        return np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], axis=1)


def match(
    candidates: np.ndarray,
    boxes: np.ndarray,
    *,
    ignored: np.ndarray | None = None,
    least_iou: float,
    nothing_below: float,
    best_too: bool = False,
) -> np.ndarray:
    """The box that each candidate is to find.

    Parameters
    ----------
    candidates : np.ndarray, shape (n, 4)
    boxes : np.ndarray, shape (n_boxes, 4)
    ignored : np.ndarray, shape (n_ignored, 4), optional
        Pieces of which nobody says what they are; a candidate that lies on one is not asked.
    least_iou : float
        From here on a candidate has to find a box.
    nothing_below : float
        Below, it holds nothing; between, it is not asked.
    best_too : bool
        Each box is also found by the candidates that agree with it best.

    Returns
    -------
    np.ndarray, shape (n,), int64
        Position in ``boxes``, `NOTHING` or `NOT_ASKED`.
    """
    found = np.full(len(candidates), NOTHING, np.int64)
    if ignored is not None and len(ignored):
        found[(covered(candidates, ignored) >= 0.5).any(axis=1)] = NOT_ASKED
    if not len(boxes):
        return found
    agree = iou(candidates, boxes)
    best, which = agree.max(axis=1), agree.argmax(axis=1)
    found[best >= nothing_below] = NOT_ASKED
    found[best >= least_iou] = which[best >= least_iou]
    if best_too:
        highest = agree.max(axis=0)
        candidate, box = np.nonzero((agree >= highest - 1e-9) & (highest > 0))
        found[candidate] = box
    return found


def covered(candidates: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Share of each candidate that lies in each piece, shape (n, n_pieces)."""
    a, b = candidates[:, None], pieces[None]
    frames = np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0])
    bands = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 2], b[..., 2])
    area = np.maximum(sides(candidates).prod(axis=1), 1e-9)
    shared: np.ndarray = np.maximum(frames, 0) * np.maximum(bands, 0) / area[:, None]
    return shared


def sample(
    found: np.ndarray, rng: np.random.Generator, *, n: int, positive: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the candidates that a step looks at.

    Parameters
    ----------
    found : np.ndarray, shape (n_candidates,), int
        Of `match`.
    rng : np.random.Generator
    n : int
        Most of both together.
    positive : float
        Largest share of those that have a box.

    Returns
    -------
    tuple of np.ndarray
        Those that have a box, and those that hold nothing, both ascending.
    """
    with_box, without = np.flatnonzero(found >= 0), np.flatnonzero(found == NOTHING)
    chosen = rng.permutation(with_box)[: int(n * positive)]
    others = rng.permutation(without)[: n - len(chosen)]
    return np.sort(chosen), np.sort(others)
