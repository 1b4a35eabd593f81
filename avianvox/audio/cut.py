"""Spans of a recording at its own sample rate and with its own channels.

Where a seek lands on the very sample (`SEEKABLE`), only the spans are read. In every other kind of file the
position after a seek is an estimate, so the sound is decoded from the beginning to the end of the last span.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from avianvox.audio.decode import ABSURD
from avianvox.audio.resample import pick_channel
from avianvox.audio.sndfile import SeekableSound, encode_samples
from avianvox.audio.sources import Source, only_audio_errors, open_source
from avianvox.errors import AudioError
from avianvox.files import atomic_write
from avianvox.types import Status

SEEKABLE = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC"})
"""Containers, in libsndfile's words, in which a sample's place can be computed, and FLAC, which tells it."""

_DEEP = ("24", "32", "FLOAT", "DOUBLE")

Span = tuple[float, float]
"""Begin and end within the file, in seconds."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A span of a recording. ``samples``: shape (n, channels), float32, full scale ±1.

    ``first_frame`` is its place in the file. ``bits`` a sample needs to lose nothing: 24 where the file has
    more than 16, else 16.
    """

    samples: np.ndarray
    sample_rate: int
    first_frame: int
    bits: int

    @property
    def begin_s(self) -> float:
        return self.first_frame / self.sample_rate

    @property
    def end_s(self) -> float:
        return (self.first_frame + len(self.samples)) / self.sample_rate

    def of_channel(self, channel: int | None) -> "Clip":
        """One channel, counted from 1, or all for None. Raises `AudioError` where the channel isn't there."""
        if channel is None:
            return self
        there = self.samples.shape[1]
        if not 1 <= channel <= there:
            raise AudioError(f"expected a channel {channel}, the file has {there}", status=Status.UNSUPPORTED)
        return replace(self, samples=pick_channel(self.samples, channel))


def cut(path: Path, spans: Sequence[Span]) -> Iterator[tuple[int, Clip]]:
    """Cut spans out of one recording.

    Parameters
    ----------
    path : Path
    spans : sequence of tuple of float
        Where they reach beyond the file, what is there is taken.

    Yields
    ------
    tuple of int and Clip
        Position in ``spans``, and the sound; in the order in which the spans end. A span that begins behind
        the end of the sound is left out.

    Raises
    ------
    AudioError
        As `avianvox.audio.decode.open_audio` does.
    """
    source, stream = open_source(path)
    try:
        with only_audio_errors(path):
            rate = source.sample_rate
            frames = [_frames(begin, end, rate) for begin, end in spans]
            order = sorted(range(len(spans)), key=lambda i: (frames[i][1], i))
            bits = 24 if source.codec.endswith(_DEEP) else 16
            seek = source.container in SEEKABLE
            found = _seek(stream, frames, order) if seek else _pass(source, frames, order)
            for i, samples in found:
                if len(samples):
                    samples[~(np.abs(samples) < ABSURD)] = 0
                    yield i, Clip(samples, rate, frames[i][0], bits)
    finally:
        source.close()
        stream.close()


def _frames(begin_s: float, end_s: float, rate: int) -> tuple[int, int]:
    """The first frame of a span and the one behind its last, the same where nothing lies between them."""
    first = max(0, round(begin_s * rate))
    return first, max(first, round(end_s * rate))


def _seek(
    stream: BinaryIO, frames: Sequence[tuple[int, int]], order: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    with SeekableSound(stream) as sound:
        for i in order:
            yield i, sound.read(*frames[i])


def _pass(
    source: Source, frames: Sequence[tuple[int, int]], order: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    kept: dict[int, list[np.ndarray]] = {i: [] for i in order}
    at = 0
    for chunk in source.chunks():
        for i in list(kept):
            first, last = frames[i]
            piece = chunk[max(0, first - at) : max(0, last - at)]
            if len(piece):
                kept[i].append(piece.copy())
            if last <= at + len(chunk):
                yield from _joined(i, kept.pop(i))
        at += len(chunk)
        if not kept:
            return
    for i, pieces in kept.items():
        yield from _joined(i, pieces)


def _joined(i: int, pieces: list[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    if pieces:
        yield i, np.concatenate(pieces)


def write_clip(clip: Clip, path: Path) -> None:
    """Write a clip as WAV or FLAC, by the ending of ``path``; it appears whole or not at all.

    Raises
    ------
    AudioError
        As `encode_clip`.
    OutputError
        The file cannot be written.
    """
    content = encode_clip(clip, path.suffix[1:])
    with atomic_write(path, "wb") as stream:
        stream.write(content)


def encode_clip(clip: Clip, kind: str) -> bytes:
    """A clip as the bytes of a file, ``kind`` "wav" or "flac".

    Samples of up to 24 bits come out as they went in. Louder than full scale is clipped.

    Raises
    ------
    AudioError
        FLAC doesn't hold so many channels, or such a rate.
    """
    steps = np.round(clip.samples * float(1 << (clip.bits - 1)))
    steps = np.clip(steps, -(1 << (clip.bits - 1)), (1 << (clip.bits - 1)) - 1)
    whole = steps.astype(np.int16) if clip.bits == 16 else steps.astype(np.int32) << 8
    kind = kind.upper()
    try:
        return encode_samples(whole, clip.sample_rate, container=kind, codec=f"PCM_{clip.bits}")
    except soundfile.LibsndfileError as error:
        held = f"{whole.shape[1]} channels at {clip.sample_rate} Hz"
        raise AudioError(f"{kind} cannot hold {held}; use WAV", status=Status.UNSUPPORTED) from error
