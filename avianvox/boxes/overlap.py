"""How far boxes agree, and of boxes that mean the same, the best one.

Many boxes are an array of shape (n, 4): begin and end in seconds, low and high in hertz. Intersection over
union is a ratio of areas, so any two units do.
"""

from collections.abc import Sequence

import numpy as np

from avianvox.errors import InputError
from avianvox.types import Box

SAME_IOU = 0.5
"""Boxes that agree more than this mean the same sound."""


def as_array(boxes: Sequence[Box]) -> np.ndarray:
    """The edges of boxes, shape (n, 4), float64: begin_s, end_s, low_hz, high_hz."""
    edges = [(box.begin_s, box.end_s, box.low_hz, box.high_hz) for box in boxes]
    return np.array(edges, np.float64).reshape(-1, 4)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of every box of one array with every box of another.

    Parameters
    ----------
    a : np.ndarray, shape (n, 4)
    b : np.ndarray, shape (m, 4)

    Returns
    -------
    np.ndarray, shape (n, m), float64, in [0, 1]
        Of two boxes without an area it is 0.

    Examples
    --------
    >>> a = as_array([Box(0.0, 2.0, 0.0, 100.0)])
    >>> iou(a, as_array([Box(1.0, 2.0, 0.0, 100.0), Box(2.0, 3.0, 0.0, 100.0)])).tolist()
    [[0.5, 0.0]]
    """
    a, b = _edges(a), _edges(b)
    shared = _shared(a, b, 0) * _shared(a, b, 2)
    return _ratio(shared, _length(a, 0) * _length(a, 2), _length(b, 0) * _length(b, 2))


def time_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """As `iou`, of their times alone."""
    a, b = _edges(a), _edges(b)
    return _ratio(_shared(a, b, 0), _length(a, 0), _length(b, 0))


def suppress(
    boxes: np.ndarray, scores: np.ndarray, *, labels: np.ndarray | None = None, most_iou: float = SAME_IOU
) -> np.ndarray:
    """Greedy non-maximum suppression: positions of the boxes that stay, the best score first.

    The box of the highest score stays, and those that agree more with it go; then the next one. Of equal
    scores, the earlier position comes first.

    Parameters
    ----------
    boxes : np.ndarray, shape (n, 4)
    scores : np.ndarray, shape (n,)
    labels : np.ndarray, shape (n,), optional
        Boxes of different labels leave each other alone. Without it all of them compete.
    most_iou : float in [0, 1]
        Two boxes that stay agree at most so far.

    Returns
    -------
    np.ndarray, shape (n_kept,), int64
    """
    boxes, scores = _edges(boxes), np.asarray(scores, np.float64)
    kinds = np.zeros(len(boxes), np.int64) if labels is None else np.asarray(labels)
    if scores.shape != boxes.shape[:1] or kinds.shape != boxes.shape[:1]:
        raise InputError(
            f"boxes: expected a score and a label for each of {len(boxes)} boxes, "
            f"got {scores.shape} and {kinds.shape}"
        )
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        same = (iou(boxes[best][None], boxes[waiting])[0] > most_iou) & (kinds[waiting] == kinds[best])
        waiting = waiting[~same]
    return np.array(kept, np.int64)


def suppress_boxes(boxes: Sequence[Box], *, by_label: bool = True, most_iou: float = SAME_IOU) -> list[Box]:
    """`suppress` of scored boxes; ``by_label``: only boxes of one label compete."""
    scores = np.array([-np.inf if box.score is None else box.score for box in boxes])
    labels = np.array([box.label for box in boxes], np.str_) if by_label else None
    return [boxes[i] for i in suppress(as_array(boxes), scores, labels=labels, most_iou=most_iou)]


def _edges(boxes: np.ndarray) -> np.ndarray:
    boxes = np.asarray(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"boxes: expected an array of shape (n, 4), got {boxes.shape}")
    return boxes


def _length(boxes: np.ndarray, first: int) -> np.ndarray:
    lengths: np.ndarray = np.maximum(boxes[:, first + 1] - boxes[:, first], 0.0)
    return lengths


def _shared(a: np.ndarray, b: np.ndarray, first: int) -> np.ndarray:
    """Length of what each pair shares on one axis, shape (n, m)."""
    low = np.maximum(a[:, None, first], b[None, :, first])
    high = np.minimum(a[:, None, first + 1], b[None, :, first + 1])
    shared: np.ndarray = np.maximum(high - low, 0.0)
    return shared


def _ratio(shared: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    union = a[:, None] + b[None, :] - shared
    found: np.ndarray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found
