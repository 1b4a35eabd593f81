"""Tables from a name to an implementation, resolved on use.

Everything that grows (models, sources, output formats, runtimes, executors) is one such table. A row
is ``"name": "package.module:attribute"``, so listing the names imports nothing. A row may say what it is:
``"name": ("package.module:attribute", "what people read about it")``.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar, cast

from avianvox.errors import UnknownNameError

T = TypeVar("T")


def nearest(name: str, known: list[str]) -> str:
    """``"; did you mean 'x'?"`` for the known name closest to ``name``, or an empty string."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


class Registry(Generic[T]):
    """A table of names, each standing for an object that is imported when asked for.

    Parameters
    ----------
    kind : str
        What the table holds, in the singular: it appears in error messages.
    rows : mapping of str to str or tuple of str
        ``name -> "package.module:attribute"``, or that and a summary.

    Attributes
    ----------
    summaries : dict of str to str
        Of the rows that have one.
    """

    def __init__(self, kind: str, rows: Mapping[str, str | tuple[str, str]]) -> None:
        self.kind = kind
        self.summaries: dict[str, str] = {}
        self._rows: dict[str, str] = {}
        for name, row in rows.items():
            if not isinstance(row, str):
                row, self.summaries[name] = row
            self.register(name, row)

    def register(self, name: str, target: str) -> None:
        """Add a row. Raises ``ValueError`` for a taken name or a target that is not ``module:attribute``."""
        if name in self._rows:
            raise ValueError(f"{self.kind} '{name}' is registered twice")
        if target.count(":") != 1:
            raise ValueError(f"{self.kind} '{name}': expected 'module:attribute', got '{target}'")
        self._rows[name] = target

    def get(self, name: str) -> T:
        """Import and return the object behind ``name``. Raises `UnknownNameError` with the known names."""
        if name not in self._rows:
            known = list(self._rows)
            raise UnknownNameError(
                f"unknown {self.kind} '{name}'{nearest(name, known)} (known: {', '.join(known)})"
            )
        module, attribute = self._rows[name].split(":")
        return cast(T, getattr(import_module(module), attribute))

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
