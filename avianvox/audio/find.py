"""From arguments to sound files: files, folders and globs, in an order that never changes."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from avianvox.errors import InputError

# fmt: off
EXTENSIONS = frozenset((
    ".mp3", ".mp2", ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc",
    ".au", ".snd", ".caf", ".w64", ".rf64", ".m4a", ".m4b", ".mp4", ".aac", ".wma", ".amr", ".ape",
    ".wv", ".tta", ".webm", ".mka", ".ac3", ".3gp",
))
# fmt: on
"""What is taken from a folder. A file that is named is always taken, whatever it is called."""


def find_audio(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Yield the files that ``paths`` name, one by one, folders in sorted order and all the way down.

    Hidden files and folders are passed over. What does not exist is yielded as it is: it gets the status
    missing like any other input. Globs (``*``, ``?``, ``[...]``, ``**``) work where a shell left them alone.

    Raises
    ------
    InputError
        A folder without audio, or a glob that fits nothing.
    """
    for path in map(Path, paths):
        if path.is_dir():
            yield from _in_folder(path)
        elif glob.has_magic(str(path)) and not path.exists():
            fitting = sorted(glob.glob(str(path), recursive=True))
            if not fitting:
                raise InputError(f"{path}: no file fits this pattern")
            named = fitting if "**" not in path.parts else [f for f in fitting if is_audio(f)]
            yield from (Path(f) for f in named if not os.path.isdir(f))
        else:
            yield path


def is_audio(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS and not os.path.basename(name).startswith(".")


def _in_folder(folder: Path) -> Iterator[Path]:
    found = False
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if is_audio(name):
                found = True
                yield Path(root, name)
    if not found:
        raise InputError(
            f"{folder}: there is no audio in this folder; expected files such as .mp3, .wav or .flac"
        )
