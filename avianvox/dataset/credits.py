"""Whom a recording is owed to: found in the catalog that lies beside it."""

from functools import cache
from pathlib import Path

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.sources import SOURCES
from avianvox.errors import CatalogError

_WITHOUT_CREDITS = ("folders", "annotations")
"""Sources that are no more than a layout of files, or know no more than an index that lies beside them."""


def credit_of(path: Path) -> str:
    """Recordist, id, address and licence of a sound file, from a catalog in its folder or in the one above.

    Catalogs are read once. Where there is none, or none that can be read, nothing is known: "".
    """
    for folder in path.resolve().parents[:2]:
        if credit := _credits(folder).get(path.resolve()):
            return credit
    return ""


@cache
def _credits(folder: Path) -> dict[Path, str]:
    for name in SOURCES:
        source = SOURCES.get(name)()
        try:
            if name not in _WITHOUT_CREDITS and source.recognises(folder):
                return _attributions(source.read(folder))
        except (CatalogError, OSError, UnicodeDecodeError):
            continue
    return {}


def _attributions(catalog: Catalog) -> dict[Path, str]:
    return {r.path.resolve(): r.attribution for r in catalog.recordings}
