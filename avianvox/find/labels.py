"""Labels that somebody gave to recordings or to parts of them, and the windows that they speak of.

A table of labels names a file or the id of a recording, perhaps a begin and an end in seconds, and a label;
where begin and end are empty, the label is of the whole recording. Other columns are passed over, and so are
rows without a label. The label ``?`` teaches nothing: somebody has listened and did not know, so that it is
not suggested again. Tables of verdicts are read, and those of Raven, Audacity, Kaleidoscope and the like.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avianvox.dataset.sources.fields import UNSURE, canonical_label
from avianvox.errors import InputError
from avianvox.find.places import Places
from avianvox.find.windows import Windows
from avianvox.tables.delimited import Line, read_head, read_lines
from avianvox.tables.formats import read_table
from avianvox.verdicts.table import MARKS

_FILES = ("path", "file", "filename", "recording", "recording_id", "id")
_LABELS = ("label", "species", "scientific_name")
_BEGINS = ("begin_s", "begin", "start_s", "start")
_ENDS = ("end_s", "end", "stop_s", "stop")


@dataclass(frozen=True, slots=True)
class Label:
    """A row of a table: ``begin_s`` is None where it is of the whole recording."""

    name: str
    begin_s: float | None
    end_s: float | None
    label: str
    origin: str
    table: Path


@dataclass(frozen=True)
class Labelled:
    """The windows of a store that labels speak of.

    Attributes
    ----------
    labels : tuple of str
    windows : tuple of np.ndarray
        Positions of the windows of each label.
    problems : tuple of str
        One line for each label that fits nothing.
    """

    labels: tuple[str, ...] = ()
    windows: tuple[np.ndarray, ...] = ()
    problems: tuple[str, ...] = ()


def read_labels(path: Path) -> tuple[list[Label], list[str]]:
    """The rows of a table that have a label, and one line for each that can't be read.

    Raises
    ------
    InputError
        The table cannot be read.
    """
    delimiter, columns = read_head(path)
    own = any(name in columns for name in _FILES) and any(name in columns for name in _LABELS)
    if not own or set(columns) >= MARKS:
        rows = list(read_table(path))
        named = ((row, _name(row.scientific_name or row.common_name)) for row in rows)
        found = [Label(r.path, r.begin_s, r.end_s, name, str(path), path) for r, name in named if name]
        if rows and not found:
            raise InputError(
                f"{path}: expected labels, none of its {len(rows)} rows names a species; if they stand in a "
                "column 'label', save the table as CSV"
            )
        return found, []
    labels, problems = [], []
    for line in read_lines(path, delimiter):
        try:
            label = _label(line, path)
        except InputError as error:
            problems.append(str(error))
        else:
            labels += [label] if label else []
    return labels, problems


def _label(line: Line, path: Path) -> Label | None:
    """None where the row has no label; raises `InputError` where it says nothing clear."""
    label = _name(line.text(*_LABELS))
    if not label:
        return None
    name, begin_s, end_s = line.text(*_FILES), line.number(*_BEGINS), line.number(*_ENDS)
    if not name:
        raise InputError(f"{line.origin}: the label '{label}' has no file; name a file or a recording")
    empty = begin_s is None and end_s is None
    if not empty and (begin_s is None or end_s is None or not 0 <= begin_s < end_s):
        raise InputError(
            f"{line.origin}: expected a begin and an end after it, or neither; found "
            f"'{line.text(*_BEGINS)}' and '{line.text(*_ENDS)}'"
        )
    return Label(name, begin_s, end_s, label, line.origin, path)


def _name(text: str) -> str:
    return text if text == UNSURE else canonical_label(text)


def place_labels(
    labels: Sequence[Label], windows: Windows, places: Places, kept: np.ndarray | None = None
) -> Labelled:
    """Find the windows that labels speak of.

    A label of a span has the windows that share at least half of the shorter one of the two with it. Of
    these, or of a whole recording's, the ones that the mask ``kept`` keeps count, where there are any.
    """
    first = np.searchsorted(windows.position, np.arange(len(places.ids)), side="left")
    last = np.searchsorted(windows.position, np.arange(len(places.ids)), side="right")
    names, found, problems = [], [], []
    for label in labels:
        positions = places.find(label.name, beside=label.table)
        there = [np.arange(first[i], last[i]) for i in positions]
        if label.begin_s is not None and label.end_s is not None:
            spans = [
                _overlapping(windows, within, label.begin_s - begin, label.end_s - begin)
                for within, begin in zip(there, (places.begin_s(i) for i in positions), strict=True)
            ]
            there = spans
        chosen = np.concatenate([np.zeros(0, np.int64), *there])
        if len(chosen):
            there_kept = chosen if kept is None else chosen[kept[chosen]]
            names.append(label.label)
            found.append(there_kept if len(there_kept) else chosen)
        else:
            why = "no window of the store lies there" if positions else "the store has no such recording"
            problems.append(f"{label.origin}: {label.name}: {why}")
    return Labelled(tuple(names), tuple(found), tuple(problems))


def _overlapping(windows: Windows, within: np.ndarray, begin_s: float, end_s: float) -> np.ndarray:
    begins, ends = windows.begin_s[within], windows.end_s[within]
    shared = np.minimum(ends, end_s) - np.maximum(begins, begin_s)
    overlapping: np.ndarray = within[shared >= 0.5 * np.minimum(ends - begins, end_s - begin_s)]
    return overlapping
