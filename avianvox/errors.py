"""One root for every error a user can cause, and one line for each.

A message says what was expected, what came, in which file, and what to do. Children also subclass
the builtin that fits, so that ``except ValueError`` keeps working for people who never saw us.
"""

from importlib.util import find_spec

from avianvox.words import printable

_LONGEST = 2000


class AvianvoxError(Exception):
    """Root of all errors that avianvox raises on purpose. As a text it is one line that can be shown."""

    def __str__(self) -> str:
        text = printable(super().__str__())
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"

    def about(self, path: object) -> str:
        """The message without the name of the file in front, for where that stands beside it."""
        return str(self).removeprefix(f"{printable(str(path))}: ")


class InputError(AvianvoxError, ValueError):
    """A value or an option is outside what the function accepts."""


class ConfigError(AvianvoxError, ValueError):
    """A configuration file has an unknown key or a value of the wrong type."""


class UnknownNameError(AvianvoxError, LookupError):
    """A name is not in the table it was looked up in."""


class AudioError(AvianvoxError, OSError):
    """A recording cannot be decoded; ``status`` holds the value of :class:`avianvox.types.Status`."""

    def __init__(self, message: str, *, status: str = "undecodable") -> None:
        super().__init__(message)
        self.status = status


class CatalogError(AvianvoxError, ValueError):
    """A catalog cannot be read or contradicts itself."""


class DownloadError(AvianvoxError, ConnectionError):
    """A server cannot be reached, refuses, or answers something else than was asked for."""


class StoreError(AvianvoxError, OSError):
    """A feature store is missing, damaged, busy or belongs to another spec."""


class ModelFileError(AvianvoxError, ValueError):
    """A model file is foreign, damaged, or of a format version that this release cannot read."""


class RunError(AvianvoxError, ValueError):
    """A run folder is missing, incomplete or belongs to another configuration."""


class OutputError(AvianvoxError, OSError):
    """A result cannot be written: the disk is full, or the place is not writable."""


class PluginError(AvianvoxError, ImportError):
    """What another package adds to a table cannot be loaded."""


class MissingExtraError(AvianvoxError, ImportError):
    """An optional package is not installed."""


def require_extra(module: str, *, extra: str, purpose: str) -> None:
    """Raise one clear line when an optional package is absent.

    Parameters
    ----------
    module : str
        Top-level module that is about to be imported, for example ``"keras"``.
    extra : str
        The extra of avianvox that brings it, for example ``"train"``.
    purpose : str
        What needs it, in the user's words, for example ``"avianvox train"``.

    Raises
    ------
    MissingExtraError
        When the module cannot be found.
    """
    if find_spec(module) is None:
        raise MissingExtraError(
            f"{purpose} needs the package '{module}', which is not installed; "
            f"install it with: pip install 'avianvox[{extra}]'"
        )
