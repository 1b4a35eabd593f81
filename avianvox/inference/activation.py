"""What makes scores of a graph's numbers."""

import numpy as np


def activate(values: np.ndarray, activation: str) -> np.ndarray:
    """Scores of a window, or of each row of windows.

    Parameters
    ----------
    values : np.ndarray, shape (..., n_classes)
        One number of a row at least is finite.
    activation : {"none", "sigmoid", "softmax"}

    Returns
    -------
    np.ndarray, same shape, float32 where anything is computed
    """
    if activation == "sigmoid":
        powers = np.exp(-np.abs(values))  # of no positive number, so that nothing overflows
        values = np.where(values >= 0, 1.0 / (1.0 + powers), powers / (1.0 + powers)).astype(np.float32)
    elif activation == "softmax":
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
        values = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return values
