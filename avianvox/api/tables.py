"""What the front door answers with: rows that are also a data frame.

A `Rows` is a sequence of rows. `Detections` are what was found in recordings, or stands in a table. Frames
need their packages (pandas, polars, pyarrow); iterating, indexing and `Rows.to_rows` need none.
"""

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from avianvox.errors import require_extra
from avianvox.tables.native import typed_table
from avianvox.tables.rows import Column, Row, Value, arrow_batch, arrow_schema, flat_columns, flat_values
from avianvox.types import Detection

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from avianvox.api.display import Gallery
    from avianvox.inference.period_table import SummaryRow

T = TypeVar("T")

_PANDAS = {int: "Int64", float: "float64"}
_SHOWN = 20  # rows in a notebook


class Rows(Sequence[T], Generic[T]):
    """Rows of one kind, in order: a sequence, and a frame of any library.

    Parameters
    ----------
    rows : iterable of dataclass
        With a field for each column, in the order of the columns.
    columns : sequence of Column
    """

    def __init__(self, rows: Iterable[T], columns: Sequence[Column]) -> None:
        self._rows, self._columns = tuple(rows), tuple(columns)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[T]:
        return iter(self._rows)

    @overload
    def __getitem__(self, position: int) -> T: ...

    @overload
    def __getitem__(self, position: slice) -> Self: ...

    def __getitem__(self, position: int | slice) -> T | Self:
        return self._with(self._rows[position]) if isinstance(position, slice) else self._rows[position]

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, Rows) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._rows)

    def __repr__(self) -> str:
        return f"<{len(self)} {self._called}>"

    _called = "rows"

    def _with(self, rows: Iterable[T]) -> Self:
        """The same with other rows."""
        return type(self)(rows, self._columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, as every table has them (docs/tables.md)."""
        return tuple(column.name for column in self._columns)

    def to_rows(self) -> list[dict[str, Value]]:
        """A list of plain dictionaries; None where a value is not known. It needs no other package."""
        names = self.columns
        return [
            dict(zip(names, map(Column.plain, self._columns, row), strict=True)) for row in self._values()
        ]

    def to_pandas(self) -> "pandas.DataFrame":
        """A data frame of pandas.

        Times are what the clock showed; the column beside each, such as ``begin_utc_offset_s``, has the
        seconds from UTC to that clock, where they are known.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        require_extra("pandas", extra="frames", purpose="to_pandas()")
        import pandas as pd

        series = {}
        for (name, kind), values in self._flat():
            dtype = _PANDAS.get(kind, "datetime64[ms]" if kind not in (int, float, str) else "object")
            series[name] = pd.Series(list(values), dtype=dtype)
        return pd.DataFrame(series)

    def to_polars(self) -> "polars.DataFrame":
        """A data frame of polars, with the columns of `to_pandas`. Raises `MissingExtraError` without it."""
        require_extra("polars", extra="frames", purpose="to_polars()")
        import polars as pl

        kinds = {str: pl.String, int: pl.Int64, float: pl.Float64}
        times = pl.Datetime("ms")
        schema = {name: kinds.get(kind, times) for (name, kind), _ in self._flat()}
        return pl.DataFrame({name: list(values) for (name, _), values in self._flat()}, schema=schema)

    def to_arrow(self) -> "pyarrow.Table":
        """A table of pyarrow, with the columns of `to_pandas`. Raises `MissingExtraError` without it."""
        require_extra("pyarrow", extra="frames", purpose="to_arrow()")
        import pyarrow as pa

        schema = arrow_schema(self._columns, {})
        return pa.Table.from_batches([arrow_batch(self._values(), self._columns, schema)], schema)

    def _values(self) -> list[Row]:
        return [tuple(getattr(row, column.name) for column in self._columns) for row in self._rows]

    def _flat(self) -> Iterator[tuple[tuple[str, type], Sequence[Any]]]:
        return zip(flat_columns(self._columns), flat_values(self._values(), self._columns), strict=True)

    def _repr_html_(self) -> str:
        from avianvox.api.display import table_html

        shown = [
            [column.text(value) for column, value in zip(self._columns, row, strict=True)]
            for row in self._with(self._rows[:_SHOWN])._values()
        ]
        return table_html(self.columns, shown, n_rows=len(self), called=self._called)


class Detections(Rows[Detection]):
    """Rows of detections, with the columns of every table that avianvox writes.

    Attributes
    ----------
    notes : tuple of str
        What one should know beside the rows, such as species that can't appear.

    Examples
    --------
    >>> import avianvox as av
    >>> found = av.classify("recording.ogg")
    >>> len(found), len(found.named), found.to_rows()[0]["rank"]
    (3, 1, 1)
    """

    _called = "detections"

    def __init__(self, rows: Iterable[Detection], *, notes: Iterable[str] = ()) -> None:
        rows = tuple(rows)
        super().__init__(rows, typed_table(rows)[0])
        self.notes = tuple(notes)

    def _with(self, rows: Iterable[Detection]) -> Self:
        return type(self)(rows, notes=self.notes)

    def _values(self) -> list[Row]:
        return list(typed_table(self._rows)[1])

    def __str__(self) -> str:
        """What ``avianvox classify`` shows of the first rows."""
        from itertools import groupby

        from avianvox.tables.terminal import Table

        groups = groupby(self._rows[:_SHOWN], key=lambda row: row.path)
        text = "".join(Table().lines(list(rows)) for _, rows in groups)
        return f"{text}{len(self):,} rows" if len(self) > _SHOWN else text.rstrip("\n") or repr(self)

    def __repr__(self) -> str:
        lost = len(self.failed)
        if not lost:
            return super().__repr__()
        found = sum(not row.status.failed for row in self)
        return f"<{found} {self._called}, {lost} failed: see .failed>"

    @property
    def failed(self) -> "Detections":
        """The rows of files that failed, one a file; ``status`` and ``message`` say why."""
        return Detections({row.path: row for row in self if row.status.failed}.values())

    @property
    def named(self) -> "Detections":
        """The best row of each recording, window or event whose species is named and not uncertain."""
        return self._with(
            row
            for row in self
            if row.scientific_name and row.rank in (None, 1) and row.decision in (None, "named")
        )

    def of(self, species: str) -> "Detections":
        """The rows of a species, by its scientific or common name."""
        from avianvox.words import name_key

        key = name_key(species)
        return self._with(
            row for row in self if key in (name_key(row.scientific_name), name_key(row.common_name))
        )

    def gallery(self, n: int = 6) -> "Gallery":
        """The first ``n`` rows that name something, to look at and listen to in a notebook."""
        from avianvox.api.display import Gallery

        return Gallery([row for row in self if row.scientific_name][:n])

    def per(self, by: str, *, timezone: str = "", uncertain: bool = False) -> "Rows[SummaryRow]":
        """How often each species was found by hour, day or night, and how long was recorded.

        Parameters
        ----------
        by : {"hour", "day", "night"}
            A night runs from noon to noon.
        timezone : str
            The zone whose hours, days and nights are meant, such as ``"America/Puerto_Rico"``; by default
            that of each recording.
        uncertain : bool
            Count rows too whose score is below the threshold of their species.

        Raises
        ------
        UnknownNameError, InputError
            ``by`` is none of them, or there is no such zone.
        """
        from avianvox.inference.period_table import SUMMARY_COLUMNS, summarise

        return Rows(summarise(self, by=by, timezone=timezone, uncertain=uncertain), SUMMARY_COLUMNS)

    def save(self, path: "str | PathLike[str]", *, format: str | None = None) -> None:
        """Write the rows as a table.

        Parameters
        ----------
        path : path-like
        format : str, optional
            A name in `avianvox.tables.formats.FORMATS`, such as ``"raven"``; by default what the name ends
            in, such as ``.csv``, ``.parquet`` or ``.xlsx``.

        Raises
        ------
        InputError, OutputError, MissingExtraError
        """
        from avianvox.tables.formats import format_of_new, write_table

        write_table(self, Path(path), format or format_of_new(Path(path)))
