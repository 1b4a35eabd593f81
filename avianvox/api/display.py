"""What a notebook shows: tables, scores, spectrograms and sound, as HTML that needs no network."""

from collections.abc import Iterable, Sequence

from avianvox.pages.markup import Markup, tag

_TABLE = "font-size: 90%; border-collapse: collapse; text-align: left"
_CELL = "padding: 0.15em 0.7em 0.15em 0; text-align: left; white-space: nowrap"


def table_html(columns: Sequence[str], rows: Sequence[Sequence[str]], *, n_rows: int, called: str) -> str:
    """The first rows of a table; columns in which nothing stands are left out."""
    filled = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    head = tag("tr", *(tag("th", columns[i], style=_CELL) for i in filled))
    body = [tag("tr", *(tag("td", row[i], style=_CELL) for i in filled)) for row in rows]
    more = f"{n_rows:,} {called}" + (f", of which {len(rows)} are shown" if n_rows > len(rows) else "")
    return _joined([tag("table", tag("thead", head), tag("tbody", *body), style=_TABLE), tag("p", more)])


def _joined(parts: Iterable[Markup]) -> str:
    return str(tag("div", *parts))
