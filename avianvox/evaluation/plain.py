"""Plain values for JSON (what `json.dumps(..., allow_nan=False)` takes)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def counted(n: int, word: str) -> str:
    """A number of things: "1 class", "2 classes"."""
    return f"{n} {word}{'' if n == 1 else 'es' if word.endswith('s') else 's'}"


def plain_mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    """`plain` of each value."""
    return {key: plain(value) for key, value in values.items()}


def plain(value: Any) -> Any:
    """Dataclasses and mappings as dictionaries, arrays and sequences as lists, numbers of six decimals.

    A number that is not finite is None.
    """
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return round(float(value), 6) if math.isfinite(value) else None
    if isinstance(value, np.ndarray | Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value
