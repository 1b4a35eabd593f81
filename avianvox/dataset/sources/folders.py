"""One folder per class: the folder's name is the label.

``Junco_hyemalis`` and ``Junco hyemalis`` are the same label, ``Junco hyemalis_Dark-eyed Junco`` carries the
common name too, and ``noise``, ``background``, ``other``, ``silence`` or ``no bird`` hold no bird. A
recording's id is its path below the catalog; when, where and by what it was made is read from the file and
its name. A folder that has one of these names itself is a catalog of background sounds. What lies directly in
the catalog has no label: a folder of such recordings alone can be searched and grouped, and not learned from.
"""

from collections.abc import Iterator
from pathlib import Path

from avianvox.audio.find import find_audio
from avianvox.dataset.catalog import EMPTY_CLASS, Catalog, Problem
from avianvox.dataset.sources.fields import NO_TARGET_NAMES, class_names
from avianvox.dataset.sources.noted import noted
from avianvox.errors import CatalogError, InputError
from avianvox.types import NO_BIRD, Recording


class Folders:
    """The source ``folders``."""

    def recognises(self, path: Path) -> bool:
        if not path.is_dir():
            return False
        try:
            return next(find_audio([path]), None) is not None
        except InputError:
            return False

    def read(self, path: Path) -> Catalog:
        if not path.is_dir():
            raise CatalogError(f"{path} is not a folder: expected one folder per class")
        own = NO_BIRD if _holds_no_bird(path) else ""
        rows = [_recording(s, path, own) for s in find_audio([path])]
        return Catalog.from_rows(rows, source="folders", problems=_without_sound(path, rows))


def _without_sound(catalog: Path, rows: list[Recording]) -> Iterator[Problem]:
    """Folders of classes that have no recording, as an upload leaves them that was broken off."""
    full = {row.id.split("/")[0] for row in rows}
    for folder in sorted(catalog.iterdir()):
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in full:
            message = f"the folder {folder} holds no sound files; its class is left out"
            yield Problem(EMPTY_CLASS, "", str(folder), message)


def _holds_no_bird(folder: Path) -> bool:
    return folder.resolve().name.lower() in NO_TARGET_NAMES


def _recording(sound: Path, catalog: Path, own_label: str) -> Recording:
    below = sound.relative_to(catalog)
    label, common_name = class_names(below.parts[0]) if len(below.parts) > 1 else (own_label, "")
    return noted(Recording(id=below.as_posix(), path=sound, label=label, common_name=common_name))
