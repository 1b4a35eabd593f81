"""Boxes in seconds and hertz, in frames and bands of a window, and as offsets from other boxes.

Frames and bands are counted along the edges of their cells: frame ``t`` covers ``t`` to ``t + 1`` and is
centred on sample ``t * hop_length``; band ``b`` covers ``b`` to ``b + 1``, evenly in mel.
"""

import numpy as np

from avianvox.features.filters import hz_to_mel, mel_to_hz
from avianvox.features.spec import FeatureSpec

OFFSET_SCALE = np.array([0.1, 0.1, 0.2, 0.2])
"""What a unit of an offset is: shares of the box's duration and height, and logarithms of their ratios."""

_LEAST_SIDE = 1e-3
_MOST_LOG = 2.5  # a box grows or shrinks to a twelfth at most


def to_cells(boxes: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """Boxes in seconds and hertz, shape (n, 4), as frames and bands of the recording.

    Frequencies outside the bands become the outermost edge.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    frames = boxes[:, :2] * (spec.sample_rate / spec.hop_length) + 0.5
    low, high = hz_to_mel(spec.fmin_hz), hz_to_mel(spec.fmax_hz)
    bands = (hz_to_mel(boxes[:, 2:]) - low) / (high - low) * (spec.n_mels + 1) - 0.5
    return np.concatenate([frames, np.clip(bands, 0, spec.n_mels)], axis=1)


def from_cells(boxes: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """The inverse of `to_cells`."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    seconds = (boxes[:, :2] - 0.5) * (spec.hop_length / spec.sample_rate)
    low, high = hz_to_mel(spec.fmin_hz), hz_to_mel(spec.fmax_hz)
    mel = low + (boxes[:, 2:] + 0.5) / (spec.n_mels + 1) * (high - low)
    return np.concatenate([seconds, mel_to_hz(mel)], axis=1)


def sides(boxes: np.ndarray) -> np.ndarray:
    """Frames and bands that each box covers, shape (n, 2)."""
    return np.stack([boxes[..., 1] - boxes[..., 0], boxes[..., 3] - boxes[..., 2]], axis=-1)


def encode(boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Offsets that lead from anchors to boxes, one for each: shape (n, 4), float32.

    Centres, then logarithms of the sides, in units of `OFFSET_SCALE`.
    """
    sizes, wanted = _sides(anchors), _sides(boxes)
    moved = (_centres(boxes) - _centres(anchors)) / sizes
    grown = np.log(wanted / sizes)
    return np.asarray(np.concatenate([moved, grown], axis=1) / OFFSET_SCALE, np.float32)


def decode(offsets: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """The inverse of `encode`: boxes, shape (n, 4), float64."""
    offsets = np.asarray(offsets, np.float64) * OFFSET_SCALE
    sizes = _sides(anchors)
    centres = _centres(anchors) + offsets[:, :2] * sizes
    half = sizes * np.exp(np.clip(offsets[:, 2:], -_MOST_LOG, _MOST_LOG)) / 2
    low, high = centres - half, centres + half
    return np.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], axis=1)


def clipped(boxes: np.ndarray, n_frames: int, n_bands: int) -> np.ndarray:
    """Boxes cut at the edges of a window."""
    cut: np.ndarray = np.clip(boxes, 0.0, np.array([n_frames, n_frames, n_bands, n_bands], np.float64))
    return cut


def _centres(boxes: np.ndarray) -> np.ndarray:
    centres: np.ndarray = np.stack([boxes[:, 0] + boxes[:, 1], boxes[:, 2] + boxes[:, 3]], axis=1) / 2
    return centres


def _sides(boxes: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(sides(np.asarray(boxes, np.float64)), _LEAST_SIDE))
