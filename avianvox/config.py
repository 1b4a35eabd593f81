"""Configuration: one frozen dataclass per TOML table, defaults visible, unknown keys refused.

A settings class is any frozen dataclass whose fields are ``int``, ``float``, ``str``, ``bool``, one of
these or ``None``, or ``tuple[...]`` of one of these.
"""

import types
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from avianvox.errors import ConfigError
from avianvox.files import read_regular
from avianvox.registry import nearest

S = TypeVar("S")

_TOO_LARGE = 1e40  # for a whole number that a float shall take
_MOST_BYTES = 1 << 24


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


def settings_from_mapping(cls: type[S], values: Mapping[str, Any], *, table: str) -> S:
    """Build a settings dataclass from a mapping, refusing unknown keys and wrong types.

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
    return cls(**{key: _coerce(value, hints[key], f"[{table}] {key}") for key, value in values.items()})


def settings_to_mapping(settings: Any) -> dict[str, Any]:
    """The resolved settings as plain values, ready for JSON."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(settings).items()}


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
