"""Where catalogs come from: a table from a source's name to its reader.

A reader is a class without arguments that has the methods of `Source`. They are asked in the table's
order which of them recognises a path. What readers share is in `avianvox.dataset.sources.fields`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from avianvox.registry import GROUPS, Registry

if TYPE_CHECKING:
    from avianvox.dataset.catalog import Catalog


class Source(Protocol):
    """Reads one kind of catalog."""

    def recognises(self, path: Path) -> bool:
        """Whether ``path``, a file or folder that exists, looks like this kind. Cheap."""

    def read(self, path: Path) -> "Catalog":
        """Read it. Raises `CatalogError` where the index contradicts its own format."""


SOURCES: Registry[type[Source]] = Registry(
    "catalog source",
    {
        "annotations": "avianvox.dataset.sources.annotations:Annotations",
        "kaggle": "avianvox.dataset.sources.kaggle:Kaggle",
        "xeno_canto": "avianvox.dataset.sources.xeno_canto:XenoCanto",
        "csv": "avianvox.dataset.sources.plain_csv:PlainCsv",
        "folders": "avianvox.dataset.sources.folders:Folders",
    },
    group=GROUPS["sources"],
)
