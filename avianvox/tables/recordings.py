"""Which recording a table of annotations speaks of, and where that recording is."""

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePath, PureWindowsPath

_WORDS = (
    r"\.(avianvox|birdnet|audacity|raven|selections?|tables?(\.\d+)?|labels?|boxes|results?|annotations?|"
    r"simple-seq)$"
)


def recording_of(table: Path) -> str:
    """The recording that a table's name speaks of, beside the table: without an ending, mostly.

    Examples
    --------
    >>> recording_of(PurePath("night/a.Table.1.selections.txt"))
    'night/a'
    >>> recording_of(PurePath("a.wav.avianvox.labels.txt"))
    'a.wav'
    """
    name = table.stem
    while (shorter := re.sub(_WORDS, "", name, flags=re.IGNORECASE)) != name and shorter:
        name = shorter
    return str(table.with_name(name))


def common_folder(paths: Iterable[str]) -> str:
    """The innermost folder that holds all of ``paths``, or the current one where none does."""
    folder = ""
    for path in paths:
        here = os.path.dirname(os.path.abspath(path))
        try:
            folder = os.path.commonpath([folder, here]) if folder else here
        except ValueError:  # two drives
            return os.getcwd()
    return folder or os.getcwd()


class Recordings:
    """Sound files, to be found by what a table calls them.

    Parameters
    ----------
    paths : iterable of path-like
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._by_name: dict[str, list[tuple[str, ...]]] = {}
        self._paths: dict[tuple[str, ...], str] = {}
        for path in map(str, paths):
            parts = PurePath(path).parts
            self._paths[parts] = path
            for name in {parts[-1].lower(), os.path.splitext(parts[-1])[0].lower()}:
                self._by_name.setdefault(name, []).append(parts)

    def find(self, name: str) -> str | None:
        """The file with this name that shares most of its folders, from the last one on.

        A name may have slashes of either kind, and may lack its ending. None where there is no such file, or
        where several share equally much.
        """
        wanted = PureWindowsPath(name).parts if "\\" in name else PurePath(name).parts
        if not wanted:
            return None
        found = self._by_name.get(wanted[-1].lower(), ())
        shared = [_shared(wanted[:-1], parts[:-1]) for parts in found]
        if not shared or shared.count(max(shared)) > 1:
            return None
        return self._paths[found[shared.index(max(shared))]]


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a.lower() != b.lower()), min(len(one), len(other)))
