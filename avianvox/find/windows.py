"""The windows of a store, and the numbers by which they are compared.

Of a store of embeddings, each row is a window, and each number of it is brought to mean 0 and deviation 1
over the store: what all windows share says nothing. Of log-mel features, a window is described by the mean
and deviation of each band: it needs no model, and says less.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from avianvox.dataset.windows import window_offsets
from avianvox.errors import InputError, ModelFileError, StoreError
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.inference.embedding import EmbeddingSpec
from avianvox.modelfile import read_model_file
from avianvox.modelfolder import find_model

BLOCK = 1 << 10
"""Windows described at once, so that they fit a processor's cache; the store stays on disk."""

QUIET = 0.1
"""Score of the best animal below which a window of embeddings is left out, if nothing else is said."""

_LEAST_DEVIATION = 1e-3


@dataclass(frozen=True)
class Windows:
    """Windows of a store, in the order of its recordings.

    Attributes
    ----------
    store : FeatureStore
    position : np.ndarray, shape (n,), int64
        Of the recording in the store.
    row : np.ndarray, shape (n,), int64
        The first row within the recording.
    """

    store: FeatureStore
    position: np.ndarray
    row: np.ndarray

    @classmethod
    def of(cls, store: FeatureStore) -> "Windows":
        """Every window of a store.

        Raises
        ------
        InputError
            The rows of the store are neither embeddings nor log-mel features.
        """
        spec, counts = store.spec, store.n_frames
        if isinstance(spec, EmbeddingSpec):
            position = np.repeat(np.arange(len(store)), counts)
            begins = np.cumsum(counts) - counts
            return cls(store, position, np.arange(len(position)) - begins[position])
        if not isinstance(spec, FeatureSpec):
            raise InputError(f"{store.path}: expected a store of embeddings or of log-mel features")
        none = np.zeros(0, np.int64)
        rows = [window_offsets(n, spec.n_frames, spec.n_frames) if n else none for n in counts.tolist()]
        position = np.repeat(np.arange(len(store)), [len(row) for row in rows])
        return cls(store, position, np.concatenate([none, *rows]))

    def __len__(self) -> int:
        return len(self.position)

    def at(self, chosen: np.ndarray) -> "Windows":
        """Some of the windows, by a mask or in the order given."""
        return replace(self, position=self.position[chosen], row=self.row[chosen])

    @cached_property
    def begin_s(self) -> np.ndarray:
        """Seconds within the recording, shape (n,); the last window of a recording ends with it."""
        spec = self.store.spec
        begins = self.row * (spec.hop_length / spec.sample_rate)
        latest = self.store.index["decoded_s"][self.position] - spec.window_s
        begins_s: np.ndarray = np.maximum(0.0, np.fmin(begins, latest))
        return begins_s

    @cached_property
    def end_s(self) -> np.ndarray:
        """Seconds within the recording, shape (n,)."""
        ends = self.begin_s + self.store.spec.window_s
        ends_s: np.ndarray = np.fmin(ends, self.store.index["decoded_s"][self.position])
        return ends_s

    @cached_property
    def confidence(self) -> np.ndarray:
        """The best score that the model behind embeddings gives an animal, shape (n,); NaN without scores."""
        spec, confidence = self.store.spec, np.full(len(self), np.nan, np.float32)
        if isinstance(spec, EmbeddingSpec) and spec.n_scores:
            first, animals = self.store.first_row[self.position] + self.row, _animals_of(spec)
            for at in range(0, len(self), BLOCK):
                rows = self.store.rows[first[at : at + BLOCK], spec.n_embedding :]
                confidence[at : at + BLOCK] = np.where(animals, rows, 0.0).max(axis=1)
        return confidence

    def audible(self, *, min_score: float | None = None) -> np.ndarray:
        """Which of them hold something to name, shape (n,), bool.

        Silent windows of log-mel features do not. An embedding doesn't say what is silent: there, windows do
        not in which no animal has a score of ``min_score`` or more; if it is None, `QUIET` where the store
        keeps scores.

        Raises
        ------
        InputError
            A minimum is asked for, and the store keeps no scores.
        """
        spec, store = self.store.spec, self.store
        scored = isinstance(spec, EmbeddingSpec) and spec.n_scores > 0
        if min_score and not scored:
            raise InputError(f"{store.path}: the store keeps no scores, so there can be no minimum score")
        if isinstance(spec, EmbeddingSpec):
            least = min_score if min_score is not None else QUIET if scored else 0.0
            return self.confidence >= least if least > 0 else np.ones(len(self), bool)
        silent = spec.silence_test()
        pairs = zip(self.position.tolist(), self.row.tolist(), strict=True)
        rows = (store.features(at)[row : row + spec.n_frames] for at, row in pairs)
        return np.array([not silent(window.astype(np.float32)) for window in rows], bool)

    def numbers(self) -> np.ndarray:
        """What describes each window, shape (n, n_numbers), float32.

        Raises
        ------
        StoreError
            Rows of the store are damaged, so that a number is not finite.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = self._numbers()
        whole = np.isfinite(numbers).all(axis=1)
        if not whole.all():
            path, name = self.store.path, self.store.ids[int(self.position[whole.argmin()])]
            raise StoreError(
                f"{path}: rows of {name} are not finite, so that the store is damaged; list them with: "
                f"avianvox features verify {path}, and build it anew"
            )
        return numbers

    def _numbers(self) -> np.ndarray:
        spec, store = self.store.spec, self.store
        if isinstance(spec, EmbeddingSpec):
            rows = store.rows[store.first_row[self.position] + self.row, : spec.n_embedding]
            return described(rows, scale_of(store))
        n_bands = _n_bands(store)
        numbers = np.empty((len(self), 2 * n_bands), np.float32)
        for i, (at, row) in enumerate(zip(self.position.tolist(), self.row.tolist(), strict=True)):
            numbers[i] = _statistics(store.features(at)[row : row + spec.n_frames, :n_bands])
        return numbers

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """`numbers` of `BLOCK` windows at a time, and which they are."""
        for first in range(0, len(self), BLOCK):
            part = slice(first, min(first + BLOCK, len(self)))
            yield part, replace(self, position=self.position[part], row=self.row[part]).numbers()


def describe_rows(rows: np.ndarray, store: FeatureStore) -> np.ndarray:
    """The same numbers of the windows of one recording that is in no store, from its rows."""
    spec = store.spec
    if isinstance(spec, EmbeddingSpec):
        return described(rows[:, : spec.n_embedding], scale_of(store))
    offsets = window_offsets(len(rows), spec.n_frames, spec.n_frames).tolist()
    return np.array([_statistics(rows[at : at + spec.n_frames, : _n_bands(store)]) for at in offsets])


def _n_bands(store: FeatureStore) -> int:
    return store.bands.n_mels


def scale_of(store: FeatureStore) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each number of an embedding over the store, float32."""
    n_embedding = getattr(store.spec, "n_embedding", 0)
    mean, square = store.sums[:, :, :n_embedding].sum(axis=0) / max(1, len(store.rows))
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0)) + _LEAST_DEVIATION
    return mean.astype(np.float32), deviation.astype(np.float32)


def described(rows: np.ndarray, scale: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Embeddings brought to mean 0 and deviation 1, float32."""
    numbers = rows.astype(np.float32)
    numbers -= scale[0]
    numbers /= scale[1]
    return numbers


def directions(numbers: np.ndarray) -> np.ndarray:
    """Rows brought to length 1."""
    lengths = np.sqrt(np.einsum("nd,nd->n", numbers, numbers))
    return np.asarray(numbers / np.maximum(lengths, 1e-12)[:, None])


def _statistics(window: np.ndarray) -> np.ndarray:
    """Rise of each band over the quietest, and its deviation over time."""
    window = window.astype(np.float32)
    mean, deviation = window.mean(axis=0), window.std(axis=0)
    return np.concatenate((mean - mean.mean(), deviation - deviation.mean()))


def _animals_of(spec: EmbeddingSpec) -> np.ndarray:
    """Which scores are of animals, shape (n_scores,), bool; all, where the model is not at hand."""
    try:
        info = read_model_file(find_model(spec.model)).info
    except ModelFileError:
        return np.ones(spec.n_scores, bool)
    others = set(info.not_animals)
    return np.array([name not in others for name in info.labels.names])
