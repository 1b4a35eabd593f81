"""Other names for what a table names: a CSV file with the columns ``name`` and ``label``.

A row whose name has an empty label is left out, and one whose name is not listed stays as it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from avianvox.errors import InputError
from avianvox.tables.delimited import read_head, read_lines
from avianvox.types import Detection


def read_names(path: Path) -> dict[str, str]:
    """Name to label.

    Raises
    ------
    InputError
        It cannot be read, has not both columns, or gives one name two labels.
    """
    delimiter, columns = read_head(path)
    if not {"name", "label"} <= set(columns):
        raise InputError(f"{path}: expected a table with the columns 'name' and 'label'")
    labels: dict[str, str] = {}
    for line in read_lines(path, delimiter):
        name, label = line.text("name"), line.text("label")
        if labels.setdefault(name, label) != label:
            raise InputError(f"{line.origin}: '{name}' is '{label}' here and '{labels[name]}' above")
    return labels


def renamed(rows: Iterable[Detection], labels: Mapping[str, str]) -> Iterator[Detection]:
    """The rows under their labels; a common name that went with the old name goes."""
    for row in rows:
        name = row.scientific_name or row.common_name
        label = labels.get(name, name)
        if label == name:
            yield row
        elif label:
            yield replace(row, scientific_name=label, common_name="")
