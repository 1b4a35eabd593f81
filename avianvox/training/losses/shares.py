"""What losses are given: a class, or a share in each of several classes."""

from typing import Any

from avianvox.models.backend import keras

ops = keras.ops


def shares_of(targets: Any, logits: Any) -> Any:
    """Targets as shares, shape (n, n_classes); they are classes, shape (n,) or (n, 1), or shares already."""
    n_classes = logits.shape[-1]
    if len(targets.shape) == 2 and targets.shape[-1] == n_classes:
        return ops.cast(targets, logits.dtype)
    return ops.one_hot(ops.reshape(ops.cast(targets, "int32"), (-1,)), n_classes, dtype=logits.dtype)
