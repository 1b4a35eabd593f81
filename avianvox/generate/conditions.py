"""What a patch is asked for: a species, a kind of call, or a number. A kind is one row of `CONDITIONS`.

A row is a frozen dataclass of its settings that says a class name or a number of each recording or patch.
`Encoding` makes of these what the networks take: for classes a 1 at the class; for numbers, knots over their
range, of which the two nearest share a 1. So an ordered series over a number is a walk from knot to knot, and
one layer of the networks serves both. ``tests/test_generate.py`` holds each row to the contract.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from avianvox.config import later
from avianvox.dataset.labels.columns import column_number
from avianvox.dataset.labels.described import describe
from avianvox.errors import ConfigError, InputError
from avianvox.features.filters import band_edges_hz
from avianvox.features.spec import FeatureSpec
from avianvox.registry import Registry
from avianvox.types import Recording

_N_KNOTS = 6
_VOICED = 0.46  # 6 dB, in the units of a patch


class Condition(Protocol):
    """What a row of `CONDITIONS` stands for."""

    continuous: ClassVar[bool]
    """Whether it gives numbers, not names."""
    unit: ClassVar[str]

    def of(self, recording: Recording) -> str | float | None:
        """A name or a number; None where it is not known, or where only the patch says it."""
        ...

    def measure(self, patches: np.ndarray, spec: FeatureSpec) -> np.ndarray | None:
        """Numbers of patches, NaN where there is none, shape (n,); None where the recording says it."""
        ...


class _OfRecordings:
    continuous: ClassVar[bool] = False
    unit: ClassVar[str] = ""

    def measure(self, patches: np.ndarray, spec: FeatureSpec) -> np.ndarray | None:
        return None


@dataclass(frozen=True)
class Species(_OfRecordings):
    """The recording's label."""

    def of(self, recording: Recording) -> str | None:
        return recording.label or None


@dataclass(frozen=True)
class CallType(_OfRecordings):
    """The kind of call, where the catalog names one alone and is sure of it."""

    def of(self, recording: Recording) -> str | None:
        found = describe(recording)
        return found.call_types[0] if len(found.call_types) == 1 and not found.doubted else None


@dataclass(frozen=True)
class Number(_OfRecordings):
    """The number in a column of the catalog, see `avianvox.dataset.labels.columns`."""

    continuous: ClassVar[bool] = True
    column: str = later("", held="")

    def __post_init__(self) -> None:
        if not self.column:
            raise ConfigError(
                "[generate.condition] column: expected the name of a column with numbers, got none"
            )

    def of(self, recording: Recording) -> float | None:
        return column_number(recording, self.column)


@dataclass(frozen=True)
class PeakFrequency:
    """Where in the patch most of the power above the noise floor lies, in hertz."""

    continuous: ClassVar[bool] = True
    unit: ClassVar[str] = "Hz"

    def of(self, recording: Recording) -> None:
        return None

    def measure(self, patches: np.ndarray, spec: FeatureSpec) -> np.ndarray | None:
        merged = spec.n_mels // patches.shape[2]
        centres = band_edges_hz(spec)[1:-1].reshape(-1, merged).mean(axis=1)
        heights = np.maximum(patches - np.float32(_VOICED), 0).mean(axis=1)
        return np.where(heights.max(axis=1) > 0, centres[heights.argmax(axis=1)], np.nan)


CONDITIONS: Registry[type[Condition]] = Registry(
    "condition",
    {
        "species": "avianvox.generate.conditions:Species",
        "call_type": "avianvox.generate.conditions:CallType",
        "peak_frequency": "avianvox.generate.conditions:PeakFrequency",
        "number": "avianvox.generate.conditions:Number",
    },
)


@dataclass(frozen=True)
class Encoding:
    """How names or numbers go into the networks: ``names`` of classes, or ``knots`` in ascending order."""

    names: tuple[str, ...] = ()
    knots: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        return len(self.names) or len(self.knots)

    @property
    def continuous(self) -> bool:
        return bool(self.knots)

    def encode(self, values: Sequence[str] | Sequence[float] | np.ndarray) -> np.ndarray:
        """Shape (n, width), float32, rows sum to 1. Numbers beyond the range are taken for its end.

        Raises
        ------
        InputError
            A name is none of the classes, or a value no number.
        """
        if not self.continuous:
            index = {name: i for i, name in enumerate(self.names)}
            if missing := [value for value in values if value not in index]:
                raise InputError(
                    f"the generator knows no '{missing[0]}'; it was trained on {', '.join(self.names)}"
                )
            return np.eye(self.width, dtype=np.float32)[[index[str(value)] for value in values]]
        numbers = np.asarray(values, np.float64)
        if not np.isfinite(numbers).all():
            raise InputError("the generator takes finite numbers, got one that is not")
        place = np.interp(numbers, self.knots, np.arange(self.width))
        near = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(self.width)))
        return np.asarray(near, np.float32)

    def series(self, n: int) -> np.ndarray:
        """``n`` numbers over the range, evenly from knot to knot."""
        return np.interp(np.linspace(0, self.width - 1, n), np.arange(self.width), self.knots)

    def to_mapping(self) -> dict[str, Any]:
        return {"knots": list(self.knots)} if self.continuous else {"names": list(self.names)}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Encoding":
        """The inverse of `to_mapping`."""
        return cls(tuple(values.get("names", ())), tuple(float(knot) for knot in values.get("knots", ())))

    @classmethod
    def of_numbers(cls, values: np.ndarray) -> "Encoding":
        """Knots at even shares of the numbers. Raises `InputError` where fewer than two differ."""
        known = values[np.isfinite(values)]
        if not len(known):
            raise InputError("generate: expected a condition with numbers, got none; choose another column")
        shares = np.quantile(known, np.linspace(0.02, 0.98, _N_KNOTS))
        knots = np.unique(shares.round(6))
        if len(knots) < 2 or not math.isfinite(float(knots.sum())):
            raise InputError(
                "generate: expected a condition with different numbers, got the same everywhere; choose "
                "another --condition"
            )
        return cls(knots=tuple(knots.tolist()))
