"""Boxes in many recordings: rows of a table as each is searched, and pictures. Needs no Keras."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avianvox.audio.cut import cut
from avianvox.audio.decode import open_audio
from avianvox.boxes.found import rows_of
from avianvox.boxes.protocol import BoxSource
from avianvox.errors import AudioError
from avianvox.inference.readahead import read_ahead
from avianvox.inference.segments import safe_name, unique_names
from avianvox.types import Box, Detection, Status

PICTURE_S = 10.0
"""Sound in a picture."""


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
    """

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    sound_s: float = 0.0
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


def search(
    paths: Sequence[Path],
    source: BoxSource,
    searched: Searched,
    *,
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
    shown : callable, optional
        Called with each recording that was searched and its boxes.
    progress : callable, optional
        Called with the number of recordings done and their total.
    """
    for number, path in enumerate(paths, start=1):
        counter = searched.counts[str(path)] = Counter()
        boxes: list[Box] = []
        status, message = Status.OK, ""
        try:
            with open_audio(path, sample_rate=source.sample_rate) as audio:
                for box in source.boxes(read_ahead(audio)):
                    counter[box.label] += 1
                    if shown is not None:
                        boxes.append(box)
                    yield from rows_of(str(path), [box])
                report = audio.report
            status, message = report.status, report.message
            searched.sound_s += report.decoded_s or 0.0
        except AudioError as error:
            status, message = Status(error.status), error.about(path)
        if status.failed:
            searched.failed.append(f"{path}: {status}: {message}")
        if not counter or status.failed:
            yield Detection(str(path), status=status, message=message)
        if shown is not None and boxes:
            shown(path, boxes)
        if progress is not None:
            progress(number, len(paths))


class Pictures:
    """Draws the stretches of each recording that hold most boxes, into a folder.

    Parameters
    ----------
    folder : Path
    most : int
        Pictures of a recording.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._names: list[str] = []

    def draw(self, path: Path, boxes: Sequence[Box]) -> None:
        """Draw the boxes of one recording."""
        from avianvox.detect.pictures import draw_boxes

        self._folder.mkdir(parents=True, exist_ok=True)
        by_stretch: dict[int, list[Box]] = {}
        for box in boxes:
            by_stretch.setdefault(int((box.begin_s + box.end_s) / 2 / PICTURE_S), []).append(box)
        chosen = sorted(by_stretch, key=lambda stretch: (-len(by_stretch[stretch]), stretch))[: self._most]
        spans = [(PICTURE_S * stretch, PICTURE_S * (stretch + 1)) for stretch in sorted(chosen)]
        for i, clip in cut(path, spans):
            begin_s, end_s = spans[i]
            self._names.append(safe_name(f"{path.stem}_{begin_s:g}s"))
            *_, name = unique_names(self._names)
            inside = [box for box in boxes if box.end_s > begin_s and box.begin_s < end_s]
            draw_boxes(clip, inside, self._folder / f"{name}.png", title=f"{path.name}, from {begin_s:g} s")
