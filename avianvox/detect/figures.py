"""Figures of boxes that training watches: how well they lie, and how many are found."""

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np

from avianvox.boxes.figures import at_least, best_ious
from avianvox.boxes.matching import Sound
from avianvox.boxes.precision import Averages

SURE = 0.5
"""Score from which a box counts as said."""


def box_figures(sounds: Sequence[Sound]) -> dict[str, float]:
    """Figures over recordings.

    Returns
    -------
    dict
        ``iou``: mean over the drawn boxes of the best agreement with a sure box of the same label, 0 where
        there is none. ``ap50``: average precision at IoU 0.5, mean over the labels that are drawn.
    """
    labels = sorted({box.label for sound in sounds for box in sound.drawn})
    sure = at_least(sounds, SURE)
    best = [best_ious(sure, label=label, any_name=False) for label in labels]
    ap50 = Averages(sounds, (0.5,), named=True)(np.ones((len(sounds), 1)))[0] if labels else float("nan")
    return {"iou": float(np.concatenate(best).mean()) if best else float("nan"), "ap50": float(ap50)}


def in_words(figures: Mapping[str, float | None], *, digits: int) -> str:
    """Both figures in a line; a mean over nothing has no value."""
    iou, ap50 = (
        "none" if value is None or isnan(value) else f"{value:.{digits}f}"
        for value in (figures["iou"], figures["ap50"])
    )
    return f"mean IoU {iou}, average precision at IoU 0.5 {ap50}"
