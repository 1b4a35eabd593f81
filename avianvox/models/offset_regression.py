"""Multinomial logistic regression that begins with somebody else's answer."""

from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError, require_extra

_STEPS = 200
_START, _HOLD = 0.5, 1e-2  # of the factor of the offsets, and the penalty for leaving it
_BIAS_PENALTY = 1e-3


@dataclass(frozen=True, slots=True)
class OffsetRegression:
    """``logits = weight · (x - mean) / deviation + bias + factor * offset``.

    Attributes
    ----------
    weight : np.ndarray, shape (n_classes, n_features)
        Of standardised features.
    bias : np.ndarray, shape (n_classes,)
    factor : float
    mean, deviation : np.ndarray, shape (n_features,)
    """

    weight: np.ndarray
    bias: np.ndarray
    factor: float
    mean: np.ndarray
    deviation: np.ndarray

    def logits(self, features: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Shape (n, n_classes), from (n, n_features) and (n, n_classes)."""
        scaled = (features - self.mean) / self.deviation
        return np.asarray(np.einsum("nd,cd->nc", scaled, self.weight) + self.bias + self.factor * offsets)

    @classmethod
    def fit(
        cls, features: np.ndarray, offsets: np.ndarray, targets: np.ndarray, *, penalty: float
    ) -> "OffsetRegression":
        """Least mean log loss, each class of the same weight, plus ``penalty / 2`` times the squared weights.

        With no data to speak against it, the answer is that of the offsets.

        Raises
        ------
        InputError
            All recordings belong to one class.
        """
        require_extra("scipy", extra="train", purpose="a regression")
        from scipy.optimize import minimize
        from threadpoolctl import threadpool_limits

        n_classes = offsets.shape[1]
        counts = np.bincount(targets, minlength=n_classes)
        if np.count_nonzero(counts) < 2:
            raise InputError("expected training recordings of two classes or more, got one class")
        mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
        scaled = (features - mean) / deviation
        share = 1.0 / counts[targets]
        share /= share.sum()
        wanted = np.eye(n_classes)[targets]
        n_weights = n_classes * features.shape[1]

        def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
            weight = values[:n_weights].reshape(n_classes, -1)
            bias, factor = values[n_weights:-1], values[-1]
            logits = np.dot(scaled, weight.T) + bias + factor * offsets
            logits -= logits.max(axis=1, keepdims=True)
            powers = np.exp(logits)
            totals = powers.sum(axis=1)
            error = (powers / totals[:, None] - wanted) * share[:, None]
            value = (share * (np.log(totals) - (logits * wanted).sum(axis=1))).sum()
            value += (penalty * (weight**2).sum() + _BIAS_PENALTY * (bias**2).sum()) / 2
            value += _HOLD * (factor - _START) ** 2
            slopes = (
                (np.dot(error.T, scaled) + penalty * weight).ravel(),
                error.sum(axis=0) + _BIAS_PENALTY * bias,
                [(error * offsets).sum() + 2 * _HOLD * (factor - _START)],
            )
            return float(value), np.concatenate(slopes)

        start = np.zeros(n_weights + n_classes + 1)
        start[-1] = _START
        with threadpool_limits(1):
            found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
        weight = found[:n_weights].reshape(n_classes, -1)
        return cls(weight, found[n_weights:-1], float(found[-1]), mean, deviation)
