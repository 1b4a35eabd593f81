"""What a catalog says of a recording under the name of a column: a value, several of them, or nothing."""

from collections.abc import Callable, Iterable
from dataclasses import fields

from avianvox.errors import InputError
from avianvox.registry import nearest
from avianvox.types import Recording

Value = str | float | tuple[str, ...] | None
"""A class, a number, several classes; None: not known."""


def _call_types(recording: Recording) -> Value:
    parts = (part.strip().lower() for part in recording.call_type.split(","))
    return tuple(dict.fromkeys(part for part in parts if part)) or None


def _species(recording: Recording) -> Value:
    """The label and those in the background."""
    return (recording.label, *recording.background) if recording.label else None


_OWN: dict[str, Callable[[Recording], Value]] = {"call_type": _call_types, "species": _species}
"""Columns that are more than a field."""

COLUMNS = (*(field.name for field in fields(Recording)), "species")
"""Columns that a task may read; ``species`` is the label with the species in the background."""


def value_of(recording: Recording, column: str) -> Value:
    """What is known of ``recording`` under ``column``, a name of `COLUMNS`.

    Examples
    --------
    >>> from pathlib import Path
    >>> value_of(Recording("a", Path("a.wav"), call_type="song, Call"), "call_type")
    ('song', 'call')
    """
    if column in _OWN:
        return _OWN[column](recording)
    found = getattr(recording, column)
    if isinstance(found, int | float):
        return float(found)
    return (found if isinstance(found, tuple) else str(found)) if found else None


def values_of(recordings: Iterable[Recording], column: str) -> tuple[Value, ...]:
    """The values of a column, one for each recording.

    Raises
    ------
    InputError
        A catalog has no such column.
    """
    if column not in COLUMNS:
        known = list(COLUMNS)
        raise InputError(
            f"[[tasks]] column: the catalog has no column '{column}'{nearest(column, known)} "
            f"(columns: {', '.join(known)})"
        )
    return tuple(value_of(recording, column) for recording in recordings)
