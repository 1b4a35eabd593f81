"""Taxonomy: what genus, family and order the classes belong to, and their taxonomic sequence.

Family and order come from a table, the one in the package or, from Python, another CSV file; what it doesn't
know is "". The genus is the first word of a scientific name. "Great tit" looks like one too, so that a genus
counts where the table knows it or where the class has a common name beside its own.

The table in the package holds all genera of birds of AviList 2025; ``bundled/LICENSE-TAXONOMY`` has its
terms. A species under an older name is looked up by the newer one. What is no bird it doesn't know.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avianvox.dataset.sources.fields import read_rows
from avianvox.dataset.synonyms import canonical
from avianvox.errors import CatalogError
from avianvox.types import NO_BIRD, LabelSet

LEVELS = ("species", "genus", "family", "order")
"""From the finest to the coarsest."""

BUNDLED_TABLE = Path(__file__).parent.parent / "bundled" / "bird_families.csv"

_BINOMIAL = re.compile(r"([A-Z][a-z]+) [a-z]")


@dataclass(frozen=True)
class Taxonomy:
    """The classes of a label set and what they belong to; make one with `Taxonomy.of`.

    ``genera``, ``families``, ``orders``: one name for each class, "" where it is not known. ``ranks``: each
    class's place in taxonomic sequence, from 0.
    """

    labels: LabelSet
    genera: tuple[str, ...]
    families: tuple[str, ...]
    orders: tuple[str, ...]
    ranks: tuple[int, ...]

    @classmethod
    def of(cls, labels: LabelSet, table: Path = BUNDLED_TABLE) -> "Taxonomy":
        """Look the classes up.

        Parameters
        ----------
        labels : LabelSet
        table : Path
            A CSV file with the columns ``family``, ``order`` and ``genus`` or ``scientific_name``, in
            taxonomic sequence. A row of a species goes before one of its genus.

        Raises
        ------
        CatalogError
            The table lacks a column, or gives one name two families.
        """
        rows = _read_table(table)
        known = {*rows, *map(_genus, rows)}
        genera = tuple(
            _genus(label) if _genus(label) in known or labels.common_name(i) not in ("", label) else ""
            for i, label in enumerate(labels.names)
        )
        found = [
            rows.get(label) or rows.get(genus) or (rows.get(_genus(canonical(label))) if genus else None)
            for label, genus in zip(labels.names, genera, strict=True)
        ]
        families, orders = (tuple(row[i] if row else "" for row in found) for i in (0, 1))
        place: dict[str, int] = {}
        for name, (family, order) in rows.items():
            for part in (order, family, _genus(name) or name):
                place.setdefault(part, len(place))
        place.pop("", None)

        def key(i: int) -> tuple[float | str | bool, ...]:
            above = (place.get(name, math.inf) for name in (orders[i], families[i], genera[i]))
            return *above, not genera[i], genera[i], labels.names[i]

        sequence = sorted(range(len(labels)), key=key)
        return cls(labels, genera, families, orders, tuple(np.argsort(sequence).tolist()))

    @property
    def unplaced(self) -> np.ndarray:
        """Whether a class is a species whose family or order is not known, shape (n_classes,), bool."""
        placed = (np.array(self.families) != "") & (np.array(self.orders) != "")
        unplaced: np.ndarray = ~placed & (np.array(self.labels.names) != NO_BIRD)
        return unplaced

    def names(self, level: str) -> tuple[str, ...]:
        """The name of each class at a level of `LEVELS`."""
        columns = (self.labels.names, self.genera, self.families, self.orders)
        return dict(zip(LEVELS, columns, strict=True))[level]

    def branches(self, level: str) -> tuple[str, ...]:
        """The name of the branch that each class hangs on at a level of `LEVELS`.

        A name that is not known is replaced by that of the level below: a genus without family is a branch of
        its own, and so is a species without genus.
        """
        found = self.labels.names
        for finer in LEVELS[1 : LEVELS.index(level) + 1]:
            found = tuple(name or below for name, below in zip(self.names(finer), found, strict=True))
        return found

    def order(self, labels: Sequence[str]) -> np.ndarray:
        """Positions that bring some of the classes into taxonomic sequence, shape (n,), int64.

        Orders, families and genera stand as in the table, species of one genus by alphabet; classes that the
        table doesn't know come last, and those that are no species at the very end.
        """
        return np.argsort([self.ranks[self.labels.index[label]] for label in labels], kind="stable")


def known_genera(table: Path = BUNDLED_TABLE) -> frozenset[str]:
    """The genera that a table knows. Raises as `Taxonomy.of` does."""
    return frozenset(_genus(name) or name for name in _read_table(table))


def _genus(label: str) -> str:
    """The first word of what looks like a scientific name; "" for other names, such as `NO_BIRD`."""
    found = _BINOMIAL.match(label)
    return found[1] if found else ""


def _read_table(path: Path) -> dict[str, tuple[str, str]]:
    """Family and order by genus or scientific name, in the order of the file."""
    rows: dict[str, tuple[str, str]] = {}
    for line, row in enumerate(read_rows(path, required=("family", "order")), start=2):
        name = (row.get("scientific_name", "") or row.get("genus", "")).strip()
        if not name:
            raise CatalogError(
                f"{path}, row {line}: expected a name in 'genus' or 'scientific_name', got none"
            )
        values = (row["family"].strip(), row["order"].strip())
        if rows.setdefault(name, values) != values:
            raise CatalogError(
                f"{path}, row {line}: {name} is in {' and '.join((rows[name][0], values[0]))}; keep one row"
            )
    return rows
