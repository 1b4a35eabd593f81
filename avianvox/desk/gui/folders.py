"""Folders to choose from: their names and how many recordings lie in them. No file is handed out."""

import os
import sys
from typing import Any

from avianvox.audio.find import is_audio
from avianvox.desk.gui.asked import absolute
from avianvox.errors import InputError
from avianvox.words import printable

MOST = 2000
"""Folders that are listed, and files that are counted."""


def folder_content(path: str) -> dict[str, Any]:
    """What a folder holds: the names of its folders and the number of its sound files.

    Parameters
    ----------
    path : str
        Empty: the folder of the user.

    Raises
    ------
    InputError
        It is no folder, or the user may not read it.
    """
    here = absolute(path or "~")
    folders: list[str] = []
    n_sounds = n_seen = 0
    try:
        with os.scandir(here) as entries:
            for entry in entries:
                n_seen += 1
                if n_seen > 100 * MOST or len(folders) > MOST:
                    break
                if entry.name.startswith(".") or not entry.name.isprintable():
                    continue
                if _is_folder(entry):
                    folders.append(entry.name)
                elif is_audio(entry.name):
                    n_sounds += 1
    except (OSError, ValueError) as error:  # a path may hold what no file system takes
        raise InputError(printable(f"{here}: {_reason(error)}")) from error
    parent = os.path.dirname(here)
    return {
        "path": here,
        "parent": parent if parent != here else "",
        "folders": sorted(folders, key=str.casefold)[:MOST],
        "more": len(folders) > MOST,
        "sounds": n_sounds,
        "separator": os.sep,
        "places": places(),
    }


def places() -> list[str]:
    """Where to begin: the user's folder, and what is plugged in."""
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        drives = [f"{letter}:\\" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if os.path.isdir(f"{letter}:\\")]
        return [home, *drives]
    else:
        mounts = ("/Volumes", "/media", f"/run/media/{os.path.basename(home)}", "/mnt")
        return [home, *(place for place in mounts if _has_something(place)), os.sep]


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _has_something(place: str) -> bool:
    try:
        with os.scandir(place) as entries:
            return any(True for _ in entries)
    except OSError:
        return False


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, PermissionError):
        return "you may not read this folder; choose another"
    if isinstance(error, FileNotFoundError):
        return "there is no such folder; choose another"
    if isinstance(error, NotADirectoryError):
        return "it is a file; choose a folder"
    return getattr(error, "strerror", None) or str(error)
