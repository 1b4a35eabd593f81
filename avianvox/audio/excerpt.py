"""A part of a recording, in blocks of float32 mono at the model's rate.

The samples are those that stand in this place when `avianvox.audio.decode.open_audio` reads the whole. What
lies before is passed over where a seek lands on the very sample, and decoded and dropped elsewhere; what lies
behind is never read.
"""

from collections.abc import Iterator
from math import gcd
from pathlib import Path

import numpy as np

from avianvox.audio.cut import SEEKABLE
from avianvox.audio.decode import AudioStream
from avianvox.audio.resample import Resampler
from avianvox.audio.sndfile import SeekableSound
from avianvox.audio.sources import only_audio_errors
from avianvox.errors import AudioError, InputError
from avianvox.types import Status

_MARGIN_S = 0.05  # on both sides, many times the reach of the resampler's filter
_CHUNK_FRAMES = 1 << 15


class Excerpt(AudioStream):
    """The samples from ``first`` to ``last`` at ``sample_rate``; ``last`` None: to the end.

    ``report`` speaks of the part alone, and is never truncated: it doesn't know how much there should be.

    Raises
    ------
    AudioError
        Nothing can be decoded, or the recording ends before ``first`` (status empty).
    """

    def __init__(self, path: Path | str, *, sample_rate: int, first: int, last: int | None) -> None:
        if first < 0 or (last is not None and last <= first):
            raise InputError(f"Excerpt: expected a part of at least one sample, got {first} to {last}")
        super().__init__(path, sample_rate=sample_rate)
        self._source.promised = False  # the header's promise is about the whole
        self._first, self._last = first, last

    def _pieces(self) -> Iterator[np.ndarray]:
        rate, target = self._source.sample_rate, self.sample_rate
        step, target_step = (each // gcd(rate, target) for each in (rate, target))
        margin = round(_MARGIN_S * target)
        begin = max(0, self._first - margin) // target_step
        end = None if self._last is None else -(-(self._last + margin) // target_step) * step
        skip, left = self._first - begin * target_step, _left(self._first, self._last)
        with only_audio_errors(self.path):
            resampler = Resampler(rate, target)
            for samples in self._resampled(resampler, self._native(begin * step, end)):
                piece = samples[skip : skip + left]
                skip = max(0, skip - len(samples))
                left -= len(piece)
                if len(piece):
                    yield piece
        if left == _left(self._first, self._last):
            at = self._first / target
            raise AudioError(f"{self.path}: the recording ends before {at:.1f} s", status=Status.EMPTY)

    def _resampled(self, resampler: Resampler, chunks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for chunk in chunks:
            yield from resampler.push(self._meter.mix(chunk))
        yield resampler.finish()

    def _native(self, first: int, last: int | None) -> Iterator[np.ndarray]:
        """Sample frames of the file from ``first`` to ``last``, shape (n, channels), float32."""
        if self._source.container in SEEKABLE:
            with SeekableSound(self._stream) as sound:
                end = sound.n_frames if last is None else min(last, sound.n_frames)
                for at in range(first, end, _CHUNK_FRAMES):
                    yield sound.read(at, min(at + _CHUNK_FRAMES, end))
            return
        at = 0
        for chunk in self._source.chunks():
            part = chunk[max(0, first - at) : None if last is None else max(0, last - at)]
            if len(part):
                yield part
            at += len(chunk)
            if last is not None and at >= last:
                return


def _left(first: int, last: int | None) -> int:
    return np.iinfo(np.int64).max if last is None else last - first
