"""Any classes of many: types of call, or several species at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from avianvox.dataset.labels.columns import Value
from avianvox.tasks.task import Answer, Ratio, Task, one_hot

LEAST = 0.5
"""Score from which on a class is named."""


@dataclass(frozen=True)
class Multi(Task):
    """A recording whose value names none of ``classes`` is an example against all of them."""

    kind: ClassVar[str] = "multi"
    activation: ClassVar[str] = "sigmoid"
    usual_pooling: ClassVar[str] = "max"
    headline: ClassVar[str] = "accuracy"
    least_classes: ClassVar[int] = 1

    def encode(self, values: Sequence[Value]) -> np.ndarray:
        at = {name: i for i, name in enumerate(self.classes)}
        rows = [[at[name] for name in self.names_in(value) if name in at] for value in values]
        return one_hot(rows, self.known(values), self.n_outputs)

    def answer(self, outputs: np.ndarray) -> Answer:
        """All classes of 50 % or more, with the score of the highest."""
        named = [name for name, score in zip(self.classes, outputs, strict=True) if score >= LEAST]
        return Answer(", ".join(named), float(outputs.max()))

    def figures(self, targets: np.ndarray, outputs: np.ndarray) -> dict[str, Ratio]:
        """All decisions on all classes pooled, at 50 %; and the share of recordings with every one right."""
        true, said = targets > LEAST, outputs >= LEAST
        each, hits = np.full(len(true), float(true.shape[1])), (true & said).sum(axis=1).astype(np.float64)
        right = (true == said).sum(axis=1).astype(np.float64)
        return {
            "accuracy": Ratio(right, each),
            "precision": Ratio(hits, said.sum(axis=1).astype(np.float64)),
            "recall": Ratio(hits, true.sum(axis=1).astype(np.float64)),
            "all_right": Ratio((right == each).astype(np.float64), np.ones(len(true))),
        }
