"""What annotation formats can hold of detections: named spans, recording by recording."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from avianvox.errors import InputError
from avianvox.types import Detection

OPEN_BAND_HZ = (0.0, 11_025.0)
"""Written for a detection without frequencies where a format wants them, and read back as none: what the
bundled model hears."""


_NEAR_ZERO_S = 0.1


class Span(NamedTuple):
    """Begin and end in seconds within the file, with the name to write there."""

    begin_s: float
    end_s: float
    label: str
    detection: Detection

    @property
    def band_hz(self) -> tuple[float, float]:
        low, high = self.detection.low_hz, self.detection.high_hz
        return OPEN_BAND_HZ if low is None or high is None else (low, high)


def says_something(row: Detection) -> bool:
    """Whether it names a species, or answers a task."""
    return bool(row.scientific_name or row.common_name or any(answer.text for answer in row.tasks))


def spans(rows: Iterable[Detection], *, answers: bool = False) -> Iterator[Span]:
    """The rows that name a species; one that speaks of a whole recording begins at 0 and ends with it.

    The name is the scientific one, or the common one where there is no other. Without any length, the span
    of a whole recording is empty. ``answers``: of a format with columns of tasks, the rows that answer one
    too; their label is empty where they name no species.
    """
    for row in rows:
        label = one_line(row.scientific_name or row.common_name)
        if not (label or (answers and says_something(row))):
            continue
        if row.begin_s is None:
            yield Span(0.0, length_of(row) or 0.0, label, row)
        else:
            yield Span(row.begin_s, row.begin_s if row.end_s is None else row.end_s, label, row)


def spans_of_one(detections: Iterable[Detection], table: Path) -> Iterator[Span]:
    """Like `spans`, for a table that speaks of one recording.

    Raises
    ------
    InputError
        A second recording comes.
    """
    first = ""
    for span in spans(detections):
        first = first or span.detection.path
        if span.detection.path != first:
            raise InputError(
                f"{table}: such a table speaks of one recording, and rows of {first} and "
                f"{span.detection.path} came; name a folder, for a table of each"
            )
        yield span


def length_of(row: Detection) -> float | None:
    """Seconds of the recording: as decoded, else as its header says."""
    return row.header_s if row.decoded_s is None else row.decoded_s


def by_recording(detections: Iterable[Detection]) -> Iterator[tuple[str, Iterator[Detection]]]:
    """Path and rows of one recording after the other.

    Raises
    ------
    InputError
        The rows of a recording stand in two places.
    """
    seen: set[str] = set()
    for path, rows in groupby(detections, key=attrgetter("path")):
        if path in seen:
            raise InputError(f"the rows of {path} stand in two places; sort the table by its column 'path'")
        seen.add(path)
        yield path, rows


def band_of(low_hz: float | None, high_hz: float | None) -> tuple[float | None, float | None]:
    """Frequencies as read; None twice for `OPEN_BAND_HZ`, for one alone and for Audacity's -1."""
    if low_hz is None or high_hz is None or low_hz < 0 or high_hz < 0 or (low_hz, high_hz) == OPEN_BAND_HZ:
        return None, None
    return low_hz, high_hz


def begin_within(begin_s: float) -> float:
    """``begin_s``, or 0 where it lies less than 0.1 s before the recording, as boxes drawn by hand do."""
    return 0.0 if -_NEAR_ZERO_S < begin_s < 0 else begin_s


def one_line(text: str) -> str:
    """``text`` without tabs and line ends, which would break a line of a table."""
    return " ".join(text.split())


def tab_cell(text: str) -> str:
    """``text`` to stand between tabs: in one line, and with ' for ", which readers take for quoting."""
    return one_line(text).replace('"', "'")
