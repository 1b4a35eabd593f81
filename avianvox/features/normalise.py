"""Mean and deviation of each feature, taken from given recordings only."""

from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError
from avianvox.features.store import FeatureStore

_LEAST_DEVIATION = 1e-3  # dB: a band that never changes carries nothing to scale up


@dataclass(frozen=True, slots=True)
class Normalisation:
    """``(values - mean) / deviation`` for each feature.

    ``mean`` and ``deviation``: shape (n_features,), float32; a deviation is never 0.
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def from_store(cls, store: FeatureStore, indices: np.ndarray) -> "Normalisation":
        """Statistics over all frames of the recordings at ``indices``: give it training recordings only.

        They come from the sums kept in the store, in float64, without a pass over the rows.

        Raises
        ------
        InputError
            The recordings have no frames.
        """
        indices = np.asarray(indices, np.int64)
        n_frames = int(store.n_frames[indices].sum())
        if n_frames == 0:
            raise InputError(
                f"Normalisation: the {len(indices)} chosen recordings in {store.path} have no frames; "
                "expected at least one that decodes"
            )
        mean, mean_square = store.sums[indices].sum(axis=0) / n_frames
        deviation = np.sqrt(np.maximum(mean_square - np.square(mean), 0.0))
        deviation = np.where(deviation < _LEAST_DEVIATION, 1.0, deviation)
        return cls(mean.astype(np.float32), deviation.astype(np.float32))

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Normalised ``values``, shape (..., n_features), float32."""
        normalised: np.ndarray = (values.astype(np.float32) - self.mean) / self.deviation
        return normalised
