"""From arguments to sound files: files, folders and globs, in an order that never changes."""

import glob
import os
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from avianvox.errors import InputError
from avianvox.types import Status

# fmt: off
EXTENSIONS = frozenset((
    ".mp3", ".mp2", ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc",
    ".au", ".snd", ".caf", ".w64", ".rf64", ".m4a", ".m4b", ".mp4", ".aac", ".wma", ".amr", ".ape",
    ".wv", ".tta", ".webm", ".mka", ".ac3", ".3gp",
))
# fmt: on
"""What is taken from a folder. A file that is named is always taken, whatever it is called."""


_NO_SOUND = "no sound files in this folder"


def find_audio(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Yield the files that ``paths`` name, one by one, folders in sorted order and all the way down.

    Hidden files and folders are passed over, links are followed. What does not exist, and a folder that may
    not be read, is yielded as it is: it gets the status missing like any other input. Globs (``*``, ``?``,
    ``[...]``, ``**``) work where a shell left them alone, and the folders that they fit are searched too.

    Raises
    ------
    InputError
        A folder without audio, or a glob that fits nothing.
    """
    for path in map(Path, paths):  # os.path never raises here; Path does, for names too long or forbidden
        if os.path.isdir(path):
            found = _in_folder(path)
            wanted = f"{_NO_SOUND}; expected files such as .mp3, .wav or .flac"
        elif glob.has_magic(str(path)) and not os.path.lexists(path):
            found = _by_pattern(path)
            wanted = "no file fits this pattern"
        else:
            yield path
            continue
        first = next(found, None)
        if first is None:
            raise InputError(f"{path}: {wanted}")
        yield first
        yield from found


def find_inputs(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Like `find_audio`, but what stands for no file at all is yielded as it is and nothing is raised.

    A file comes once, also where two of ``paths`` lead to it. What was found is remembered for that only if
    they may, so that folders with a million files each take no memory.
    """
    paths = list(paths)
    seen: set[str] | None = set() if _may_meet(paths) else None
    for path in paths:
        try:
            for found in find_audio([path]):
                if _is_new(found, seen):
                    yield found
        except InputError:
            if _is_new(path, seen):
                yield Path(path)


def _may_meet(paths: Iterable[str | Path]) -> bool:
    """Whether one of ``paths`` is another, or lies in it, or is a pattern beside others."""
    places = sorted(Path(os.path.abspath(path)).parts for path in paths)
    patterns = any(glob.has_magic(str(path)) for path in paths)
    return len(places) > 1 and (patterns or any(b[: len(a)] == a for a, b in pairwise(places)))


def _is_new(path: str | Path, seen: set[str] | None) -> bool:
    """Whether ``path`` is not in ``seen``, which then has it; None is a set that never has anything."""
    if seen is None:
        return True
    place = os.path.abspath(path)
    if place in seen:
        return False
    seen.add(place)
    return True


def fault_of_folder(folder: str | Path) -> tuple[Status, str]:
    """What is wrong with a folder that came where a file was expected: its status, and why."""
    if not os.access(folder, os.R_OK | os.X_OK):
        return Status.MISSING, "no permission to read this folder"
    if next(_in_folder(Path(folder)), None) is None:
        return Status.EMPTY, _NO_SOUND
    return Status.MISSING, "this is a folder, not a file"


def is_audio(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS and not os.path.basename(name).startswith(".")


def _by_pattern(pattern: Path) -> Iterator[Path]:
    seen: set[Path] = set()  # ** fits a folder and what lies in it
    for name in sorted(glob.glob(str(pattern), recursive=True)):
        if os.path.isdir(name):
            fitting = _in_folder(Path(name))
        elif "**" not in pattern.parts or is_audio(name):
            fitting = iter([Path(name)])
        else:
            continue
        for path in fitting:
            if path not in seen:
                seen.add(path)
                yield path


def _in_folder(folder: Path) -> Iterator[Path]:
    refused: list[OSError] = []
    visited: set[str] = set()  # links may lead in circles
    for root, folders, files in os.walk(folder, onerror=refused.append, followlinks=True):
        yield from _unreadable(refused, folder)
        real = os.path.realpath(root)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = os.path.join(root, name)
            if is_audio(name) and (os.path.isfile(path) or not os.path.exists(path)):  # no pipes, no devices
                yield Path(path)
    yield from _unreadable(refused, folder)


def _unreadable(refused: list[OSError], folder: Path) -> Iterator[Path]:
    yield from (Path(error.filename or folder) for error in refused)
    refused.clear()
