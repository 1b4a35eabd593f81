"""Many channels to one, one of many, and any sample rate to the model's, block by block."""

from collections.abc import Iterator

import numpy as np
import soxr

_MOST_OUT = 1 << 19  # samples at once


def mix_to_mono(frames: np.ndarray) -> np.ndarray:
    """The mean of all channels: shape (n, channels), float32, to shape (n,). A view where there is one."""
    if frames.shape[1] == 1:
        return frames[:, 0]
    if frames.shape[1] == 2:
        mean: np.ndarray = (frames[:, 0] + frames[:, 1]) * np.float32(0.5)
        return mean
    mixed: np.ndarray = frames.mean(axis=1, dtype=np.float32)
    return mixed


def pick_channel(frames: np.ndarray, channel: int) -> np.ndarray:
    """One channel, counted from 1: shape (n, channels), float32, to shape (n, 1) in an array of its own."""
    return frames[:, channel - 1 : channel].copy()


class Resampler:
    """Changes the sample rate of a stream (soxr, quality HQ); equal rates pass through untouched.

    Parameters
    ----------
    source_rate, target_rate : int, Hz
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._stream = None
        self._piece = max(1, _MOST_OUT * source_rate // target_rate)
        if source_rate != target_rate:
            self._stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32", quality="HQ")

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """The samples that ``samples`` (shape (n,), float32) complete, in arrays of their own.

        What comes out doesn't depend on the pieces that go in; where it is far more, they are small ones.
        """
        if self._stream is None:
            yield samples.copy()
            return
        for at in range(0, len(samples), self._piece):
            yield self._stream.resample_chunk(samples[at : at + self._piece])

    def finish(self) -> np.ndarray:
        """The samples that were still held back."""
        empty = np.empty(0, np.float32)
        return empty if self._stream is None else self._stream.resample_chunk(empty, last=True)
