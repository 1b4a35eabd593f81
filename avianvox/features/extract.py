"""The fast extractor: log-mel and MFCC from one pass over the sound.

A frame's values are the same bits wherever it stands. Each is a sum in a fixed order, and NumPy computes
those of many frames side by side. No product goes to BLAS, whose sums depend on its kernel, on its threads
and on the place of a row in its block. Frames are computed in blocks of a fixed size, so that nothing depends
on how the sound was cut on its way here. `EXTRACTOR_REVISION` in `spec` counts the changes of the numbers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from avianvox.errors import InputError
from avianvox.features.filters import dct_matrix, hann_window, mel_matrix
from avianvox.features.spec import FeatureSpec
from avianvox.types import FeatureMap, Waveform

_BLOCK_FRAMES = 128  # fits a second-level cache; larger is slower
_FFT_FRAMES = {np.float32: 32, np.float64: 16}  # their spectra are in a near cache when the power is taken
_GROUPS = 16  # of neighbouring bands, which need about as many bins each
LEAST_POWER = np.finfo(np.float32).tiny  # has a logarithm
_DB = np.float32(10.0 / np.log(10.0))  # NumPy has a faster natural logarithm than a decimal one


class FeatureStream:
    """Turns a stream of samples into a stream of feature rows.

    Parameters
    ----------
    spec : FeatureSpec

    Examples
    --------
    >>> stream = FeatureStream(FeatureSpec())
    >>> rows = [*stream.push(np.zeros(30000, np.float32)), *stream.finish()]
    >>> sum(len(block) for block in rows)
    59
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        self._window, self._dct, self._bins, self._groups = _constants(spec)
        self._floor_db = np.float32(10.0 * np.log10(spec.log_floor))
        # The rounding of float32 is equally loud in all bins, some 130 dB below the loudest sound. That is
        # nothing beside a sound that the bands hear, and too much beside one that they leave out, like wind.
        everything = (spec.fmin_hz, spec.fmax_hz) == (0.0, spec.sample_rate / 2)
        real, whole = (np.float32, np.complex64) if everything else (np.float64, np.complex128)
        self._frames = np.empty((_FFT_FRAMES[real], spec.n_fft), real)
        self._spectrum = np.empty((spec.n_fft // 2 + 1, len(self._frames)), whole)
        self._power = np.zeros((self._bins.stop - self._bins.start, _BLOCK_FRAMES), np.float32)
        self._gathered = np.empty(max(group.bins.size for group in self._groups) * _BLOCK_FRAMES, np.float32)
        self._log_mel = np.empty((spec.n_mels, _BLOCK_FRAMES), np.float32)
        self._mfcc = np.empty((spec.n_mfcc, _BLOCK_FRAMES), np.float32)
        self._span = latest_row(spec)
        self._reset()

    def _reset(self) -> None:
        self._pending = [np.zeros(self.spec.n_fft // 2, np.float32)]  # the centre padding
        self._n_pending = self.spec.n_fft // 2
        self._n_samples = 0
        self._n_done = 0

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Take ``samples`` (shape (n,), float32) in; yield blocks of rows, shape (_, n_features), float32."""
        self._n_samples += len(samples)
        self._pending.append(samples)
        self._n_pending += len(samples)
        if self._n_pending < self._span:
            return
        buffer = np.concatenate(self._pending)
        advance = _BLOCK_FRAMES * self.spec.hop_length
        start = 0
        while start + self._span <= len(buffer):
            self._n_done += _BLOCK_FRAMES
            yield self._block(buffer[start : start + self._span])
            start += advance
        self._pending = [buffer[start:].copy()]
        self._n_pending = len(buffer) - start

    def finish(self) -> Iterator[np.ndarray]:
        """Yield the rows that are left, then start anew: the object can take the next recording."""
        left = self.spec.frames_of(self._n_samples) - self._n_done
        tail = np.concatenate(self._pending)
        advance = _BLOCK_FRAMES * self.spec.hop_length
        for start in range(0, left * self.spec.hop_length, advance):
            padded = np.zeros(self._span, np.float32)
            piece = tail[start : start + self._span]
            padded[: len(piece)] = piece
            yield self._block(padded, min(left - start // self.spec.hop_length, _BLOCK_FRAMES))
        self._reset()

    def _block(self, samples: np.ndarray, n_frames: int = _BLOCK_FRAMES) -> np.ndarray:
        """The first ``n_frames`` rows of a block; nothing is transformed for those that follow."""
        spec = self.spec
        frames = np.lib.stride_tricks.sliding_window_view(samples, spec.n_fft)[:: spec.hop_length]
        spectrum = self._spectrum[self._bins]
        squares = spectrum.view(self._frames.dtype).reshape(*spectrum.shape, 2)
        for first in range(0, n_frames, len(self._frames)):
            part = slice(first, first + len(self._frames))
            np.copyto(self._frames, frames[part])  # faster than to multiply what overlaps
            np.multiply(self._frames, self._window, out=self._frames)
            # without a norm NumPy takes its float64 transform whatever it is given
            np.fft.rfft(self._frames, norm="forward", out=self._spectrum.T)
            np.square(squares, out=squares)
            np.add(squares[..., 0], squares[..., 1], out=self._power[:, part])
        log_mel = self._log_mel
        for group in self._groups:
            gathered = self._gathered[: group.bins.size * _BLOCK_FRAMES].reshape(*group.bins.shape, -1)
            np.take(self._power, group.bins, axis=0, out=gathered, mode="clip")  # "raise" would copy it
            np.einsum("kb,kbt->bt", group.weights, gathered, out=log_mel[group.bands])
        np.maximum(log_mel, LEAST_POWER, out=log_mel)
        np.log(log_mel, out=log_mel)
        np.multiply(log_mel, _DB, out=log_mel)
        np.maximum(log_mel, self._floor_db, out=log_mel)  # silence is the same number on every machine
        np.einsum("bk,bt->kt", self._dct, log_mel, out=self._mfcc)
        rows = np.empty((n_frames, spec.n_features), np.float32)
        rows[:, : spec.n_mels] = log_mel[:, :n_frames].T
        rows[:, spec.n_mels :] = self._mfcc[:, :n_frames].T
        return rows


@dataclass(frozen=True, slots=True)
class _Group:
    """Neighbouring bands, and the bins that each of them sums.

    ``bins`` and ``weights``: shape (n_bins, n_bands); a band that needs fewer bins has weights of zero.
    """

    bands: slice
    bins: np.ndarray
    weights: np.ndarray


@lru_cache(maxsize=8)
def _constants(spec: FeatureSpec) -> tuple[np.ndarray, np.ndarray, slice, list[_Group]]:
    """Window, cosine transform, bins that any band needs, and filters of these bins in groups.

    Making them costs more than three seconds of sound do.
    """
    matrix = mel_matrix(spec) * np.float32(spec.n_fft) ** 2  # the transform divides by its length
    used = np.flatnonzero(matrix.any(axis=1))
    bins = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1)
    return hann_window(spec), dct_matrix(spec), bins, _group_bands(matrix[bins])


def _group_bands(matrix: np.ndarray) -> list[_Group]:
    """Cut a filter bank, shape (n_bins, n_bands), into groups of neighbouring bands."""
    n_bins, n_bands = matrix.shape
    used = matrix > 0
    first = used.argmax(axis=0)
    n_used = np.where(used.any(axis=0), n_bins - used[::-1].argmax(axis=0) - first, 0)
    groups = []
    for bands in np.array_split(np.arange(n_bands), min(_GROUPS, n_bands)):
        taps = np.arange(max(1, n_used[bands].max()))[:, None]
        bins = np.minimum(first[bands], n_bins - len(taps)) + taps
        groups.append(_Group(slice(int(bands[0]), int(bands[-1]) + 1), bins, matrix[bins, bands]))
    return groups


def latest_row(spec: FeatureSpec) -> int:
    """So many samples after the begin of its frame, at most, a row comes out of a `FeatureStream`."""
    return (_BLOCK_FRAMES - 1) * spec.hop_length + spec.n_fft


def stream_features(blocks: Iterable[np.ndarray], spec: FeatureSpec) -> Iterator[np.ndarray]:
    """Feature rows of a recording that arrives in ``blocks`` of float32 samples at ``spec.sample_rate``.

    Memory does not grow with the recording.
    """
    stream = FeatureStream(spec)
    for block in blocks:
        yield from stream.push(block)
    yield from stream.finish()


def extract_features(waveform: Waveform, spec: FeatureSpec) -> FeatureMap:
    """Log-mel and MFCC of a whole waveform.

    Parameters
    ----------
    waveform : Waveform
        At ``spec.sample_rate``; an empty one gives no frames.
    spec : FeatureSpec

    Returns
    -------
    FeatureMap
        ``1 + n // hop_length`` rows.

    Raises
    ------
    InputError
        When the sample rates differ.

    References
    ----------
    The result equals ``librosa.power_to_db(librosa.feature.melspectrogram(...), ref=1.0, top_db=None)`` and
    ``librosa.feature.mfcc(S=...)`` of it, librosa 0.10 and later.
    """
    if waveform.sample_rate != spec.sample_rate:
        raise InputError(
            f"extract_features: expected sound at {spec.sample_rate} Hz, got {waveform.sample_rate} Hz; "
            "resample it first (avianvox.audio)"
        )
    blocks = list(stream_features([waveform.samples], spec))
    values = np.concatenate(blocks) if blocks else np.empty((0, spec.n_features), np.float32)
    return FeatureMap(values, spec.extraction_fingerprint)
