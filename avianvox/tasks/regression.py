"""A number: a peak frequency, a distance, an age."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from avianvox.config import later
from avianvox.dataset.labels.columns import Value
from avianvox.dataset.sources.fields import parse_number
from avianvox.errors import ConfigError, InputError
from avianvox.tasks.task import Answer, Range, Ratio, Task


@dataclass(frozen=True)
class Regression(Task):
    """``unit`` is what answers are in. An answer lies in the range of the numbers that were learned."""

    unit: str = later("", held="")

    kind: ClassVar[str] = "regression"
    activation: ClassVar[str] = "none"
    headline: ClassVar[str] = "mean_absolute_error"

    def __post_init__(self) -> None:
        Task.__post_init__(self)
        if self.classes:
            raise ConfigError(
                f"[[tasks]] {self.name}: expected no classes of a number, got {self.classes[0]}"
            )

    @classmethod
    def of(cls, name: str, classes: tuple[str, ...], unit: str, pooling: str) -> Self:
        return cls(name, classes=classes, unit=unit, pooling=pooling)

    def settled(self, values: Sequence[Value]) -> Self:
        """As it is: raises `InputError` where no number is known, or all are the same."""
        self.refuse_unlabelled(values)
        known = self.encode(values)[self.known(values)]
        if known.min() == known.max():
            raise InputError(
                f"[[tasks]] {self.name}: expected different numbers in the column '{self.column}', "
                f"got {known[0, 0]:g} alone"
            )
        return self

    def known(self, values: Sequence[Value]) -> np.ndarray:
        known: np.ndarray = np.isfinite(self.encode(values)[:, 0])
        return known

    @property
    def expected(self) -> str:
        return "numbers"

    @property
    def n_outputs(self) -> int:
        return 1

    def unit_of(self, figure: str) -> str:
        return f"{self.unit}²" if self.unit and figure == "mean_squared_error" else self.unit

    def range_of(self, values: Sequence[Value]) -> Range:
        known = self.encode(values)[self.known(values)].astype(np.float64)
        if not len(known):
            return Range()
        return Range(float(known.mean()), float(known.std()) or 1.0, float(known.min()), float(known.max()))

    def encode(self, values: Sequence[Value]) -> np.ndarray:
        numbers = (None if isinstance(value, tuple) else parse_number(value) for value in values)
        found = [np.nan if number is None else number for number in numbers]
        return np.array(found, np.float32).reshape(-1, 1)

    def answer(self, outputs: np.ndarray) -> Answer:
        """The number with six digits; it has no score."""
        return Answer(f"{float(outputs[0]):.6g}", None)

    def figures(self, targets: np.ndarray, outputs: np.ndarray) -> dict[str, Ratio]:
        """Mean absolute and mean squared error, in units and their square."""
        off, each = (outputs - targets)[:, 0].astype(np.float64), np.ones(len(targets))
        return {"mean_absolute_error": Ratio(np.abs(off), each), "mean_squared_error": Ratio(off**2, each)}
