"""A learned segmentation: two small convolutions say which cells of a spectrogram are voice.

It sees what stands above the window's noise floor, in blocks of `BLOCK` frames and bands (mean and maximum of
each), with the height of the bands. `avianvox.models.segmenter` learns the weights from boxes that people
drew; here they are applied, with the same bits under every kernel of BLAS.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError
from avianvox.features.floor import above_floor

BLOCK = (4, 2)
"""Frames and bands that are judged as one."""

KERNEL = (5, 3)
"""Blocks along time and bands that a convolution sees."""

N_CHANNELS = 8
NAMES = ("kernel1", "bias1", "kernel2", "bias2", "kernel3", "bias3")


@dataclass(frozen=True)
class Segmenter:
    """``arrays``: kernels, shape (times, bands, n_in, n_out), and biases, by `NAMES`."""

    arrays: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        if set(self.arrays) != set(NAMES):
            raise InputError(f"a segmenter has {', '.join(NAMES)}, got {', '.join(self.arrays) or 'nothing'}")

    def logits(self, windows: np.ndarray) -> np.ndarray:
        """Of each block: above 0 where a voice is likelier than none.

        Parameters
        ----------
        windows : np.ndarray, shape (n, n_frames, n_mels), dB

        Returns
        -------
        np.ndarray, shape (n, n_frames // 4, n_mels // 2), float32
        """
        x = blocks(windows)
        for layer in "123":
            x = convolved(x, self.arrays[f"kernel{layer}"]) + self.arrays[f"bias{layer}"]
            if layer != "3":
                x = np.maximum(x, np.float32(0.0))
        return np.asarray(x[..., 0])

    def mask(self, windows: np.ndarray, *, least: float = 0.0) -> np.ndarray:
        """Cells whose block is voice, shape of ``windows``, bool; ``least``: of the logit.

        Frames and bands that fill no block are none.
        """
        found = self.logits(windows) >= least
        for axis, size in zip((1, 2), BLOCK, strict=True):
            found = np.repeat(found, size, axis=axis)
        whole = np.zeros(windows.shape, bool)
        whole[:, : found.shape[1], : found.shape[2]] = found
        return whole


def blocks(windows: np.ndarray) -> np.ndarray:
    """What a segmenter sees: mean and maximum of each block above the floor, and its height from -1 to 1.

    Parameters
    ----------
    windows : np.ndarray, shape (n, n_frames, n_mels), dB

    Returns
    -------
    np.ndarray, shape (n, n_frames // 4, n_mels // 2, 3), float32
    """
    above = above_floor(windows)
    n, n_times, n_bands = len(above), above.shape[1] // BLOCK[0], above.shape[2] // BLOCK[1]
    cells = above[:, : n_times * BLOCK[0], : n_bands * BLOCK[1]].reshape(
        n, n_times, BLOCK[0], n_bands, BLOCK[1]
    )
    heights = np.broadcast_to(np.linspace(-1, 1, n_bands, dtype=np.float32), (n, n_times, n_bands))
    return np.stack([cells.mean(axis=(2, 4)), cells.max(axis=(2, 4)), heights], axis=-1, dtype=np.float32)


def convolved(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolution with zeros around, shape (n, n_times, n_bands, n_out), float32; sums in a fixed order."""
    times, bands, _, n_out = kernel.shape
    n, n_times, n_bands, _ = x.shape
    reach = ((0, 0), (times // 2, times // 2), (bands // 2, bands // 2), (0, 0))
    padded = np.pad(x, reach)
    found = np.zeros((n, n_times, n_bands, n_out), np.float32)
    for time in range(times):
        for band in range(bands):
            part = padded[:, time : time + n_times, band : band + n_bands]
            found += np.einsum("ntbi,io->ntbo", part, kernel[time, band])
    return found
