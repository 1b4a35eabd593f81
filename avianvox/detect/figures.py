"""Figures of boxes that training watches: how well they lie, and how many are found."""

from collections.abc import Sequence

import numpy as np

from avianvox.boxes.overlap import as_array, iou
from avianvox.types import Box

SURE = 0.5
"""Score from which a box counts as said."""
SAME = 0.5
"""IoU from which two boxes mean the same voice."""


def box_figures(
    truth: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]], names: Sequence[str]
) -> dict[str, float]:
    """Figures over recordings.

    Returns
    -------
    dict
        ``iou``: mean over the true boxes of the best agreement with a box of the same label that is sure; 0
        where there is none. ``ap50``: average precision at IoU 0.5, mean over the labels that have true
        boxes.
    """
    best: list[float] = []
    for true, boxes in zip(truth, found, strict=True):
        sure = [box for box in boxes if (box.score or 0.0) >= SURE]
        for box in true:
            same = as_array([other for other in sure if other.label == box.label])
            best.append(float(iou(as_array([box]), same).max()) if len(same) else 0.0)
    precisions = [average_precision(truth, found, name) for name in names]
    known = [value for value in precisions if not np.isnan(value)]
    return {
        "iou": float(np.mean(best)) if best else float("nan"),
        "ap50": float(np.mean(known)) if known else float("nan"),
    }


def average_precision(
    truth: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]], label: str, *, least_iou: float = SAME
) -> float:
    """Area under the curve of precision over recall, its precision made falling; NaN without true boxes.

    References
    ----------
    Everingham et al., "The PASCAL visual object classes challenge: a retrospective", 2015.
    """
    hits: list[tuple[float, bool]] = []
    n_true = 0
    for true, boxes in zip(truth, found, strict=True):
        wanted = [box for box in true if box.label == label]
        said = sorted((box for box in boxes if box.label == label), key=lambda box: -(box.score or 0.0))
        agree = iou(as_array(said), as_array(wanted))
        free = np.ones(len(wanted), dtype=bool)
        for box, row in zip(said, agree, strict=True):
            best = int(np.where(free, row, -1.0).argmax()) if free.any() else -1
            right = best >= 0 and row[best] >= least_iou
            if right:
                free[best] = False
            hits.append((box.score or 0.0, right))
        n_true += len(wanted)
    if not n_true:
        return float("nan")
    hits.sort(key=lambda hit: -hit[0])
    right = np.cumsum([hit[1] for hit in hits])
    precision = right / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(falling * np.diff(right, prepend=0)) / n_true)
