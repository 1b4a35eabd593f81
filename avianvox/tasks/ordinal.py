"""Bins in an order: how many call. Coded cumulatively, so that a near miss costs less than a far one.

Output ``k`` says whether the bin lies above bin ``k``; there is one less than there are bins.

References
----------
Frank and Hall, "A simple approach to ordinal classification", 2001, for the coding; Norouzzadeh et al.,
"Automatically identifying, counting, and describing wild animals in camera-trap images with deep learning",
2018, for the bins, and for figures that are exact and within one bin.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from avianvox.dataset.labels.columns import Value
from avianvox.dataset.sources.fields import parse_number
from avianvox.errors import ConfigError, InputError
from avianvox.tasks.task import Answer, Ratio, Task

BINS = (*(str(n) for n in range(1, 11)), "11-50", "51+")
"""Of counts, where no others are named."""

_BIN = re.compile(r"(\d+)(?:-(\d+)|(\+))?")


@dataclass(frozen=True)
class Ordinal(Task):
    """``classes`` are bins of whole numbers: ``3``, ``11-50``, or ``51+`` at the end."""

    kind: ClassVar[str] = "ordinal"
    activation: ClassVar[str] = "sigmoid"
    headline: ClassVar[str] = "exact"
    ordered: ClassVar[bool] = True
    exclusive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        Task.__post_init__(self)
        ends = [end for name in self.classes for end in self._ends(name)]
        if any(after <= before for before, after in zip(ends[1::2], ends[2::2], strict=False)):
            raise ConfigError(f"[[tasks]] {self.name}: expected bins in order, got {', '.join(self.classes)}")
        if len(self.classes) == 1:
            raise ConfigError(f"[[tasks]] {self.name}: expected 2 bins or more, got {self.classes[0]}")

    def settled(self, values: Sequence[Value]) -> Self:
        """With `BINS` where no others are named; a bin may have no example, since its neighbours teach it."""
        settled = replace(self, classes=self.classes or BINS)
        settled.refuse_unlabelled(values)
        bins = {name for value in values for name in settled.names_in(value)}
        if len(bins) == 1:
            raise InputError(
                f"[[tasks]] {self.name}: expected numbers of two bins or more in the column '{self.column}', "
                f"got those of {min(bins)} alone"
            )
        return settled

    @property
    def expected(self) -> str:
        return f"whole numbers in the bins {', '.join(self.classes)}"

    @property
    def n_outputs(self) -> int:
        return len(self.classes) - 1

    def names_in(self, value: Value) -> tuple[str, ...]:
        """The bin of a number, or the one that is named; none of a number that lies in no bin."""
        if value in self.classes:
            return (str(value),)
        number = None if isinstance(value, tuple) else parse_number(value)
        if number is None:
            return ()
        ends = ((name, self._ends(name)) for name in self.classes)
        return tuple(name for name, (low, high) in ends if low <= number <= high)

    def encode(self, values: Sequence[Value]) -> np.ndarray:
        at = {name: i for i, name in enumerate(self.classes)}
        above = np.full((len(values), self.n_outputs), np.nan, np.float32)
        for row, value in enumerate(values):
            for name in self.names_in(value):
                above[row] = np.arange(self.n_outputs) < at[name]
        return above

    def answer(self, outputs: np.ndarray) -> Answer:
        """The median bin, and its probability."""
        place = int(places_of(outputs))
        ends = np.concatenate([[1.0], np.minimum.accumulate(outputs), [0.0]])
        return Answer(self.classes[place], float(ends[place] - ends[place + 1]))

    def figures(self, targets: np.ndarray, outputs: np.ndarray) -> dict[str, Ratio]:
        """The share of exact bins, of those within one bin, and the mean number of bins between."""
        off = np.abs(places_of(outputs) - places_of(targets)).astype(np.float64)
        each = np.ones(len(off))
        return {
            "exact": Ratio((off == 0).astype(np.float64), each),
            "within_one": Ratio((off <= 1).astype(np.float64), each),
            "mean_bin_error": Ratio(off, each),
        }

    def _ends(self, name: str) -> tuple[float, float]:
        found = _BIN.fullmatch(name)
        low = float(found[1]) if found else np.inf
        high = np.inf if found and found[3] else float(found[2] or low) if found else low
        if found is None or high < low or (found[3] and name != self.classes[-1]):
            raise ConfigError(
                f"[[tasks]] {self.name}: expected bins such as 3, 11-50 and, at the end, 51+, got '{name}'"
            )
        return low, high


def places_of(outputs: np.ndarray) -> np.ndarray:
    """The bins that rows of outputs stand for: as many as are more likely to be passed than not."""
    places: np.ndarray = (np.minimum.accumulate(outputs, axis=-1) >= 0.5).sum(axis=-1)
    return places
