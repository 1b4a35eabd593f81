"""What gives boxes beside the windows of a classifier: sources of boxes, and the sound that both hear."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import inf, nan
from typing import Protocol, TypeVar

import numpy as np

from avianvox.errors import InputError
from avianvox.inference.window_stream import Pause
from avianvox.modelfolder import SUFFIX, find_model, own_models
from avianvox.registry import Registry
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


class MakesSource(Protocol):
    """What a row of `BOX_SOURCES` is."""

    def __call__(self, asked: str, *, sample_rate: int) -> PushedSource: ...


BOX_SOURCES: Registry[MakesSource] = Registry(
    "source of boxes",
    {
        "energy": "avianvox.boxes.segmenter:voices_in",
        "detector": "avianvox.detect.detector:boxes_of_file",
    },
)
"""What events are narrowed by. They lie in rooms below, and are imported when asked for."""

BlockT = TypeVar("BlockT", np.ndarray, np.ndarray | Pause)


def source_asked(text: str) -> tuple[str, str]:
    """A row of `BOX_SOURCES` and what it is asked: a band, see `band_of`, or the file of a detector.

    Raises
    ------
    InputError, ModelFileError
        ``text`` is neither, or there is no such file.
    """
    if band_of(text) is not None:
        return "energy", text
    if text.endswith(SUFFIX) or os.path.isfile(text) or text in own_models():
        return "detector", str(find_model(text))
    raise InputError(
        "--narrow: expected all, two frequencies such as 300-1000, or the model file of a detector, "
        f"got '{text}'"
    )


def band_of(text: str) -> tuple[float, float] | None:
    """Low and high frequency of a band, such as "300-1000"; all frequencies of "all"; None of other texts."""
    if text == "all":
        return 0.0, inf
    low, _, high = text.partition("-")
    try:
        band = float(low), float(high)
    except ValueError:
        band = (nan, nan)
    return band if 0 <= band[0] < band[1] else None


class Fork:
    """Sound on its way to somebody else, and the boxes in it.

    Parameters
    ----------
    streams : callable
        Gives a stream for the sound up to the next `Pause`, so that no box reaches over one.
    sample_rate : int, Hz
        Of the sound.

    Attributes
    ----------
    found : deque of Box
        Those of a block are there before it arrives. Whoever uses them takes them out; times count pauses.
    whole : int
        All boxes that begin before this sample are there, since a pause follows it, or the end.
    """

    def __init__(self, streams: Callable[[], BoxStream], *, sample_rate: int) -> None:
        self._streams, self._rate = streams, sample_rate
        self.found: deque[Box] = deque()
        self.whole = 0

    def blocks(self, blocks: Iterable[BlockT]) -> Iterator[BlockT]:
        """The sound as it comes."""
        stream, begin, heard = self._streams(), 0, 0
        for block in blocks:
            if isinstance(block, Pause):
                self._take(stream.finish(), begin)
                self.whole = heard
                heard += block.n_samples
                stream, begin = self._streams(), heard
            else:
                self._take(stream.push(block), begin)
                heard += len(block)
            yield block
        self._take(stream.finish(), begin)
        self.whole = heard

    def _take(self, boxes: Iterable[Box], begin: int) -> None:
        """Boxes of a stream that begins at a sample."""
        begin_s = begin / self._rate
        self.found.extend(
            replace(box, begin_s=box.begin_s + begin_s, end_s=box.end_s + begin_s) for box in boxes
        )
