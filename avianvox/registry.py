"""Tables from a name to an implementation, resolved on use.

Everything that grows (models, sources, output formats, runtimes, executors) is one such table. A row
is ``"name": "package.module:attribute"``, so listing the names imports nothing. A row may say what it is:
``"name": ("package.module:attribute", "what people read about it")``.

Other packages add rows to some tables (`GROUPS`) by entry points. They are looked for when a name is asked
for that no row of avianvox has, or when all names are: a table whose own rows suffice costs nothing.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar, cast

from avianvox.errors import PluginError, UnknownNameError

T = TypeVar("T")

GROUPS = {
    "models": "avianvox.models",
    "sources": "avianvox.sources",
    "formats": "avianvox.formats",
}
"""Groups of entry points, by the table that they add to."""


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
    group : str, optional
        Of entry points by which other packages add rows. A name that is taken stays what it is.

    Attributes
    ----------
    summaries : dict of str to str
        Of the rows that have one.
    """

    def __init__(
        self, kind: str, rows: Mapping[str, str | tuple[str, str]], *, group: str | None = None
    ) -> None:
        self.kind = kind
        self._group = group
        self._added: dict[str, tuple[str, str]] | None = None
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
        if name in self._rows:
            return cast(T, attribute(self._rows[name]))
        if name not in self.added:
            known = list(self)
            raise UnknownNameError(
                f"unknown {self.kind} '{name}'{nearest(name, known)} (known: {', '.join(known)})"
            )
        target, package = self.added[name]
        try:
            return cast(T, attribute(target))
        except Exception as error:  # whatever it is, it is that package's, and the others go on
            raise PluginError(
                f"the {self.kind} '{name}' of the package {package} cannot be loaded: "
                f"{type(error).__name__}: {error}; update or uninstall the package"
            ) from error

    @property
    def own(self) -> tuple[str, ...]:
        """The names that avianvox has itself; asking for them looks for no other packages."""
        return tuple(self._rows)

    @property
    def added(self) -> Mapping[str, tuple[str, str]]:
        """Rows of other packages: name to target and package."""
        if self._added is None:
            self._added = {}
            for name, target, package in entry_rows(self._group) if self._group else ():
                if name not in self._rows and target.count(":") == 1:
                    self._added.setdefault(name, (target, package))
        return self._added

    def __contains__(self, name: object) -> bool:
        return name in self._rows or name in self.added

    def __iter__(self) -> Iterator[str]:
        yield from self._rows
        yield from self.added

    def __len__(self) -> int:
        return len(self._rows) + len(self.added)


def attribute(target: str) -> object:
    """What ``"module:attribute"`` stands for, imported."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def entry_rows(group: str) -> Iterator[tuple[str, str, str]]:
    """Name, target and package of each entry point of a group, by name."""
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        package = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"
        yield point.name, point.value, package
