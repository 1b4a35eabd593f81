"""How far a map of what a model attends to lies on the voice: its overlap with the vocal mask.

A map is any array of values at moments and bands (attention, Grad-CAM, occlusion), of which what is above 0
counts; the mask is that of `avianvox.features.foreground`. Both have the same cells: for a coarse map,
`avianvox.features.foreground.coarse` makes the mask as coarse.

References
----------
Kantor et al., "Hierarchical loss and guided attention", 2020, for overlap as a confidence and as a weight.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError

BINARISED_AT = 0.5
"""Of a map's maximum: cells from here on are those that it marks."""

GOOD_OVERLAP = 0.5
"""Share of a map inside the mask; below it, an answer that is right may be right for the wrong reason."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Overlap of maps with masks, one value for each map.

    Attributes
    ----------
    share : np.ndarray, shape (n,), float64, 0 to 1
        Of the map's mass, what lies inside the mask; NaN for a map without mass.
    iou : np.ndarray, shape (n,), float64, 0 to 1
        Intersection over union of the mask and the cells that the map marks; NaN where neither has a cell.
    chance : np.ndarray, shape (n,), float64, 0 to 1
        The share that a uniform map has: the part of the cells that are voice.
    """

    share: np.ndarray
    iou: np.ndarray
    chance: np.ndarray


def overlap(maps: np.ndarray, masks: np.ndarray, *, at: float = BINARISED_AT) -> Overlap:
    """Compare maps with masks of the same shape.

    Parameters
    ----------
    maps : np.ndarray, shape (n, n_times, n_bands)
        Values below 0 count as 0.
    masks : np.ndarray, shape (n, n_times, n_bands), bool
    at : float, above 0 and at most 1
        Share of a map's maximum from which on a cell is marked.

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
    marked = binarised(maps, at=at)
    return Overlap(
        share=_ratio((maps * masks).sum(axis=1), maps.sum(axis=1)),
        iou=_ratio((marked & masks).sum(axis=1), (marked | masks).sum(axis=1)),
        chance=_ratio(masks.sum(axis=1), np.full(len(masks), masks.shape[1])),
    )


def binarised(maps: np.ndarray, *, at: float = BINARISED_AT) -> np.ndarray:
    """The cells of each map with at least ``at`` of its maximum; none of a map without values above 0."""
    if not 0 < at <= 1:
        raise InputError(f"overlap: expected a share of the maximum above 0 and at most 1, got {at}")
    highest = maps.max(axis=tuple(range(1, maps.ndim)), keepdims=True, initial=0.0)
    marked: np.ndarray = (maps > 0) & (maps >= at * highest)
    return marked


@dataclass(frozen=True, slots=True)
class Weights:
    """How much a training example counts, by its answer and its overlap.

    ``good``: the right answer, on the voice; ``poor``: the right answer, beside it; ``wrong``: another one.
    """

    good: float = 0.5
    poor: float = 0.75
    wrong: float = 1.5
    least: float = GOOD_OVERLAP

    def of(self, right: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Weights of examples, shape (n,), float64. An overlap that is NaN counts as poor."""
        return np.where(right, np.where(on_voice(share, least=self.least), self.good, self.poor), self.wrong)


def on_voice(share: np.ndarray, *, least: float = GOOD_OVERLAP) -> np.ndarray:
    """Whether the overlap is good. One that is NaN is not."""
    found: np.ndarray = np.asarray(share) >= least
    return found


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: np.ndarray = part / whole
    return ratio
