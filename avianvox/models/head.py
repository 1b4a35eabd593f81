"""`Head`: what turns numbers into scores, in NumPy, with its standardisation folded in.

A regression, a perceptron and naive Bayes are heads. Fitting one, keeping it and answering with it needs no
TensorFlow; `avianvox.models.head_graph` makes layers of it when it is exported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.errors import InputError


@dataclass(frozen=True)
class Dense:
    """``activation(values * weight + bias)``.

    Attributes
    ----------
    weight : np.ndarray, shape (n_in, n_out), float64
    bias : np.ndarray, shape (n_out,), float64
    activation : {"relu", "softmax"}
    """

    weight: np.ndarray
    bias: np.ndarray
    activation: str = "softmax"

    def __post_init__(self) -> None:
        fits = self.weight.ndim == 2 and self.bias.shape == self.weight.shape[1:]
        if not fits or self.activation not in ("relu", "softmax"):
            raise InputError(
                f"Dense: expected a matrix, a bias as wide and relu or softmax, got {self.weight.shape}, "
                f"{self.bias.shape} and {self.activation}"
            )

    def __call__(self, values: np.ndarray) -> np.ndarray:
        found = np.einsum("ni,io->no", values, self.weight) + self.bias
        if self.activation == "relu":
            return np.asarray(np.maximum(found, 0.0))
        powers = np.exp(found - found.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Head:
    """Layers from numbers to scores of classes that exclude each other.

    Attributes
    ----------
    layers : tuple of Dense
        The last one is a softmax.
    classes : np.ndarray, shape (n,), int64
        Position of each output among all classes: those without training recordings have none.
    n_classes : int
    squares : bool
        The first layer sees the numbers and, after them, their squares.
    """

    layers: tuple[Dense, ...]
    classes: np.ndarray
    n_classes: int
    squares: bool = False

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Of ``values``, shape (n, n_numbers): shape (n, n_classes), float32; sums have a fixed order."""
        values = np.asarray(values, np.float64)
        if self.squares:
            values = np.concatenate([values, np.square(values)], axis=1)
        for layer in self.layers:
            values = layer(values)
        scores = np.zeros((len(values), self.n_classes), np.float32)
        scores[:, self.classes] = values
        return scores

    def arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays, ready for an ``.npz``; `from_arrays` is the inverse."""
        found: dict[str, np.ndarray] = {
            "classes": self.classes,
            "n_classes": np.array(self.n_classes),
            "squares": np.array(self.squares),
        }
        for number, layer in enumerate(self.layers):
            found |= {
                f"weight_{number}": layer.weight,
                f"bias_{number}": layer.bias,
                f"activation_{number}": np.array(layer.activation),
            }
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> "Head":
        """Raises ``KeyError``, ``ValueError`` or `InputError` on arrays that are no head."""
        n_layers = sum(name.startswith("weight_") for name in arrays)
        if n_layers < 1:
            raise InputError("expected the arrays of a head, got none with a weight")
        layers = tuple(
            Dense(arrays[f"weight_{i}"], arrays[f"bias_{i}"], str(arrays[f"activation_{i}"]))
            for i in range(n_layers)
        )
        classes, n_classes = arrays["classes"], int(arrays["n_classes"])
        if classes.shape != layers[-1].bias.shape or not ((classes >= 0) & (classes < n_classes)).all():
            raise InputError(f"expected {len(layers[-1].bias)} classes below {n_classes}, got others")
        return cls(layers, classes, n_classes, bool(arrays["squares"]))
