"""One learning rate, as published."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """The same to the end."""

    def make(self, learning_rate: float, n_steps: int) -> float:
        return learning_rate
