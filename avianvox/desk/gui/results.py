"""What a run has found: rows of its table, species with their numbers, and the table in any format."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from avianvox.errors import InputError
from avianvox.files import read_regular
from avianvox.tables.formats import FORMATS, READ_ONLY, read_table, write_table
from avianvox.tables.recordings import common_folder
from avianvox.types import Decision, Detection

NOT_NAMED = "-"
"""In place of a species: rows that name nothing for sure."""

_numbers = count()


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a table.

    Attributes
    ----------
    rows : sequence of Detection
    species : mapping of str to list of int
        For each species, the positions of the rows that name it.
    listed : sequence of dict
        Species with their numbers of rows and recordings, the most frequent first.
    """

    rows: Sequence[Detection]
    species: Mapping[str, list[int]]
    listed: Sequence[dict[str, Any]]

    def page(self, species: str, begin: int, n: int) -> dict[str, Any]:
        """Some rows, of one species or of all."""
        positions = self.species.get(species, []) if species else range(len(self.rows))
        shown = [_shown(k, self.rows[k]) for k in positions[begin : begin + n]]
        return {"total": len(positions), "rows": shown}


def read_found(table: Path) -> Found:
    """The rows of a table; raises `InputError` where there is none."""
    try:
        about = os.stat(table)
    except OSError as error:
        raise InputError(f"{table}: there is no table yet; finish the run first") from error
    return _read(table, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=2)
def _read(table: Path, _time_ns: int, _size: int) -> Found:
    rows = list(read_table(table, "csv"))
    species: dict[str, list[int]] = {}
    for n, row in enumerate(rows):
        sure = row.scientific_name and row.rank in (None, 1) and row.decision in (None, Decision.NAMED)
        name = row.scientific_name if sure else NOT_NAMED
        species.setdefault(name, []).append(n)
    listed = [_listed(name, [rows[n] for n in positions]) for name, positions in species.items()]
    listed.sort(key=lambda one: (one["species"] == NOT_NAMED, -one["rows"], one["species"]))
    return Found(rows, species, listed)


def _listed(name: str, rows: Sequence[Detection]) -> dict[str, Any]:
    common = next((row.common_name for row in rows if row.common_name), "")
    return {
        "species": name,
        "common": "" if name == NOT_NAMED else common,
        "rows": len(rows),
        "recordings": len({row.path for row in rows}),
        "best": max((row.score for row in rows if row.score is not None), default=None),
    }


def _shown(position: int, row: Detection) -> dict[str, Any]:
    return {
        "key": position,
        "name": os.path.basename(row.path),
        "path": row.path,
        "begin_s": row.begin_s,
        "end_s": row.end_s,
        "time": row.begin_time,
        "species": row.scientific_name,
        "common": row.common_name,
        "score": row.score,
        "decision": row.decision or "",
        "status": row.status,
        "message": row.message,
    }


def table_as(table: Path, name: str, scratch: Path) -> tuple[bytes, str]:
    """The table in another format, and what the file is called. A folder of tables comes as a zip archive.

    Raises
    ------
    UnknownNameError, InputError, MissingExtraError
    """
    form = FORMATS.get(name)
    folder = scratch / f"table-{next(_numbers)}"
    file = f"{table.stem}{form.endings[0]}"
    try:
        folder.mkdir()
        if not form.one_per_recording or name == "raven":  # a Raven file may hold all recordings
            write_table(read_table(table, "csv"), folder / file, name)
            return read_regular(folder / file, most_bytes=1 << 34), file
        root = common_folder(row.path for row in read_table(table, "csv"))
        write_table(read_table(table, "csv"), folder / "tables", name, root=root)
        packed = shutil.make_archive(str(folder / "packed"), "zip", folder / "tables")
        return read_regular(Path(packed), most_bytes=1 << 34), f"{table.stem}.{name}.zip"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def formats() -> list[str]:
    """Names of formats that a table can be taken away in."""
    return [name for name in FORMATS if name not in READ_ONLY]
