"""Detections as Parquet: the columns of the CSV with their types, null where a value is not known."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from avianvox.errors import InputError
from avianvox.tables.columns import COLUMNS, TIMES, task_columns, tasks_among, version_of
from avianvox.tables.native import from_values, typed_table
from avianvox.tables.rows import ROW_GROUP, offset_name, require_package, write_rows
from avianvox.tables.times import iso_time
from avianvox.types import Detection


class Parquet:
    """Written and read in row groups, so that memory doesn't grow with the table.

    The file's metadata holds ``avianvox.table_version`` and what else ``about`` says, such as the model.
    """

    endings = (".parquet",)
    one_per_recording = False

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        columns, rows, tasks = typed_table(detections)
        about = {"table": "detections", "table_version": str(version_of(tasks)), **(about or {})}
        write_rows(rows, columns, path, "parquet", about=about)

    def read(self, path: Path) -> Iterator[Detection]:
        require_package("parquet")
        import pyarrow as pa
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(path) as file:
                names = file.schema_arrow.names
                known = {*COLUMNS, *map(offset_name, TIMES), *task_columns(tasks_among(names))}
                wanted = [name for name in names if name in known]
                number = 0
                for batch in file.iter_batches(ROW_GROUP, columns=wanted):
                    for values in batch.to_pylist():
                        number += 1
                        yield from_values(_texts(values), origin=f"{path}, row {number}")
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"cannot read the table {path}: {error}") from error

    def recognises(self, head: str) -> bool:
        return head.startswith("PAR1")


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    """A row with its times in ISO 8601, in the zone that they were written in.

    Other programs may have made instants in UTC of them, and version 1 has texts.
    """
    for name in TIMES:
        moment, offset_s = values.get(name), values.get(offset_name(name))
        if isinstance(moment, datetime):
            if offset_s is not None and moment.tzinfo is None:
                moment = moment.replace(tzinfo=timezone(timedelta(seconds=offset_s)))
            values[name] = iso_time(moment)
    return values
