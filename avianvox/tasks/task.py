"""`Task`: what every kind of task has in common, and what `NamedTuple` values its methods give."""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np

from avianvox.config import later
from avianvox.dataset.labels.columns import Value
from avianvox.errors import ConfigError, InputError

SPECIES = "species"
"""The name of the task that a network has without being asked; the catalog's labels are its classes."""

LEAST_EXAMPLES = 2
"""Recordings of a class: one alone can't be both learned and judged."""

_SHOWN = 5
"""Values in a message."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TAKEN = (SPECIES, "embedding", "scores", "classes", "guide")


class Answer(NamedTuple):
    """What a task says of a span: ``text`` is "" where that is nothing, ``score`` None where it has none."""

    text: str
    score: float | None


class Range(NamedTuple):
    """What numbers of a training part are like; the network learns them with mean 0 and deviation 1."""

    mean: float = 0.0
    deviation: float = 1.0
    lowest: float = float("-inf")
    highest: float = float("inf")


class Ratio(NamedTuple):
    """A figure: the sum of ``above`` over the sum of ``below``, one number for each recording."""

    above: np.ndarray
    below: np.ndarray


@dataclass(frozen=True)
class Task(ABC):
    """One entry of ``[[tasks]]``.

    Attributes
    ----------
    name : str
        Lower-case letters, digits and ``_``: it becomes the name of an output and of columns.
    column : str
        Column of the catalog; the name by default.
    weight : float
        Of its loss beside those of the species and of the other tasks.
    classes : tuple of str
        In the order of the outputs; those that the catalog has by default. Bins of an ordinal task.
    pooling : str
        How windows become a recording, a row of `avianvox.inference.pooling.POOLINGS`; that of the kind by
        default.
    """

    name: str = ""
    column: str = ""
    weight: float = 1.0
    classes: tuple[str, ...] = ()
    pooling: str = later("", held="")

    kind: ClassVar[str]
    activation: ClassVar[str]
    """What makes answers of the numbers of a network, as `avianvox.modelinfo.Output.activation`; the loss is
    chosen by it too."""
    usual_pooling: ClassVar[str] = "mean"
    ordered: ClassVar[bool] = False
    """Whether its classes follow one another."""
    exclusive: ClassVar[bool] = False
    """Whether a recording is of one of its classes at most."""
    headline: ClassVar[str]
    """Of its figures, the one that is shown where there is room for one."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in _TAKEN:
            raise ConfigError(
                "[[tasks]] name: expected a name of a-z, 0-9 and _ "
                f"(not {', '.join(_TAKEN)}), got {self.name!r:.60}"
            )
        if not self.column:
            object.__setattr__(self, "column", self.name)
        if not self.pooling:
            object.__setattr__(self, "pooling", self.usual_pooling)
        if not 0 < self.weight < float("inf"):
            raise ConfigError(f"[[tasks]] {self.name}: expected a weight above 0, got {self.weight}")
        if len(set(self.classes)) != len(self.classes):
            raise ConfigError(
                f"[[tasks]] {self.name}: a class stands there twice ({', '.join(self.classes)})"
            )

    @classmethod
    def of(cls, name: str, classes: tuple[str, ...], unit: str, pooling: str) -> Self:
        """The task of a model file."""
        return cls(name, classes=classes, pooling=pooling)

    def settled(self, values: Sequence[Value]) -> Self:
        """The task with the classes that the values of all recordings have.

        Raises
        ------
        InputError
            No value is known, or a class has a single example.
        """
        self.refuse_unlabelled(values)
        counts = Counter(name for value in values for name in self.names_in(value))
        classes = self.classes or tuple(sorted(counts))
        rare = [name for name in classes if counts[name] < LEAST_EXAMPLES]
        if rare:
            n = "one example" if counts[rare[0]] else "no example"
            others = ", ".join(f'"{name}"' for name in classes if name not in rare)
            raise InputError(
                f"[[tasks]] {self.name}: the class '{rare[0]}' has {n} in the column '{self.column}', "
                f"expected {LEAST_EXAMPLES} or more; name those to learn: classes = [{others}]"
            )
        if len(classes) < self.least_classes:
            raise InputError(
                f"[[tasks]] {self.name}: expected {self.least_classes} classes or more in the column "
                f"'{self.column}', got {', '.join(classes)}"
            )
        return replace(self, classes=classes)

    least_classes: ClassVar[int] = 2

    def refuse_unlabelled(self, values: Sequence[Value]) -> None:
        """Raise `InputError` where no value is known."""
        if self.known(values).any():
            return
        several = [value if isinstance(value, tuple) else (value,) for value in values if value is not None]
        found = sorted({f"{text:g}" if isinstance(text, float) else text for row in several for text in row})
        if not found:
            raise InputError(
                f"[[tasks]] {self.name}: no recording has a value in the column '{self.column}'; label some, "
                "or leave the task out"
            )
        raise InputError(
            f"[[tasks]] {self.name}: expected {self.expected} in the column '{self.column}', got "
            f"{', '.join(found[:_SHOWN])}{f' and {more} more' if (more := len(found) - _SHOWN) > 0 else ''}"
        )

    @property
    def expected(self) -> str:
        """What a value of the column has to be, in messages."""
        return f"one of {', '.join(self.classes)}" if self.classes else "one class of a recording"

    def names_in(self, value: Value) -> tuple[str, ...]:
        """The classes that a value names."""
        if value is None:
            return ()
        return value if isinstance(value, tuple) else (str(value),)

    def known(self, values: Sequence[Value]) -> np.ndarray:
        """Whether each value says something, shape (n,), bool."""
        return np.array([bool(self.names_in(value)) for value in values], dtype=bool)

    @property
    def n_outputs(self) -> int:
        """Numbers that a network gives."""
        return len(self.classes)

    @property
    def unit(self) -> str:
        """Of a number; "" where there is none."""
        return ""

    def unit_of(self, figure: str) -> str:
        """What one of its figures is in; "" of a share."""
        return ""

    def range_of(self, values: Sequence[Value]) -> Range:
        """Of the training part, of a task whose activation is "none"."""
        return Range()

    @abstractmethod
    def encode(self, values: Sequence[Value]) -> np.ndarray:
        """Targets, shape (n, n_outputs), float32; a row of NaN where the value is not known."""

    @abstractmethod
    def answer(self, outputs: np.ndarray) -> Answer:
        """What the outputs of one span, shape (n_outputs,), say; they are past the activation."""

    @abstractmethod
    def figures(self, targets: np.ndarray, outputs: np.ndarray) -> dict[str, Ratio]:
        """How good answers are: both of shape (n, n_outputs), for recordings whose targets are known."""


def one_hot(rows: Sequence[Sequence[int]], known: np.ndarray, n: int) -> np.ndarray:
    """Rows with 1 at the given positions, NaN where nothing is known."""
    found = np.zeros((len(rows), n), np.float32)
    for row, at in enumerate(rows):
        found[row, list(at)] = 1.0
    found[~known] = np.nan
    return found
