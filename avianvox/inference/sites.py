"""Which site a recording belongs to.

The site is what the user says (``--site``); else what the recording's notes say, see
`avianvox.audio.notes.FieldNotes.site`; else the folder in which it lies.
"""

import glob
import os
from collections.abc import Iterable
from itertools import takewhile
from pathlib import PurePath

from avianvox.files import named


def folder_above(paths: Iterable[str]) -> str:
    """The folder from which folders are named as sites: the one that is given, or the one that holds all.

    Parameters
    ----------
    paths : iterable of str
        Files, folders and patterns, as the user gives them.

    Returns
    -------
    str
        As it stands in ``paths``; "" for the folder in which the program runs, and where paths have nothing
        in common.
    """
    folders = {_folder(path) for path in paths}
    common = min(folders, key=len, default=())
    for parts in folders:
        shared = takewhile(lambda pair: pair[0] == pair[1], zip(common, parts, strict=False))
        common = tuple(part for part, _ in shared)
    return str(PurePath(*common)) if common else ""


def folder_site(path: str, above: str) -> str:
    """The folder of ``path`` below ``above``; the name of ``above`` where the file lies in it directly.

    Examples
    --------
    >>> folder_site("sites/A/card 1/x.wav", "sites"), folder_site("sites/A/x.wav", "sites/A")
    ('A/card 1', 'A')
    """
    folder, root = PurePath(path).parent, PurePath(above)
    if folder == root:
        return named(above).name
    return (folder.relative_to(root) if folder.is_relative_to(root) else folder).as_posix()


def is_other_folder_site(site: str, path: str, above: str) -> bool:
    """Whether ``site`` is how the folder of ``path`` was called below another folder than ``above``."""
    folder = f"/{PurePath(path).parent.as_posix()}"
    return site != folder_site(path, above) and (not site or folder.endswith(f"/{site}"))


def _folder(path: str) -> tuple[str, ...]:
    """The parts of the folder that a path names: itself, the file's, or what stands before a pattern."""
    parts = PurePath(path).parts
    if glob.has_magic(path) and not os.path.lexists(path):
        return tuple(takewhile(lambda part: not glob.has_magic(part), parts))
    return parts if os.path.isdir(path) else parts[:-1]
