"""A catalog source: a text file with a sound file and a species in each line, a tab between them."""

from pathlib import Path

from avianvox.dataset.catalog import Catalog
from avianvox.errors import CatalogError
from avianvox.types import Recording


class List:
    """Reads files that end in ``.list``."""

    def recognises(self, path: Path) -> bool:
        return path.suffix == ".list"

    def read(self, path: Path) -> Catalog:
        rows = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            name, tab, species = line.partition("\t")
            if not tab:
                raise CatalogError(f"{path}, line {number}: expected a file, a tab and a species")
            rows.append(Recording(id=name, path=path.parent / name, label=species.strip()))
        return Catalog.from_rows(rows, source="list")
