"""Fields as sources write them, turned into the plain forms that a `Recording` holds.

Whatever cannot be read for certain becomes "" or ``None``, which mean "not known". Dates and times of day are
read by `avianvox.tables.times`.
"""

import csv
import math
import re
from pathlib import Path

from avianvox.errors import CatalogError
from avianvox.tables.delimited import dict_rows
from avianvox.texts import open_lines
from avianvox.types import NO_BIRD
from avianvox.words import composed

NO_TARGET_NAMES = frozenset({"noise", "background", "other", "silence", NO_BIRD})
"""Class names that mean "no voice of interest", compared without regard to case."""


_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
UNSURE = "?"
"""A label of somebody who has listened and did not know."""


def parse_duration(text: str) -> float | None:
    """Seconds from "28", "0:28" or "1:02:03"."""
    seconds = 0.0
    try:
        for part in text.strip().split(":"):
            seconds = seconds * 60 + float(part)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def parse_number(text: str | float | None) -> float | None:
    """A decimal number such as a latitude."""
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None


def parse_address(text: str) -> str:
    """An address with its scheme; xeno-canto leaves it out."""
    text = text.strip()
    return f"https:{text}" if text.startswith("//") else text


def canonical_label(text: str) -> str:
    """A class name with spaces for underscores; `NO_BIRD` for the names that mean no target, "" for `UNSURE`.

    The form of Unicode is the composed one, as `Catalog.from_rows` gives it to all names.
    """
    text = " ".join(composed(text).replace("_", " ").split())
    return NO_BIRD if text.lower() in NO_TARGET_NAMES else "" if text == UNSURE else text


def class_names(text: str) -> tuple[str, str]:
    """Label and common name of a class, from "Junco hyemalis", "Junco_hyemalis" or "Junco hyemalis_Dark-eyed
    Junco"."""
    scientific, _, common = text.partition("_")
    if " " in scientific.strip() and common:
        return canonical_label(scientific), common.strip()
    return canonical_label(text), ""


def part_id(file_id: str, begin_s: float, end_s: float | None) -> str:
    """The id of a part of a file, see `avianvox.types.Recording`: ``a.wav#1.500-3.250``."""
    return f"{file_id}#{begin_s:.3f}-{'end' if end_s is None else f'{end_s:.3f}'}"


def species_label(genus: str, species: str) -> str:
    """Scientific name, or "" where the source has not identified the species."""
    genus, species = genus.strip(), species.strip()
    unidentified = genus.lower() in ("", "mystery", "sonus") or species.lower() in (
        "",
        "mystery",
        "sp",
        "sp.",
    )
    return "" if unidentified else f"{genus} {species}"


def _with_point(cell: str) -> str:
    """A number with a decimal comma, with a point; other text as it is."""
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell.strip()) else cell


def read_rows(path: Path, *, required: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """The rows of a CSV file with a header, with commas, tabs, or semicolons and then decimal commas too.

    Raises `CatalogError` where a required column is absent.
    """
    with open_lines(path, error=CatalogError) as lines:
        reader = dict_rows(lines)
        try:
            columns = reader.fieldnames or []
            for name in required:
                if name not in columns:
                    known = ", ".join(columns) or "none"
                    raise CatalogError(f"{path} has no column '{name}' (columns: {known})")
            if reader.reader.dialect.delimiter != ";":
                return list(reader)
            return [
                {k: _with_point(v) if isinstance(v, str) else v for k, v in row.items()} for row in reader
            ]
        except csv.Error as error:
            raise CatalogError(f"{path}, line {reader.line_num}: {error}") from error
