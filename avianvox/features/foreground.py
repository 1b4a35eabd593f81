"""Which cells of a spectrogram are voice: what stands above the noise floor, smoothed.

A plain segmentation, without learning. How far it agrees with boxes that people drew stands in
docs/results.md.
"""

import numpy as np

from avianvox.features.floor import SCALE_DB, above_floor

LEAST_DB = 2.5
"""Above the floor of the band, smoothed."""

_WIDTHS = {-2: 5, -1: 3}  # frames and bands over which cells are averaged, twice


def foreground(windows: np.ndarray, *, least_db: float = LEAST_DB) -> np.ndarray:
    """The cells that stand at least ``least_db`` above the window's noise floor.

    Each is judged by a weighted mean over 9 frames and 5 bands around it, so that single cells of noise don't
    count and short gaps in a voice do.

    Parameters
    ----------
    windows : np.ndarray, shape (..., n_frames, n_mels), dB
        A constant in each band makes no difference.
    least_db : float

    Returns
    -------
    np.ndarray, the same shape, bool
    """
    return _standing_out(windows) >= np.float32(least_db / SCALE_DB)


def height_db(windows: np.ndarray) -> np.ndarray:
    """How far each cell, smoothed, stands above the window's noise floor: what `foreground` compares.

    Returns
    -------
    np.ndarray, the same shape, float32, dB
    """
    return _standing_out(windows) * np.float32(SCALE_DB)


def _standing_out(windows: np.ndarray) -> np.ndarray:
    values = above_floor(windows)
    for axis, width in (*_WIDTHS.items(), *_WIDTHS.items()):
        values = _smoothed(values, axis, width)
    return values


def coarse(masks: np.ndarray, n_times: int, n_bands: int) -> np.ndarray:
    """Masks of fewer cells, each of which is set where any of those that it stands for is.

    Parameters
    ----------
    masks : np.ndarray, shape (n, n_frames, n_rows), bool
    n_times, n_bands : int
        At most ``n_frames`` and ``n_rows``.

    Returns
    -------
    np.ndarray, shape (n, n_times, n_bands), bool
    """
    times, bands = (
        np.arange(n) * length // n for n, length in zip((n_times, n_bands), masks.shape[1:], strict=True)
    )
    return np.logical_or.reduceat(np.logical_or.reduceat(masks, times, axis=1), bands, axis=2)


def _smoothed(values: np.ndarray, axis: int, width: int) -> np.ndarray:
    """The mean over ``width`` neighbours; at the ends, the outermost value stands for what is missing."""
    n = values.shape[axis]
    padding = [(0, 0)] * values.ndim
    padding[axis] = (width // 2, width // 2)
    padded = np.pad(values, padding, mode="edge")
    parts = [np.take(padded, np.arange(i, i + n), axis=axis) for i in range(width)]
    return np.asarray(sum(parts[1:], start=parts[0]) / np.float32(width), np.float32)
