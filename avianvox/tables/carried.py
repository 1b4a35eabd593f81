"""What a foreign format has no column for, carried along under our own names.

Raven, Kaleidoscope and BirdNET's readers keep columns that they do not know, so that a table can go through
them without loss.
"""

from collections.abc import Sequence
from dataclasses import replace

from avianvox.tables.columns import COLUMNS, cells, detection_of
from avianvox.tables.delimited import Line
from avianvox.types import Detection

_OURS = ("time_source", "header_s", "decoded_s")
"""Columns that together stand in no other program's tables. Without them, a column ``status`` or ``rank`` is
somebody else's and means something else."""


def carried(*own: str) -> tuple[str, ...]:
    """The columns of a detection but for ``own``, those that the format has a place for."""
    return tuple(name for name in COLUMNS if name not in own)


def carried_cells(row: Detection, names: Sequence[str]) -> list[str]:
    """What is written under ``names``."""
    values = dict(zip(COLUMNS, cells(row), strict=True))
    return [values[name] for name in names]


def take_back(line: Line, row: Detection, names: Sequence[str]) -> Detection:
    """``row`` with what a line of our own making carries; any other line adds nothing.

    Raises
    ------
    InputError
        A value is not of its column's kind.
    """
    if not all(name in line.cells for name in _OURS):
        return row
    texts = {name: text for name in names if (text := line.text(name))}
    values = detection_of({"path": row.path, **texts}, origin=line.origin)
    return replace(row, **{name: getattr(values, name) for name in texts})
