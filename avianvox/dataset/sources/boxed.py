"""From the marks of files to recordings with boxes in them, and what is wrong with a box."""

from collections.abc import Iterable
from dataclasses import replace

from avianvox.audio.probe import probe
from avianvox.dataset.sources.annotated_files import File, Mark
from avianvox.errors import InputError
from avianvox.types import NO_BIRD, Box, Recording

_ROUNDING_S, _ROUNDING_HZ = 0.05, 1.0
"""So far a program may write an edge beyond the end of the file, or half the rate."""


def boxed(files: Iterable[File]) -> tuple[list[Recording], list[str]]:
    """Each file as one recording with its boxes by time, in the order of ids; and a line for each bad box.

    What is called "no bird" is no box.
    """
    rows, wrong = [], []
    for file in sorted(files, key=lambda file: file.recording.id):
        found = probe(file.recording.path, decode=False)
        boxes: list[Box] = []
        for mark in file.marks:
            if mark.found is None or mark.label == NO_BIRD:
                continue
            try:
                boxes.append(box_in(mark, length_s=found.header_s, sample_rate=found.sample_rate))
            except InputError as error:
                wrong.append(f"{file.recording.id}: {error}; left out")
        boxes = sorted(
            set(boxes), key=lambda box: (box.begin_s, box.end_s, box.low_hz, box.high_hz, box.label)
        )
        rows.append(replace(file.recording, duration_s=found.header_s, boxes=tuple(boxes)))
    return rows, wrong


def box_in(mark: Mark, *, length_s: float | None, sample_rate: int | None) -> Box:
    """A mark as a box within its file; without frequencies it reaches from 0 to half the rate.

    Raises
    ------
    InputError
        It is inverted or empty, lies outside the file, or above half the rate.
    """
    if mark.begin_s is None or mark.end_s is None:
        raise InputError("a box needs a begin and an end, and this row has none")
    top_hz = sample_rate / 2 if sample_rate else None
    high_hz = mark.high_hz if mark.high_hz is not None else top_hz
    if high_hz is None:
        raise InputError("a box needs a low and a high frequency, and this row has none")
    box = Box(mark.begin_s, mark.end_s, mark.low_hz or 0.0, high_hz, mark.label)
    if box.begin_s < 0 or (length_s is not None and box.end_s > length_s + _ROUNDING_S):
        raise InputError(
            f"box: expected times within the file, 0 to {length_s or 0:g} s, "
            f"got {box.begin_s:g} to {box.end_s:g} s"
        )
    if box.low_hz < 0 or (top_hz is not None and box.high_hz > top_hz + _ROUNDING_HZ):
        raise InputError(
            f"box: expected frequencies from 0 to half the sample rate, {top_hz or 0:g} Hz, "
            f"got {box.low_hz:g} to {box.high_hz:g} Hz"
        )
    end_s = box.end_s if length_s is None else min(box.end_s, length_s)
    return replace(box, end_s=end_s, high_hz=box.high_hz if top_hz is None else min(box.high_hz, top_hz))
