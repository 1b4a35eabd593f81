"""Catalogs as they are given: a path, several, recordings, or a catalog."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from avianvox.dataset.catalog import Catalog, read_catalogs
from avianvox.errors import CatalogError
from avianvox.types import Recording

if TYPE_CHECKING:
    from avianvox.features.store import FeatureStore

Path: TypeAlias = "str | os.PathLike[str]"
Recordings: TypeAlias = "Catalog | Path | Iterable[Path] | Iterable[Recording]"


def read_catalog(paths: "Path | Iterable[Path]") -> Catalog:
    """Read a catalog, or several as one: which recordings there are, and what is known about them.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        A folder with one folder for each species, or with an index; an index file; annotated recordings.

    Returns
    -------
    Catalog
        A sequence of `Recording`; ``labels`` are its species, ``problems`` what is wrong with it.

    Raises
    ------
    CatalogError
        Nothing is there, nothing recognises it, or the index cannot be read.

    Examples
    --------
    >>> import avianvox as av
    >>> catalog = av.read_catalog("recordings")
    >>> len(catalog), list(catalog.labels)
    (16, ['Echocincla vagans', 'Fictornis sibilans', 'Sonospiza loquax', 'no bird'])
    >>> catalog[0].label, len(catalog[:3])
    ('Fictornis sibilans', 3)
    """
    return read_catalogs([paths] if isinstance(paths, str | os.PathLike) else paths)


def catalog_of(given: "Recordings") -> Catalog:
    """The catalog that ``given`` is, names, or consists of."""
    if isinstance(given, Catalog):
        return given
    if isinstance(given, str | os.PathLike):
        return read_catalogs([given])
    items = list(given)
    recordings = [item for item in items if isinstance(item, Recording)]
    if items and len(recordings) == len(items):
        return Catalog.from_rows(recordings, source=recordings[0].source)
    if not items or recordings:
        raise CatalogError("expected paths of catalogs, or recordings, got none of them or both")
    return read_catalogs(item for item in items if not isinstance(item, Recording))


def unreadable(recordings: "Iterable[Recording]", store: "FeatureStore") -> list[str]:
    """One line for each recording whose file failed when the store was built."""
    statuses = ((r.path, store.status(store.index_of(r.id))) for r in recordings)
    return [f"{path}: {status}" for path, status in statuses if status.failed]
