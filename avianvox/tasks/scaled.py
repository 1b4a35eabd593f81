"""Temperature scaling of what a task's activation gave."""

import numpy as np

_LEAST = 1e-7
"""Of a probability before its logarithm."""


def scaled(outputs: np.ndarray, activation: str, temperature: float) -> np.ndarray:
    """Probabilities whose numbers before the activation are divided by ``temperature``; 1 changes nothing.

    Parameters
    ----------
    outputs : np.ndarray, shape (..., n_outputs)
    activation : {"softmax", "sigmoid", "none"}
        Numbers of "none" stay as they are.
    temperature : float above 0

    References
    ----------
    Guo et al., "On calibration of modern neural networks", 2017.
    """
    if temperature == 1.0 or activation == "none":
        return outputs
    p = np.clip(outputs.astype(np.float64), _LEAST, 1 - _LEAST)
    if activation == "sigmoid":
        odds: np.ndarray = 1 / (1 + ((1 - p) / p) ** (1 / temperature))
        return odds
    powers = p ** (1 / temperature)
    shares: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return shares
