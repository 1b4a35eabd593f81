"""Principal components of the features of a store: how few numbers hold how much of them.

They are those that the network ``pca_dense`` is given: of windows of mel bands, evenly many of each
recording; of a store of embeddings, of its rows.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.errors import InputError
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.models.dense import principal_components
from avianvox.randomness import derive_rng


@dataclass(frozen=True)
class Components:
    """Principal components of windows.

    Attributes
    ----------
    shape : tuple of int
        Of a window: (n_frames, n_bands).
    mean : np.ndarray, shape (n_values,), float32
    axes : np.ndarray, shape (n_values, n_components), float32
        Of length 1, the one of greatest variance first.
    variances : np.ndarray, shape (n_components,), float64
    total : float
        The variance of all values together.
    windows : np.ndarray, shape (n, n_values), float32
        Windows that they were not found on, for reconstructions.
    """

    shape: tuple[int, int]
    mean: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    total: float
    windows: np.ndarray

    @property
    def cumulative(self) -> np.ndarray:
        """Share of the variance that the first components explain, shape (n_components,)."""
        return np.asarray(np.cumsum(self.variances) / self.total)

    def pictures(self, n: int) -> np.ndarray:
        """The first components as windows, shape (n, n_frames, n_bands)."""
        return self.axes[:, :n].T.reshape(-1, *self.shape)

    def reconstructed(self, windows: np.ndarray, n: int) -> np.ndarray:
        """Windows, shape (m, n_values), of what their first ``n`` components say."""
        axes = self.axes[:, :n]
        weights = np.einsum("mv,vk->mk", windows - self.mean, axes)
        return np.asarray(self.mean + np.einsum("mk,vk->mv", weights, axes))

    def explained(self, windows: np.ndarray, n: int) -> float:
        """Share of the variance of these windows around the mean that ``n`` components reconstruct."""
        missed = np.square(windows - self.reconstructed(windows, n)).sum()
        return float(1.0 - missed / np.square(windows - self.mean).sum())


def find_components(
    store: FeatureStore, *, n_components: int = 500, n_windows: int = 1000, n_frames: int = 64, seed: int = 0
) -> Components:
    """Principal components of a store.

    Parameters
    ----------
    store : FeatureStore
    n_components : int
        At most; there are fewer than windows.
    n_windows : int
        Random windows on which they are found, evenly many of each recording.
    n_frames : int
        Of a window of mel bands.
    seed : int

    Raises
    ------
    InputError
        The store has too few recordings or rows.
    """
    from threadpoolctl import threadpool_limits

    usable = np.flatnonzero(np.asarray(store.n_frames) > 0)
    if len(usable) < 2:
        raise InputError(f"{store.path}: expected 2 recordings with features or more, got {len(usable)}")
    order = derive_rng(seed, "components").permutation(usable)
    held = max(1, min(12, len(order) // 5))  # whole recordings, for reconstructions
    shown, learned = order[:held], order[held:]
    draws = -(-n_windows // len(learned))
    if isinstance(store.spec, FeatureSpec):
        reader = CropReader(store, None, CropSettings(n_frames, "mel", "loop"))

        def read(positions: np.ndarray, draw: int) -> np.ndarray:
            return reader.read(positions, reader.random_offsets(positions, seed=seed, epoch=draw))
    else:

        def read(positions: np.ndarray, draw: int) -> np.ndarray:
            rng = derive_rng(seed, "rows", draw)
            rows = [store[int(k)] for k in positions]
            return np.stack([some[int(rng.integers(len(some)))][None] for some in rows])

    crops = np.concatenate([read(learned, draw) for draw in range(draws)])[:n_windows]
    values = crops.reshape(len(crops), -1).astype(np.float32)
    n_components = min(n_components, len(values) - 1, values.shape[1])
    with threadpool_limits(1):
        mean, axes, variances = principal_components(values, n_components)
    total = float(np.square(values - mean, dtype=np.float64).sum() / (len(values) - 1))
    held_out = read(shown, draws).reshape(len(shown), -1).astype(np.float32)
    return Components((crops.shape[1], crops.shape[2]), mean, axes, variances, total, held_out)
