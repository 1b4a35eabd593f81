"""What gives boxes for a recording: a plain segmenter, a learned detector, or either with names."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from avianvox.audio.decode import open_audio
from avianvox.types import Box


class BoxSource(Protocol):
    """Finds boxes in sound as it comes.

    Attributes
    ----------
    sample_rate : int, Hz
        Of the sound that it takes.
    """

    @property
    def sample_rate(self) -> int: ...

    def boxes(self, blocks: Iterable[np.ndarray]) -> Iterator[Box]:
        """The boxes of one recording, each with a score, about in the order of their ends.

        Parameters
        ----------
        blocks : iterable of np.ndarray, shape (n,), float32, full scale ±1
            Mono sound at ``sample_rate``, in pieces of any size. Memory does not grow with them.
        """
        ...


class BoxStream(Protocol):
    """One recording on its way through a source: blocks in, boxes out."""

    def push(self, samples: np.ndarray) -> list[Box]: ...

    def finish(self) -> list[Box]: ...


class PushedSource(BoxSource, Protocol):
    """A source that can be asked block by block, so that something else hears the same sound.

    Attributes
    ----------
    latest_s : float, seconds
        So long after its end, at most, a box comes out; or when the sound ends.
    """

    @property
    def latest_s(self) -> float: ...

    def stream(self) -> BoxStream: ...


def boxes_in(path: Path | str, source: BoxSource) -> Iterator[Box]:
    """The boxes of a sound file. Raises `AudioError` where it cannot be decoded."""
    with open_audio(path, sample_rate=source.sample_rate) as audio:
        yield from source.boxes(audio)


def stream_boxes(blocks: Iterable[np.ndarray], stream: BoxStream) -> Iterator[Box]:
    """The boxes of one recording from a stream."""
    for block in blocks:
        yield from stream.push(block)
    yield from stream.finish()
