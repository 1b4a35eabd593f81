"""What gives boxes for a recording: a plain segmenter, a learned detector, or either with names."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from avianvox.audio.decode import open_audio
from avianvox.inference.box_source import BoxSource as BoxSource
from avianvox.inference.box_source import BoxStream as BoxStream
from avianvox.inference.box_source import PushedSource as PushedSource
from avianvox.types import Box


def boxes_in(path: Path | str, source: BoxSource) -> Iterator[Box]:
    """The boxes of a sound file. Raises `AudioError` where it cannot be decoded."""
    with open_audio(path, sample_rate=source.sample_rate) as audio:
        yield from source.boxes(audio)


def stream_boxes(blocks: Iterable[np.ndarray], stream: BoxStream) -> Iterator[Box]:
    """The boxes of one recording from a stream."""
    for block in blocks:
        yield from stream.push(block)
    yield from stream.finish()
