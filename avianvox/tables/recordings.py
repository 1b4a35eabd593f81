"""Which recording a table of annotations speaks of, and where that recording is."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path, PurePath, PureWindowsPath

from avianvox.words import composed

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


def folder_of(table: str | Path) -> Path:
    """The folder that a table lies in, or that is a folder of tables itself."""
    return Path(table) if os.path.isdir(table) else Path(table).parent


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


def _unknown(_path: str) -> None:
    return None


class Recordings:
    """Sound files, to be found by what a table calls them.

    Parameters
    ----------
    paths : iterable of path-like
        Asked for when a file is looked for by its name.
    root : path-like, optional
        The folder that holds them: a relative name is first looked up from there.
    tables : path-like, optional
        A folder of tables that mirrors ``root``: names within it are looked up there in the same way.
    length_of : callable, optional
        From a file to its length in seconds, or None; it may be slow.
    """

    def __init__(
        self,
        paths: Iterable[str | Path],
        *,
        root: str | Path = "",
        tables: str | Path = "",
        length_of: Callable[[str], float | None] = _unknown,
    ) -> None:
        self._source = paths
        self._given_root = root
        self._root = os.path.abspath(root) if root else ""
        self._tables = os.path.abspath(tables) if tables else ""
        self._length_of = length_of

    @cached_property
    def _paths(self) -> tuple[str, ...]:
        return tuple(map(str, self._source))

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        return _with_and_without_ending((os.path.basename(path), path) for path in self._paths)

    @cached_property
    def _by_place(self) -> dict[str, list[str]]:
        return _with_and_without_ending(
            (os.path.relpath(path, self._root), path) for path in self._paths if self._root
        )

    def find(self, name: str) -> str | None:
        """The file that stands under this name in the folder, or the one that shares most of its folders.

        A name may have slashes of either kind, and may lack its ending; capitals and the form of Unicode do
        not count. None where there is no such file, or where several share equally many folders, from the
        last one on.
        """
        for place in self._places(name):
            if os.path.isfile(os.path.join(self._root, place)):
                return str(Path(self._given_root, place))
            there = self._by_place.get(_key(place), [])
            if len(there) == 1:
                return there[0]
        wanted = PureWindowsPath(name).parts if "\\" in name else PurePath(name).parts
        if not wanted:
            return None
        found = self._by_name.get(_key(wanted[-1]), ())
        shared = [_shared(wanted[:-1], PurePath(path).parts[:-1]) for path in found]
        if not shared or shared.count(max(shared)) > 1:
            return None
        return found[shared.index(max(shared))]

    def _places(self, name: str) -> Iterator[str]:
        """Where ``name`` may stand below the root."""
        if self._root and name:
            within = os.path.abspath(name)
            if self._tables and PurePath(within).is_relative_to(self._tables):
                yield os.path.relpath(within, self._tables)
            if not os.path.isabs(name):
                yield os.path.normpath(name)

    def length_s(self, path: str) -> float | None:
        """Seconds of a file that `find` gave; None where nobody knows."""
        return self._length_of(path)

    def beside(self, path: str) -> list[str]:
        """All files in the folder of ``path``, by name."""
        folder = os.path.dirname(path)
        return sorted(other for other in self._paths if os.path.dirname(other) == folder)


def _with_and_without_ending(names: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """From the key of each name, and from that without its ending, to the paths."""
    found: dict[str, list[str]] = {}
    for name, path in names:
        for key in {_key(name), _key(os.path.splitext(name)[0])}:
            found.setdefault(key, []).append(path)
    return found


def _key(name: str) -> str:
    return composed(name).casefold()


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if _key(a) != _key(b)), min(len(one), len(other)))
