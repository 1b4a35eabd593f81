"""What makes scores of a graph's numbers."""

import numpy as np


def activate(values: np.ndarray, activation: str) -> np.ndarray:
    """Scores of one window.

    Parameters
    ----------
    values : np.ndarray, shape (n,), float32
    activation : {"none", "sigmoid", "softmax"}

    Returns
    -------
    np.ndarray, shape (n,), float32
    """
    if activation == "sigmoid":
        powers = np.exp(-np.abs(values))  # of no positive number, so that nothing overflows
        return np.where(values >= 0, 1.0 / (1.0 + powers), powers / (1.0 + powers)).astype(np.float32)
    if activation == "softmax":
        powers = np.exp(values - values.max())
        return (powers / powers.sum()).astype(np.float32)
    return values
