"""Scientific names that mean one species: *Accipiter cooperii* is *Astur cooperii*.

Checklists move species to other genera, and models, catalogs and lists of species keep the names of the
year they were written in. `canonical` gives one name for all of them, which is what names are compared by; it
is not shown in place of the name that a model or a user wrote. The table is ``bundled/synonyms.csv``.
"""

import csv
from functools import cache, lru_cache
from pathlib import Path

from avianvox.words import name_key

TABLE = Path(__file__).parent.parent / "bundled" / "synonyms.csv"


def canonical(name: str) -> str:
    """The newest scientific name that the table has for a species; other names come back as they are.

    Examples
    --------
    >>> canonical("Accipiter cooperii"), canonical("Picoides villosus"), canonical("Parus major")
    ('Astur cooperii', 'Leuconotopicus villosus', 'Parus major')
    """
    newer = _newer()
    while found := newer.get(name_key(name)):
        name = found
    return name


def same_species(a: str, b: str) -> bool:
    """Whether two scientific names mean one species, as far as the table knows.

    Examples
    --------
    >>> same_species("Dendroica angelae", "setophaga angelae"), same_species("Parus major", "Parus minor")
    (True, False)
    """
    return species_key(a) == species_key(b)


@lru_cache(maxsize=1 << 14)
def species_key(name: str) -> str:
    """What the name of a species is compared by: without case, accents and the year of its checklist."""
    return name_key(canonical(name))


@cache
def _newer() -> dict[str, str]:
    """The next newer name, by the key of the older one."""
    with open(TABLE, encoding="utf-8", newline="") as stream:
        lines = (line for line in stream if not line.startswith("#"))
        return {name_key(row["older"]): row["newer"] for row in csv.DictReader(lines)}
