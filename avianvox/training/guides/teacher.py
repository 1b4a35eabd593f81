"""An ear as a teacher: the network learns to say what the ear makes of the same stretch of sound.

What is learned are the principal components of the ear's embeddings of the training recordings. The extra
output is a dense layer on what the layers of the classes are given, as its mean over time.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.config import later
from avianvox.dataset.crops import CropReader
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError, InputError
from avianvox.features.spec import FeatureSpec
from avianvox.inference.embedding import EmbeddingSpec
from avianvox.randomness import hash_name
from avianvox.training.guides import Batch, Guiding, Trunk
from avianvox.training.layers import before_classes

_LEAST_VARIANCE = 1e-9  # of the greatest; components of less are rounding


@dataclass(frozen=True)
class Teacher:
    """``model``: name or file of the ear; ``n_components``: at most so many; ``weight``: of the cosine loss.

    References
    ----------
    Romero et al., "FitNets: hints for thin deep nets", 2015: what a middle layer of a large network says as a
    target of a small one.
    """

    model: str = later("birdnet", held="birdnet")
    n_components: int = later(128, held=128)
    weight: float = later(5.0, held=5.0)

    def __post_init__(self) -> None:
        if self.n_components < 1:
            raise ConfigError(f"[train.guide] n_components: expected 1 or more, got {self.n_components}")
        if not 0 < self.weight < float("inf"):
            raise ConfigError(f"[train.guide] weight: expected more than 0, got {self.weight}")

    @property
    def ears(self) -> tuple[str, ...]:
        return (self.model,)

    @property
    def n_fits(self) -> int:
        return 0

    def begin(self, trunk: Trunk, data: TrainingData, reader: CropReader, *, seed: int) -> Guiding:
        from avianvox.models.backend import keras

        lessons = Lessons.of(data, reader, self.model, self.n_components)
        said = keras.layers.Dense(
            lessons.n_components,
            kernel_initializer=keras.initializers.GlorotUniform(hash_name(seed, "teacher") % 2**31),
            name="guide_teacher",
        )(before_classes(trunk.model, trunk.build))

        def distance(targets: object, said: object) -> object:
            ops = keras.ops
            return 1.0 - ops.sum(ops.normalize(targets, axis=-1) * ops.normalize(said, axis=-1), axis=-1)

        return Guiding(said, lessons.targets, distance, self.weight)


@dataclass(frozen=True)
class Lessons:
    """What a teacher says of each window of the training recordings.

    Attributes
    ----------
    components : mapping of int to np.ndarray, shape (n_windows, n_components), float32
        By the recording's position in the store of features; of an ear, principal components of embeddings.
    edges : mapping of int to np.ndarray, shape (n_windows, 2)
        Begin and end of the teacher's windows, in frames of the features.
    lengths : mapping of int to int
        Frames of the recordings.
    n_frames : int
        Of a crop.
    looped : bool
        Whether a crop that is longer than its recording repeats it.
    """

    components: dict[int, np.ndarray]
    edges: dict[int, np.ndarray]
    lengths: dict[int, int]
    n_frames: int
    looped: bool

    @classmethod
    def of(cls, data: TrainingData, reader: CropReader, model: str, n_components: int) -> "Lessons":
        """The lessons of the recordings of ``data``, of which no other is heard.

        Raises
        ------
        InputError
            There are no embeddings by ``model``.
        """
        if model not in data.ears:
            raise InputError(
                f"no embeddings by '{model}' of these recordings; add the model: avianvox models add"
            )
        heard = data.with_store(data.ears[model])
        spec, bands = heard.store.spec, data.store.bands
        if not isinstance(spec, EmbeddingSpec):
            raise InputError(f"the store in {heard.store.path} holds no embeddings")
        rows = [heard.store.features(i)[:, : spec.n_embedding] for i in heard.recordings.tolist()]
        mean, axes = _principal_axes(np.concatenate(rows).astype(np.float64), n_components)
        positions = data.recordings.tolist()
        lengths = {i: int(data.store.n_frames[i]) for i in positions}
        return cls(
            {
                i: np.einsum("wv,vc->wc", part - mean, axes).astype(np.float32)
                for i, part in zip(positions, rows, strict=True)
            },
            {i: _edges(len(part), lengths[i], spec, bands) for i, part in zip(positions, rows, strict=True)},
            lengths,
            reader.settings.n_frames,
            reader.settings.padding == "loop",
        )

    @property
    def n_components(self) -> int:
        return int(next(iter(self.components.values())).shape[1])

    def target(self, recording: int, offset: int) -> np.ndarray:
        """Of a crop: the mean over the teacher's windows, by how much of the crop each shares."""
        weights = overlaps(
            self.edges[recording], offset, self.n_frames, self.lengths[recording], looped=self.looped
        )
        return np.average(self.components[recording], axis=0, weights=weights)

    def targets(self, batch: Batch) -> np.ndarray:
        """Of mixed crops, targets are mixed as their classes are."""
        pairs = zip(batch.recordings.tolist(), batch.offsets.tolist(), strict=True)
        each = np.stack([self.target(recording, offset) for recording, offset in pairs])
        targets: np.ndarray = np.einsum("ij,jk->ik", batch.shares, each).astype(np.float32)
        return targets


def overlaps(edges: np.ndarray, offset: int, n_frames: int, length: int, *, looped: bool) -> np.ndarray:
    """How many frames of a crop lie in each window of a recording.

    Parameters
    ----------
    edges : np.ndarray, shape (n_windows, 2)
        Begin and end of each window, in frames.
    offset, n_frames : int
        First frame of the crop, and its frames.
    length : int
        Frames of the recording.
    looped : bool
        Whether a crop goes on with the recording's begin.

    Returns
    -------
    np.ndarray, shape (n_windows,), float64

    Examples
    --------
    >>> windows = np.array([[0.0, 10.0], [10.0, 20.0]])
    >>> overlaps(windows, 5, 10, 20, looped=True).tolist()
    [5.0, 5.0]
    >>> overlaps(windows, 15, 30, 20, looped=True).tolist()
    [15.0, 15.0]
    """
    begins, ends = edges.T
    found = np.zeros(len(edges))
    start, left = offset, n_frames
    while left > 0:
        stop = min(start + left, length)
        found += np.clip(np.minimum(ends, stop) - np.maximum(begins, start), 0.0, None)
        left -= stop - start
        start = 0
        if not looped:
            break
    return found


def _edges(n_windows: int, length: int, spec: EmbeddingSpec, bands: FeatureSpec) -> np.ndarray:
    """Begin and end of the ear's windows, in frames of the features; the last one ends with the recording."""
    rate = bands.sample_rate / bands.hop_length
    begins = np.arange(n_windows) * spec.hop / spec.sample_rate * rate
    begins[-1] = min(begins[-1], max(0.0, length - spec.window_s * rate))
    return np.stack([begins, begins + spec.window_s * rate], axis=1)


def _principal_axes(values: np.ndarray, n_components: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean, and the directions of greatest variance: shape (n_values,) and (n_values, n_components)."""
    from threadpoolctl import threadpool_limits

    mean = values.mean(axis=0)
    with threadpool_limits(1):
        centred = values - mean
        variances, axes = np.linalg.eigh(centred.T @ centred / len(values))
    kept = variances[::-1][:n_components] > _LEAST_VARIANCE * variances[-1]
    if not kept.any():
        raise InputError("the ear says the same of every recording; a network learns nothing from that")
    return mean, axes[:, ::-1][:, :n_components][:, kept]
