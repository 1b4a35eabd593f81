"""The value of a column for a recording: what a task can be asked to learn.

`COLUMNS` has the columns that mean something here; any other column of a source's own table is kept by name
in `Recording.more`, and may be asked for too.
"""

from collections.abc import Callable, Iterable, Sequence

from avianvox.dataset.labels.described import describe
from avianvox.dataset.sources.fields import parse_number
from avianvox.errors import InputError
from avianvox.registry import nearest
from avianvox.types import NO_BIRD, Recording

Value = str | tuple[str, ...] | float | None
"""Text, several texts, a number; None: not known."""


EMPTY, ANIMAL = "empty", "animal"
"""Values of the column ``presence``."""


def _song_or_call(recording: Recording) -> str:
    voices = describe(recording).voices
    return voices[0] if len(voices) == 1 else ""


COLUMNS: dict[str, Callable[[Recording], Value]] = {
    "label": lambda r: r.label,
    "presence": lambda r: (EMPTY if r.label == NO_BIRD else ANIMAL) if r.label else "",
    "animal": lambda r: "" if r.label == NO_BIRD else r.label,
    "background": lambda r: r.background,
    "species": lambda r: tuple(dict.fromkeys((r.label, *r.background))) if r.label else (),
    "call_type": lambda r: describe(r).call_types,
    "voice": lambda r: describe(r).voices,
    "song_or_call": _song_or_call,
    "sex": lambda r: describe(r).sex,
    "stage": lambda r: describe(r).stage,
    "quality": lambda r: r.quality,
    "recordist": lambda r: r.recordist,
    "site": lambda r: r.site,
    "count": lambda r: r.count,
    "duration_s": lambda r: r.duration_s,
    "latitude": lambda r: r.latitude,
    "longitude": lambda r: r.longitude,
    "low_hz": lambda r: r.low_hz,
    "high_hz": lambda r: r.high_hz,
}
"""Name of a column to its value for a recording. ``presence`` says whether anything calls, ``animal`` has the
label of recordings in which something does. ``voice`` has song, call or both, ``song_or_call`` one of
them where there is no other; ``species`` has the label and the species heard besides."""


def column_value(recording: Recording, column: str) -> Value:
    """What is known in a column about a recording.

    Returns
    -------
    str, tuple of str, float or None
        None where nothing is known, or where the recording's source has no such column.

    Examples
    --------
    >>> from pathlib import Path
    >>> recording = Recording("XC1", Path("XC1.mp3"), call_type="call, Song", count=3)
    >>> column_value(recording, "call_type"), column_value(recording, "sex"), column_value(recording, "count")
    (('song', 'call'), None, 3)
    """
    if column in COLUMNS:
        value = COLUMNS[column](recording)
        if value not in ("", (), None):
            return value
    return next((text for name, text in recording.more if name == column and text), None)


def column_number(recording: Recording, column: str) -> float | None:
    """The number in a column; None where there is none."""
    value = column_value(recording, column)
    return None if isinstance(value, tuple) else parse_number(value)


def known_columns(recordings: Iterable[Recording]) -> tuple[str, ...]:
    """All columns that can be asked for: those in `COLUMNS`, then those of the sources."""
    return tuple(dict.fromkeys((*COLUMNS, *(name for r in recordings for name, _ in r.more))))


def column_values(recordings: Sequence[Recording], column: str) -> list[Value]:
    """The value of a column for each recording.

    Raises
    ------
    InputError
        No recording has such a column.
    """
    known = known_columns(recordings)
    if column not in known:
        raise InputError(f"the catalog has no column '{column}'{nearest(column, list(known))}")
    return [column_value(r, column) for r in recordings]
