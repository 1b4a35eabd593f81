"""Detections as Parquet: the columns of the CSV with their types, null where a value is not known."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from avianvox.errors import InputError
from avianvox.tables.columns import COLUMNS, TABLE_VERSION
from avianvox.tables.native import TYPED_COLUMNS, from_values, typed_rows
from avianvox.tables.rows import ROW_GROUP, require_parquet, write_rows
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
        about = {"table": "detections", "table_version": str(TABLE_VERSION), **(about or {})}
        write_rows(typed_rows(detections), TYPED_COLUMNS, path, "parquet", about=about)

    def read(self, path: Path) -> Iterator[Detection]:
        require_parquet()
        import pyarrow as pa
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(path) as file:
                wanted = [name for name in file.schema_arrow.names if name in COLUMNS]
                number = 0
                for batch in file.iter_batches(ROW_GROUP, columns=wanted):
                    for values in batch.to_pylist():
                        number += 1
                        yield from_values(values, origin=f"{path}, row {number}")
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"cannot read the table {path}: {error}") from error

    def recognises(self, head: str) -> bool:
        return head.startswith("PAR1")
