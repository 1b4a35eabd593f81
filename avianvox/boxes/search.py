"""Boxes in many recordings: rows of a table as each is searched."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from avianvox.audio.decode import open_audio
from avianvox.boxes.found import rows_of
from avianvox.boxes.protocol import BoxSource
from avianvox.errors import AudioError
from avianvox.inference.readahead import read_ahead
from avianvox.types import Box, Detection, Status


@dataclass
class Searched:
    """What came of a search so far.

    Attributes
    ----------
    counts : dict of str to Counter
        Boxes of each label, by recording.
    failed : list of str
        A line for each recording that could not be read, or not to its end.
    sound_s : float
        Sound that was searched.
    boxes : dict of str to list of Box
        The boxes of each recording, where they are kept.
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    sound_s: float = 0.0
    boxes: dict[str, list[Box]] = field(default_factory=dict, repr=False)
    began: float = field(default_factory=time.monotonic)

    @property
    def n_boxes(self) -> int:
        return sum(counter.total() for counter in self.counts.values())

    @property
    def times_real_time(self) -> float:
        """Seconds of sound for each second that the search took."""
        return self.sound_s / max(time.monotonic() - self.began, 1e-9)

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "recordings": [
                {"path": path, "boxes": counter.total(), "labels": dict(sorted(counter.items()))}
                for path, counter in self.counts.items()
            ],
            "boxes": self.n_boxes,
            "sound_s": round(self.sound_s, 3),
            "times_real_time": round(self.times_real_time, 1),
            "failed": list(self.failed),
        }


def _below(highest_hz: float, boxes: Iterable[Box]) -> Iterator[Box]:
    """The boxes below a frequency, or their parts: above it, a file of a low sample rate holds nothing."""
    for box in boxes:
        if box.low_hz < highest_hz:
            yield box if box.high_hz <= highest_hz else replace(box, high_hz=highest_hz)


def search(
    paths: Sequence[Path],
    source: BoxSource,
    searched: Searched,
    *,
    keep: bool = False,
    by_begin: bool = False,
    shown: Callable[[Path, list[Box]], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Detection]:
    """Rows of the boxes in recordings; one without a box, or that cannot be read, has a row that says so.

    Parameters
    ----------
    paths : sequence of Path
    source : BoxSource
    searched : Searched
        Filled as rows are taken.
    keep : bool
        ``searched`` has the boxes themselves.
    by_begin : bool
        The boxes of a recording are sorted by the times at which they begin, and kept until its end for that.
    shown : callable, optional
        Called with each recording that was searched and its boxes. An `AudioError` of it is that of the
        recording.
    progress : callable, optional
        Called with the number of recordings done and their total.
    """
    for number, path in enumerate(paths, start=1):
        counter = searched.counts[str(path)] = Counter()
        boxes: list[Box] = []
        if keep:
            searched.boxes[str(path)] = boxes
        status, message = Status.OK, ""
        try:
            with open_audio(path, sample_rate=source.sample_rate) as audio:
                found: Iterable[Box] = _below(audio.highest_hz, source.boxes(read_ahead(audio)))
                if by_begin:
                    found = sorted(found, key=lambda box: box.begin_s)
                for box in found:
                    counter[box.label] += 1
                    if keep or shown is not None:
                        boxes.append(box)
                    yield from rows_of(str(path), [box])
                report = audio.report
            status, message = report.status, report.message
            searched.sound_s += report.decoded_s or 0.0
            if shown is not None and boxes:
                shown(path, boxes)
        except AudioError as error:
            status, message = Status(error.status), error.about(path)
        if status.failed:
            searched.failed.append(f"{path}: {status}: {message}")
        if not counter or status.failed:
            yield Detection(str(path), status=status, message=message)
        if progress is not None:
            progress(number, len(paths))
