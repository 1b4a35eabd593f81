"""Configuration: one frozen dataclass per TOML table, defaults visible, unknown keys refused.

A settings class is any frozen dataclass whose fields are ``int``, ``float``, ``str``, ``bool``, one of
these or ``None``, or ``tuple[...]`` of one of these.

What is written of settings decides whether a store, a run or a model file still fits. So a field that comes
later is declared with `later` and counts only where it differs from what held before it came.
"""

import types
from collections.abc import Mapping
from dataclasses import asdict, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from avianvox.errors import ConfigError
from avianvox.files import read_regular
from avianvox.registry import nearest

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


def _coerce(value: Any, expected: Any, where: str) -> Any:
    options = get_args(expected) if isinstance(expected, types.UnionType) else (expected,)
    for option in options:
        if option is type(None):
            if value is None:
                return None
        elif get_origin(option) is tuple:
            if isinstance(value, list | tuple):
                return tuple(_coerce(item, get_args(option)[0], where) for item in value)
        elif isinstance(value, bool):
            if option is bool:
                return value
        elif option is float and isinstance(value, int | float) and abs(value) < _TOO_LARGE:
            return float(value)
        elif isinstance(value, int) and abs(value) >= _TOO_LARGE:
            continue
        elif isinstance(value, option):
            return value
    wanted = " or ".join("none" if o is type(None) else getattr(o, "__name__", str(o)) for o in options)
    raise ConfigError(f"{where}: expected {wanted}, got {value!r:.60}")


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
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise ConfigError(f"[{table}] has no key '{key}'{nearest(key, known)}")
    given = {key: _coerce(value, hints[key], f"[{table}] {key}") for key, value in values.items()}
    return cls(**((held_values(cls) | given) if stored else given))


def settings_to_mapping(settings: Any) -> dict[str, Any]:
    """The resolved settings as plain values, ready for JSON, without later fields that say nothing new."""
    held = held_values(type(settings))
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(settings).items()
        if key not in held or value != held[key]
    }


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
    return {f.name: f.metadata[_HELD] for f in fields(cls) if _HELD in f.metadata}


def read_toml(path: Path | str, tables: Mapping[str, type]) -> dict[str, Any]:
    """Read a TOML file whose top level holds the given tables, each of them optional.

    Returns
    -------
    dict
        ``table -> settings instance`` for every name in ``tables``.

    Raises
    ------
    ConfigError
        The file is missing or not TOML, or has an unknown table or key.
    """
    document = parse_toml(path)
    for name in document:
        if name not in tables:
            raise ConfigError(f"{path} has no table [{name}]{nearest(name, list(tables))}")
    return {
        name: settings_from_mapping(cls, document.get(name, {}), table=name) for name, cls in tables.items()
    }


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
