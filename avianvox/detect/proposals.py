"""From what the network's two parts give to boxes, in NumPy: what no graph of built-in operators holds."""

from dataclasses import dataclass

import numpy as np

from avianvox.boxes.overlap import suppress
from avianvox.detect.anchors import Grid
from avianvox.detect.geometry import clipped, decode, sides

_LOOKED_AT = 4
"""Anchors that are decoded for each proposal that may stay."""
_LEAST_SIDE = 1.0


@dataclass(frozen=True)
class Limits:
    """How boxes are chosen.

    Attributes
    ----------
    proposals : int
        Regions that are looked at in a window.
    proposal_iou : float
        Proposals of a window agree at most so far.
    box_iou : float
        So do boxes of one class.
    least_score : float
        Of a box.
    """

    proposals: int = 48
    proposal_iou: float = 0.7
    box_iou: float = 0.4
    least_score: float = 0.05


def propose(
    objectness: np.ndarray, offsets: np.ndarray, anchors: np.ndarray, grid: Grid, limits: Limits
) -> np.ndarray:
    """Where a window may hold boxes.

    Parameters
    ----------
    objectness : np.ndarray, shape (n_anchors,)
        Logits.
    offsets : np.ndarray, shape (n_anchors, 4)
    anchors : np.ndarray, shape (n_anchors, 4)
    grid : Grid
    limits : Limits

    Returns
    -------
    np.ndarray, shape (at most limits.proposals, 4), float64
        Within the window, the likeliest first.
    """
    objectness = np.asarray(objectness, np.float64)
    first = np.argsort(-objectness, kind="stable")[: limits.proposals * _LOOKED_AT]
    boxes = clipped(decode(offsets[first], anchors[first]), grid.n_frames, grid.n_bands)
    large = (sides(boxes) >= _LEAST_SIDE).all(axis=1)
    boxes, scores = boxes[large], objectness[first][large]
    kept = suppress(boxes, scores, most_iou=limits.proposal_iou)[: limits.proposals]
    return np.asarray(boxes[kept])


def name_regions(
    scores: np.ndarray, offsets: np.ndarray, regions: np.ndarray, grid: Grid, limits: Limits
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes of a window with their classes.

    Parameters
    ----------
    scores : np.ndarray, shape (n_regions, n_classes + 1)
        Probabilities; the last column is that of no voice.
    offsets : np.ndarray, shape (n_regions, 4)
    regions : np.ndarray, shape (n_regions, 4)
    grid : Grid
    limits : Limits

    Returns
    -------
    boxes : np.ndarray, shape (n, 4), float64
    classes : np.ndarray, shape (n,), int64
    scores : np.ndarray, shape (n,), float64
        Falling.
    """
    boxes = clipped(decode(offsets, regions), grid.n_frames, grid.n_bands)
    region, classes = np.nonzero(scores[:, :-1] >= limits.least_score)
    boxes, found = boxes[region], np.asarray(scores, np.float64)[region, classes]
    large = (sides(boxes) >= _LEAST_SIDE).all(axis=1)
    boxes, classes, found = boxes[large], classes[large], found[large]
    kept = suppress(boxes, found, labels=classes, most_iou=limits.box_iou)
    return boxes[kept], classes[kept], found[kept]


def padded(regions: np.ndarray, n: int) -> np.ndarray:
    """Regions with empty ones after them, as a graph of ``n`` regions takes them: shape (n, 4), float32."""
    filled = np.zeros((n, 4), np.float32)
    filled[: len(regions)] = regions
    return filled
