"""The recordings of a folder, for whoever reads a table that speaks of them."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from avianvox.audio.find import find_audio, find_inputs
from avianvox.audio.probe import probe
from avianvox.tables.recordings import Recordings

_EXACT = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG")
"""Containers whose header counts the samples; the length that others state may be a guess."""


def recordings_in(folder: Path, *, tables: Path | str = "", may_be_empty: bool = False) -> Recordings:
    """The sound files in ``folder`` and below it; it is searched when a file is asked for.

    Parameters
    ----------
    folder : Path
    tables : path-like, optional
        A folder of tables that mirrors ``folder``.
    may_be_empty : bool
        Whether a folder without sound files is no error.

    Raises
    ------
    InputError
        When a file is asked for in a folder without any.
    """
    found = find_inputs([folder]) if may_be_empty else find_audio([folder])
    return Recordings(found, root=folder, tables=tables, length_of=exact_length_s)


def locator(tables: Sequence[Path], recordings: Recordings | None = None) -> Callable[[str], Path]:
    """From a path in one of the tables to the file.

    Paths are relative to the folder in which the program runs, or to that of a table; where ``recordings``
    are given, their files are found by what the tables call them.
    """

    def locate(path: str) -> Path:
        if recordings is not None:
            return Path(recordings.find(path) or path)
        if not os.path.isfile(path):
            for table in tables:
                if os.path.isfile(beside := table.parent / path):
                    return beside
        return Path(path)

    return locate


def exact_length_s(path: str) -> float | None:
    """Seconds of a sound file, by its header where that counts samples, else decoded; None for none."""
    found = probe(path, decode=False)
    if found.container not in _EXACT or found.codec.startswith("MPEG"):
        found = probe(path)
    return found.header_s if found.decoded_s is None else found.decoded_s
