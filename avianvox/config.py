"""Configuration: one frozen dataclass per TOML table, defaults visible, unknown keys refused.

A settings class is any frozen dataclass whose fields are ``int``, ``float``, ``str``, ``bool``, `Choice`, one
of these or ``None``, or ``tuple[...]`` of one of these.

What is written of settings decides whether a store, a run or a model file still fits. So a field that comes
later is declared with `later` and counts only where it differs from what held before it came.

A `Choice` is a row of a table with settings of its own: ``loss = "focal"``, or ``[train.loss]`` with
``kind = "focal"`` and ``gamma = 3``. Rows are frozen dataclasses whose fields are declared with `later`, so
that the name alone stands for what held when the row came.

A field whose name Python keeps for itself ends in an underscore, which files are written without: ``from_``
stands for ``from``.
"""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from avianvox.errors import ConfigError, InputError
from avianvox.files import read_regular
from avianvox.registry import Registry, nearest

S = TypeVar("S")

_TOO_LARGE = 1e40  # for a whole number that a float shall take
_MOST_BYTES = 1 << 24


_HELD = "held"  # key of a field's metadata


def later(default: Any, *, held: Any) -> Any:
    """A field of a settings class that came after settings had been written.

    Parameters
    ----------
    default : Any
        Of today.
    held : Any
        What held when the field came: settings with this value are written without the field, and those that
        were written without it have this value. It never changes; ``default`` may.
    """
    return field(default=default, metadata={_HELD: held})


@dataclass(frozen=True)
class Choice:
    """A row of a table with settings of its own; where they are the usual ones, its name alone stands for it.

    ``settings``: names and values.
    """

    kind: str
    settings: tuple[tuple[str, Any], ...]


def row_of(table: Registry[type[S]], choice: "str | Choice", where: str) -> S:
    """The row that was chosen, with its settings; ``where`` is the name of the choice in messages.

    Raises
    ------
    ConfigError
        The table has no such row, or the row no such setting.
    """
    kind, settings = (choice.kind, choice.settings) if isinstance(choice, Choice) else (choice, ())
    if kind not in table:
        known = list(table)
        raise ConfigError(
            f"[{where}]: expected one of {', '.join(known)}, got '{kind}'{nearest(kind, known)}"
        )
    return settings_from_mapping(table.get(kind), dict(settings), table=where, stored=True)


def settled(table: Registry[Any], choice: "str | Choice", where: str) -> "str | Choice":
    """The choice, checked, and without settings that say nothing new. Raises as `row_of`.

    Nothing is imported where no settings are given.
    """
    if not isinstance(choice, Choice) and choice in table:
        return choice
    values = settings_to_mapping(row_of(table, choice, where))
    kind = choice.kind if isinstance(choice, Choice) else choice
    return Choice(kind, tuple(values.items())) if values else kind


def _coerce(value: Any, expected: Any, where: str) -> Any:
    options = get_args(expected) if isinstance(expected, types.UnionType) else (expected,)
    for option in options:
        if option is type(None):
            if value is None:
                return None
        elif get_origin(option) is tuple:
            if isinstance(value, list | tuple):
                return tuple(_coerce(item, get_args(option)[0], where) for item in value)
        elif option is Choice:
            if isinstance(value, Choice):
                return value
            if isinstance(value, Mapping):
                return _choice(value, where)
        elif isinstance(value, bool):
            if option is bool:
                return value
        elif option is float and isinstance(value, int | float) and abs(value) < _TOO_LARGE:
            return float(value)
        elif isinstance(value, int) and abs(value) >= _TOO_LARGE:
            continue
        elif isinstance(value, option):
            return value
    names = {type(None): "none", Choice: "a table", tuple: "a list"}
    wanted = " or ".join(str(names.get(get_origin(o) or o) or getattr(o, "__name__", o)) for o in options)
    raise ConfigError(f"{where}: expected {wanted}, got {value!r:.60}")


def _choice(value: Mapping[str, Any], where: str) -> Choice:
    kind = value.get("kind")
    if not isinstance(kind, str):
        raise ConfigError(f"{where}: expected a table with kind = NAME, got {dict(value)!r:.60}")
    return Choice(kind, tuple((key, item) for key, item in value.items() if key != "kind"))


def settings_from_mapping(cls: type[S], values: Mapping[str, Any], *, table: str, stored: bool = False) -> S:
    """Build a settings dataclass from a mapping, refusing unknown keys and wrong types.

    Parameters
    ----------
    cls : type
    values : mapping
    table : str
        Its name in messages.
    stored : bool
        Whether `settings_to_mapping` made the mapping, perhaps before some fields came; otherwise a user did,
        and a missing key has today's default.

    Raises
    ------
    ConfigError
        ``[train] has no key 'learnig_rate'; did you mean 'learning_rate'?``
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"expected a table [{table}], got {values!r:.60}")
    hints = get_type_hints(cls)
    known = {_key(field.name): field.name for field in fields(cls)}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise ConfigError(f"[{table}] has no key '{key}'{nearest(key, list(known))}")
    given = {key: _coerce(value, hints[known[key]], f"[{table}] {key}") for key, value in values.items()}
    whole = (held_values(cls) | given) if stored else given
    return cls(**{known[key]: value for key, value in whole.items()})


def settings_to_mapping(settings: Any) -> dict[str, Any]:
    """The resolved settings as plain values, ready for JSON, without later fields that say nothing new."""
    held = held_values(type(settings))
    values = {_key(f.name): getattr(settings, f.name) for f in fields(settings)}
    return {key: _plain(value) for key, value in values.items() if key not in held or value != held[key]}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return {"kind": value.kind, **dict(value.settings)} if isinstance(value, Choice) else value


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Keys whose values differ, each with both of them; None stands for a missing one.

    Examples
    --------
    >>> differences({"epochs": 5, "seed": 0}, {"epochs": 9, "seed": 0})
    {'epochs': (5, 9)}
    """
    keys = (key for key in {**before, **now} if before.get(key) != now.get(key))
    return {key: (before.get(key), now.get(key)) for key in keys}


def held_values(cls: type) -> dict[str, Any]:
    """What settings of this class have for the later fields that they were written without."""
    return {_key(f.name): f.metadata[_HELD] for f in fields(cls) if _HELD in f.metadata}


def _key(name: str) -> str:
    """What a field is called in files."""
    return name.removesuffix("_")


def read_toml(
    path: Path | str, tables: Mapping[str, type], *, besides: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Read a TOML file whose top level holds the given tables, each of them optional.

    ``besides``: names that may stand there too, which somebody else reads.

    Returns
    -------
    dict
        ``table -> settings instance`` for every name in ``tables``.

    Raises
    ------
    ConfigError
        The file is missing or not TOML, or has an unknown table or key, or a value that can't be.
    """
    document = parse_toml(path)
    for name in document:
        if name not in (*tables, *besides):
            raise ConfigError(f"{path} has no table [{name}]{nearest(name, [*tables, *besides])}")
    try:
        return {
            name: settings_from_mapping(cls, document.get(name, {}), table=name)
            for name, cls in tables.items()
        }
    except (ConfigError, InputError) as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_toml(path: Path | str) -> dict[str, Any]:
    """What a TOML file holds. Raises `ConfigError` where it is missing or not TOML."""
    import tomllib  # here, because classifying reads no TOML and starts the faster

    try:
        return tomllib.loads(read_regular(path, most_bytes=_MOST_BYTES).decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read configuration {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8, as TOML must be ({error}); save it as UTF-8") from error
    except (ValueError, RecursionError) as error:  # also for a number of thousands of digits
        raise ConfigError(f"{path} is not a TOML file: {error}") from error
