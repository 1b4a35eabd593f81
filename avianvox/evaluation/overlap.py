"""How far a map of what a model attends to lies on the voice: its overlap with the vocal mask.

A map is any array of values at moments and bands (attention, Grad-CAM, occlusion), of which what is above 0
counts; the mask is that of `avianvox.features.foreground`. Both have the same cells: either the map is made
as fine as the mask, or `avianvox.features.foreground.coarse` makes the mask as coarse as the map.

References
----------
Kantor et al., "Hierarchical loss and guided attention", 2020, for overlap as a confidence and as a weight.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError

GOOD_GAIN = 0.0
"""Gain of an overlap that is good: the map lies on the voice more than a uniform map does."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Overlap of maps with masks, one value for each map.

    Attributes
    ----------
    share : np.ndarray, shape (n,), float64, 0 to 1
        Of the map's mass, what lies inside the mask; NaN for a map without mass.
    iou : np.ndarray, shape (n,), float64, 0 to 1
        Intersection over union of the mask and the cells that the map marks, see `marked`; NaN without
        a voice.
    chance : np.ndarray, shape (n,), float64, 0 to 1
        The share that a uniform map has: the part of the cells that are voice.
    """

    share: np.ndarray
    iou: np.ndarray
    chance: np.ndarray

    @property
    def gain(self) -> np.ndarray:
        """How far the share is above chance: 1 where all of the map is voice, 0 for a uniform map, below 0
        beside the voice; NaN for a map without mass, and where all cells are voice.
        """
        return _ratio(self.share - self.chance, 1.0 - self.chance)


def overlap(maps: np.ndarray, masks: np.ndarray) -> Overlap:
    """Compare maps with masks of the same shape.

    Parameters
    ----------
    maps : np.ndarray, shape (n, n_times, n_bands)
        Values below 0 count as 0.
    masks : np.ndarray, shape (n, n_times, n_bands), bool

    Raises
    ------
    InputError
        The shapes differ, or a value of a map is not finite.
    """
    maps, masks = np.asarray(maps, np.float64), np.asarray(masks, bool)
    if maps.shape != masks.shape or maps.ndim != 3:
        raise InputError(
            f"overlap: expected maps and masks of one shape (n, times, bands), got {maps.shape} "
            f"and {masks.shape}"
        )
    if not np.isfinite(maps).all():
        raise InputError("overlap: expected finite maps, got values that are not")
    maps, masks = np.maximum(maps, 0.0).reshape(len(maps), -1), masks.reshape(len(maps), -1)
    sizes = masks.sum(axis=1)
    chosen = marked(maps, sizes)
    return Overlap(
        share=_ratio((maps * masks).sum(axis=1), maps.sum(axis=1)),
        iou=_ratio((chosen & masks).sum(axis=1), (chosen | masks).sum(axis=1)),
        chance=_ratio(sizes, np.full(len(masks), masks.shape[1])),
    )


def marked(maps: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The binarised maps: cells of the highest values above 0, as many as ``sizes`` says of each map.

    Cells as high as the last of them are marked too.

    Parameters
    ----------
    maps : np.ndarray, shape (n, n_cells)
    sizes : np.ndarray, shape (n,), int
    """
    ordered = -np.sort(-maps, axis=1)
    last = np.take_along_axis(ordered, np.maximum(sizes - 1, 0)[:, None], axis=1)
    return np.asarray((maps > 0) & (maps >= last) & (sizes > 0)[:, None])


@dataclass(frozen=True, slots=True)
class Weights:
    """How much a training example counts, by its answer and its overlap.

    ``good``: the right answer, on the voice; ``poor``: the right answer, beside it; ``wrong``: another one.
    On the voice is a gain of ``least`` or more.
    """

    good: float = 0.5
    poor: float = 0.75
    wrong: float = 1.5
    least: float = GOOD_GAIN

    def of(self, right: np.ndarray, gain: np.ndarray) -> np.ndarray:
        """Weights of examples, shape (n,), float64."""
        return np.where(right, np.where(on_voice(gain, least=self.least), self.good, self.poor), self.wrong)


def on_voice(gain: np.ndarray, *, least: float = GOOD_GAIN) -> np.ndarray:
    """Whether the overlap is good. One that is NaN is not."""
    found: np.ndarray = np.asarray(gain) >= least
    return found


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: np.ndarray = part / whole
    return np.where(np.isinf(ratio), np.nan, ratio)
