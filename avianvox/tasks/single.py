"""One class of many: the sex, or any column whose values exclude each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from avianvox.dataset.labels.columns import Value
from avianvox.tasks.task import Answer, Ratio, Task, one_hot


@dataclass(frozen=True)
class Single(Task):
    """A recording that names several classes, or another one than ``classes``, is not known."""

    kind: ClassVar[str] = "single"
    activation: ClassVar[str] = "softmax"
    exclusive: ClassVar[bool] = True
    headline: ClassVar[str] = "accuracy"

    def names_in(self, value: Value) -> tuple[str, ...]:
        names = tuple(name for name in Task.names_in(self, value) if not self.classes or name in self.classes)
        several = isinstance(value, tuple) and len(value) > 1
        return () if several else names

    def encode(self, values: Sequence[Value]) -> np.ndarray:
        at = {name: i for i, name in enumerate(self.classes)}
        rows = [[at[name] for name in self.names_in(value)] for value in values]
        return one_hot(rows, self.known(values), self.n_outputs)

    def answer(self, outputs: np.ndarray) -> Answer:
        best = int(outputs.argmax())
        return Answer(self.classes[best], float(outputs[best]))

    def figures(self, targets: np.ndarray, outputs: np.ndarray) -> dict[str, Ratio]:
        """Accuracy, and that of a class, its mean over the classes that are there."""
        right = (outputs.argmax(axis=1) == targets.argmax(axis=1)).astype(np.float64)
        counts = targets.sum(axis=0)
        balance = 1.0 / counts[targets.argmax(axis=1)]
        return {
            "accuracy": Ratio(right, np.ones(len(right))),
            "balanced_accuracy": Ratio(right * balance, balance),
        }
