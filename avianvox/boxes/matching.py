"""Found boxes beside drawn ones: which of them mean the same.

A found box is right where it agrees with a drawn one as far as is asked. The one of the highest score chooses
first, among the drawn boxes that are still free, the one that it agrees with most. So two found boxes of one
call are one right and one wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from avianvox.boxes.overlap import as_array, iou
from avianvox.errors import InputError
from avianvox.types import Box


@dataclass(frozen=True, slots=True)
class Sound:
    """One recording with the boxes that are drawn in it, and those that were found."""

    name: str
    session: str
    drawn: tuple[Box, ...]
    found: tuple[Box, ...]


@dataclass(frozen=True)
class Matches:
    """The found boxes of all recordings, best score first, and which of them are right.

    Attributes
    ----------
    scores : np.ndarray, shape (n,)
    right : np.ndarray, shape (n,), bool
    recording : np.ndarray, shape (n,)
        Position of the recording.
    n_drawn : np.ndarray, shape (n_recordings,)
        Drawn boxes in each.
    """

    scores: np.ndarray
    right: np.ndarray
    recording: np.ndarray
    n_drawn: np.ndarray


def match(sounds: Sequence[Sound], least_iou: float, *, label: str | None = None) -> Matches:
    """Match the boxes of recordings.

    Parameters
    ----------
    sounds : sequence of Sound
    least_iou : float in (0, 1]
    label : str, optional
        Only boxes with this label, drawn and found. By default labels don't count: what is found may have any
        name.

    Raises
    ------
    InputError
        A found box has no score.
    """
    if not 0 < least_iou <= 1:
        raise InputError(f"boxes: expected an IoU above 0 and up to 1, got {least_iou:g}")
    scores, right, recording, n_drawn = list[float](), list[bool](), list[int](), []
    for position, sound in enumerate(sounds):
        drawn = [box for box in sound.drawn if label is None or box.label == label]
        found = ordered([box for box in sound.found if label is None or box.label == label], sound.name)
        taken = chosen(iou(as_array(found), as_array(drawn)), least_iou)
        scores += [box.score or 0.0 for box in found]
        right += (taken >= 0).tolist()
        recording += [position] * len(found)
        n_drawn.append(len(drawn))
    order = np.argsort(-np.array(scores), kind="stable")
    return Matches(
        np.array(scores)[order],
        np.array(right, bool)[order],
        np.array(recording, np.int64)[order],
        np.array(n_drawn, np.float64),
    )


def ordered(found: Sequence[Box], name: str) -> list[Box]:
    """Found boxes, the best score first. Raises `InputError` for one without a score."""
    for box in found:
        if box.score is None or isnan(box.score):
            raise InputError(
                f"{name}: a found box needs a score to be judged, and {box.begin_s:g} s has none"
            )
    return sorted(found, key=lambda box: -(box.score or 0.0))


def chosen(agreement: np.ndarray, least_iou: float) -> np.ndarray:
    """The drawn box that each found one gets, -1 for none; those that come first choose first.

    Parameters
    ----------
    agreement : np.ndarray, shape (n_found, n_drawn)
    least_iou : float
    """
    free = np.ones(agreement.shape[1], bool)
    taken = np.full(len(agreement), -1, np.int64)
    for i, row in enumerate(agreement):
        if free.any():
            best = int(np.where(free, row, -1.0).argmax())
            if row[best] >= least_iou:
                taken[i], free[best] = best, False
    return taken
