"""What stands above a window's own noise floor: the input of networks with the combination ``above_floor``.

The floor of a band is a mean over the window that loud frames hardly raise, so a stream and a graph know it
as well as a whole recording does. `avianvox.models.front_end` holds the same formula as a graph.
"""

import numpy as np

FLOOR_STEPS = 4
FLOOR_MARGIN_DB = 2.0
LEAST_DB, MOST_DB = -4.0, 44.0
"""Beyond these, what stands above the floor says no more."""

SCALE_DB = 13.0
"""Values of about 1 suit a network."""


def above_floor(windows: np.ndarray, *, out: np.ndarray | None = None) -> np.ndarray:
    """Log-mel power above the window's noise floor, clipped and scaled.

    Parameters
    ----------
    windows : np.ndarray, shape (..., n_frames, n_mels), dB
    out : np.ndarray, the same shape, float32, optional
        Filled and returned in place of a new array; it may be ``windows``.

    Returns
    -------
    np.ndarray, the same shape, float32
        0 at the floor; 1 is 13 dB above it; from -0.31 to 3.38.
    """
    windows = np.asarray(windows, np.float32)
    above: np.ndarray = np.subtract(windows, noise_floor(windows), out=out)
    np.clip(above, np.float32(LEAST_DB), np.float32(MOST_DB), out=above)
    above /= np.float32(SCALE_DB)
    return above


def noise_floor(windows: np.ndarray) -> np.ndarray:
    """The noise floor of each band of a window, shape (..., 1, n_mels), dB, float32.

    It is found in steps: ``floor = mean(min(x, floor + 2 dB))`` over the frames, from the mean on.
    """
    windows = np.asarray(windows, np.float32)
    below, n = np.empty_like(windows), np.float32(windows.shape[-2])
    floor: np.ndarray = np.add.reduce(windows, axis=-2, keepdims=True) / n  # mean() takes a fifth more time
    for _ in range(FLOOR_STEPS):
        np.minimum(windows, floor + np.float32(FLOOR_MARGIN_DB), out=below)
        np.add.reduce(below, axis=-2, keepdims=True, out=floor)
        floor /= n
    return floor
