"""What losses are given: a class, or a share in each of several classes."""

from typing import Any

from avianvox.errors import ConfigError
from avianvox.models.backend import keras

ops = keras.ops


def shares_of(targets: Any, logits: Any) -> Any:
    """Targets as shares, shape (n, n_classes); they are classes, shape (n,) or (n, 1), or shares already."""
    n_classes = logits.shape[-1]
    if len(targets.shape) == 2 and targets.shape[-1] == n_classes:
        return ops.cast(targets, logits.dtype)
    return ops.one_hot(ops.reshape(ops.cast(targets, "int32"), (-1,)), n_classes, dtype=logits.dtype)


def smoothed(shares: Any, smoothing: float) -> Any:
    """``1 - smoothing`` of the shares; the rest is spread over all classes."""
    return (1.0 - smoothing) * shares + smoothing / shares.shape[-1]


def check_smoothing(smoothing: float) -> None:
    """Raises `ConfigError` where a loss can't have it."""
    if not 0 <= smoothing < 1:
        raise ConfigError(f"[train.loss] smoothing: expected 0 to below 1, got {smoothing}")
