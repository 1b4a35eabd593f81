"""What gives boxes beside the windows of a classifier: sources of boxes, and the sound that both hear."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from math import inf, nan
from typing import Protocol

import numpy as np

from avianvox.errors import InputError
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
"""What ``classify`` narrows events by. They lie in rooms below, and are imported when asked for."""


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


def forked(blocks: Iterable[np.ndarray], stream: BoxStream, found: deque[Box]) -> Iterator[np.ndarray]:
    """Blocks on their way to somebody else; boxes in them are appended to ``found`` before they arrive."""
    for block in blocks:
        found.extend(stream.push(block))
        yield block
    found.extend(stream.finish())
