"""Tables of found boxes, whatever program wrote them, beside the recordings in which boxes are drawn."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from avianvox.audio.probe import probe
from avianvox.boxes.matching import Sound
from avianvox.dataset.sources.fields import class_names
from avianvox.errors import InputError
from avianvox.tables.formats import read_table
from avianvox.tables.recordings import Recordings
from avianvox.types import NO_BIRD, Box, Detection, Recording

UNNAMED = "voice"
"""What a box without a label is called in a table, where every row needs a name."""


def read_found(paths: Sequence[Path], recordings: Sequence[Recording]) -> tuple[list[Sound], list[str]]:
    """The recordings with their drawn boxes and with those of tables.

    A box without a score has 1. One that reaches beyond the file or half the sample rate is drawn in, as
    programs write windows; without frequencies it reaches over all of them.

    Parameters
    ----------
    paths : sequence of Path
        Tables, or folders of tables.
    recordings : sequence of Recording
        With `Recording.boxes`.

    Returns
    -------
    list of Sound, list of str
        In the order of the recordings; and a line for each box that is left out, and for files that are not
        among the recordings.

    Raises
    ------
    InputError
        No recording has been looked at, or a table cannot be read.
    """
    looked_at = [recording for recording in recordings if recording.boxes is not None]
    if not looked_at:
        raise InputError("boxes: expected recordings with boxes, found none; write spans = 'boxes'")
    by_place = {os.path.realpath(recording.path): recording for recording in looked_at}
    names = Recordings(by_place, root=os.path.commonpath([os.path.dirname(path) for path in by_place]))
    found: dict[str, list[Box]] = {recording.id: [] for recording in looked_at}
    wrong, elsewhere = list[str](), set[str]()
    limits = _Limits()
    for row in _rows(paths, names):
        place = os.path.realpath(row.path)
        place = place if place in by_place else names.find(row.path) or ""
        if place not in by_place:
            elsewhere.add(row.path)
            continue
        recording = by_place[place]
        try:
            found[recording.id].append(limits.box(row, recording))
        except InputError as error:
            wrong.append(f"{recording.id}: {error}; left out")
    if elsewhere:
        wrong.append(
            f"{len(elsewhere)} files of the tables are not among the recordings; the first: {min(elsewhere)}"
        )
    sounds = [Sound(r.id, r.session, r.boxes or (), tuple(found[r.id])) for r in looked_at]
    return sounds, wrong


def rows_of(path: str, boxes: Iterable[Box]) -> Iterator[Detection]:
    """Boxes as rows of a table."""
    for box in boxes:
        yield Detection(
            path,
            begin_s=box.begin_s,
            end_s=box.end_s,
            low_hz=box.low_hz,
            high_hz=box.high_hz,
            scientific_name=box.label or UNNAMED,
            score=box.score,
        )


def _rows(paths: Sequence[Path], names: Recordings) -> Iterator[Detection]:
    """What tables find: of a window's candidates, only the first."""
    for path in paths:
        for row in read_table(path, recordings=names):
            named = row.scientific_name or row.common_name
            answer = row.rank in (None, 1) and row.status.usable and class_names(named)[0] != NO_BIRD
            if answer and (named or row.begin_s is not None):
                yield row


class _Limits:
    """Length and half the sample rate of files, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, float]] = {}

    def box(self, row: Detection, recording: Recording) -> Box:
        length_s, top_hz = self._of(recording)
        if row.begin_s is None or row.end_s is None:
            raise InputError("a box needs a begin and an end, and this row has none")
        if row.begin_s >= length_s or row.end_s <= 0:
            raise InputError(
                f"box: expected times within the file, 0 to {length_s:g} s, "
                f"got {row.begin_s:g} to {row.end_s:g} s"
            )
        low_hz = row.low_hz if row.low_hz is not None else 0.0
        high_hz = row.high_hz if row.high_hz is not None else top_hz
        if low_hz >= top_hz:
            raise InputError(
                f"box: expected frequencies from 0 to half the sample rate, {top_hz:g} Hz, "
                f"got {low_hz:g} to {high_hz:g} Hz"
            )
        label = class_names(row.scientific_name or row.common_name)[0]
        box = Box(row.begin_s, row.end_s, low_hz, high_hz, "" if label == UNNAMED else label)
        score = 1.0 if row.score is None else row.score
        if not 0 <= score <= 1:
            raise InputError(f"box: expected a score from 0 to 1, got {score:g}")
        begin_s, end_s = max(0.0, box.begin_s), min(box.end_s, length_s)
        return replace(box, begin_s=begin_s, end_s=end_s, high_hz=min(box.high_hz, top_hz), score=score)

    def _of(self, recording: Recording) -> tuple[float, float]:
        if recording.id not in self._known:
            found = probe(recording.path, decode=False)
            if not found.sample_rate:
                raise InputError(f"{found.message or 'cannot be read'}")
            length_s = found.header_s if found.header_s is not None else float("inf")
            self._known[recording.id] = (length_s, found.sample_rate / 2)
        return self._known[recording.id]


def labels_in(sounds: Sequence[Sound]) -> Mapping[str, int]:
    """Drawn labels and how many boxes have them."""
    counts: dict[str, int] = {}
    for sound in sounds:
        for box in sound.drawn:
            counts[box.label] = counts.get(box.label, 0) + 1
    return dict(sorted(counts.items()))
