"""What an ear says of recordings, as probes see them.

A probe sees a recording by its three most confident windows, those in which the ear's best animal has the
highest score: the mean over these of the embedding and of the log-odds of the ear's own answers. The mean of
a linear model's answers to these windows is its answer to their mean, so that a probe of windows and one of
recordings are the same model. A probe that chooses windows itself finds all of them in ``windows``.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from avianvox.dataset.synonyms import canonical
from avianvox.dataset.training_data import TrainingData
from avianvox.ears.dense import last_layer
from avianvox.errors import ModelFileError, StoreError
from avianvox.features.store import FeatureStore
from avianvox.inference.embedding import EmbeddingSpec
from avianvox.modelfile import read_model_file
from avianvox.modelfolder import find_model
from avianvox.modelinfo import EMBEDDING, SPECIES
from avianvox.types import LabelSet

N_WINDOWS = 3
"""Of a recording, the most confident ones. Measured beside one mean over all windows in docs/results.md."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an ear says of recordings.

    Attributes
    ----------
    embedding : np.ndarray, shape (n, n_embedding), float64
    own : np.ndarray, shape (n, n_classes), float64
        Log-odds of the classes by the ear; 0 for those that it doesn't know.
    loudest : np.ndarray, shape (n, n_classes), float64
        The same of the window in which each class has its highest score.
    known : np.ndarray, shape (n_classes,), bool
    windows : tuple of np.ndarray, shape (n_windows, n_embedding), float32
        The embedding of each window of each recording.
    odds : tuple of np.ndarray, shape (n_windows, n_classes), float64
        Log-odds of the classes by the ear, in the same way.
    """

    embedding: np.ndarray
    own: np.ndarray
    loudest: np.ndarray
    known: np.ndarray
    windows: tuple[np.ndarray, ...]
    odds: tuple[np.ndarray, ...]


@dataclass(frozen=True, slots=True)
class Ear:
    """What is needed of an ear for some classes.

    Attributes
    ----------
    known : np.ndarray, shape (n_classes,), bool
        Which of the classes it knows; synonyms count.
    animals : np.ndarray, shape (n_scores,), bool
        Which of its own classes are animals.
    weight : np.ndarray, shape (n_classes, n_embedding), float64
    bias : np.ndarray, shape (n_classes,), float64
        Its log-odds of the classes as a dense layer on its embedding; zeros where it doesn't know one.
    """

    known: np.ndarray
    animals: np.ndarray
    weight: np.ndarray
    bias: np.ndarray


@lru_cache(maxsize=4)
def ear_for(model: str, names: tuple[str, ...]) -> Ear:
    """An ear by name or file, for classes of these names.

    Raises
    ------
    ModelFileError
        There is no such ear, or its classes are no dense layer on its embedding.
    """
    found = read_model_file(find_model(model))
    info, species, embedding = found.info, found.info.output(SPECIES), found.info.output(EMBEDDING)
    if species is None or embedding is None or species.index is None or embedding.index is None:
        raise ModelFileError(f"the model '{model}' gives no embedding; take one that does, such as birdnet")
    try:
        weight, bias = last_layer(bytes(found.flatbuffer), output=species.index, embedding=embedding.index)
    except ModelFileError as error:
        raise ModelFileError(f"{found.path}: {error}") from error
    place = {canonical(name): i for i, name in enumerate(info.labels.names)}
    at = np.array([place.get(canonical(name), -1) for name in names])
    others = set(info.not_animals)
    animals = np.array([name not in others for name in info.labels.names])
    known = at >= 0
    return Ear(
        known,
        animals,
        np.where(known[:, None], weight[at], 0.0).astype(np.float64),
        np.where(known, bias[at], 0.0).astype(np.float64),
    )


def _spec_of(store: FeatureStore) -> EmbeddingSpec:
    spec = store.spec
    if not isinstance(spec, EmbeddingSpec) or not spec.n_scores:
        raise StoreError(
            f"the store in {store.path} holds no embeddings with the ear's own scores; build one with: "
            "avianvox features build CATALOG --spec birdnet --out FOLDER"
        )
    return spec


def known_classes(store: FeatureStore, labels: LabelSet) -> np.ndarray:
    """Which classes the ear behind a store knows, shape (n_classes,), bool; synonyms count."""
    return ear_for(_spec_of(store).model, labels.names).known


def hear(data: TrainingData, labels: LabelSet) -> Heard:
    """The ear's word on each recording of ``data``, whose store holds embeddings.

    Raises
    ------
    StoreError
        The store holds something else, or no scores.
    """
    spec = _spec_of(data.store)
    ear = ear_for(spec.model, labels.names)
    n = spec.n_embedding
    embedding = np.zeros((len(data), n))
    own, loudest = np.zeros((2, len(data), len(labels)))
    windows, by_window = [], []
    for i, position in enumerate(data.recordings.tolist()):
        rows = data.store.features(position)
        confident = np.where(ear.animals, rows[:, n:], 0.0).max(axis=1)
        best = most_confident(confident)
        odds = np.einsum("we,ce->wc", rows[:, :n].astype(np.float64), ear.weight) + ear.bias
        embedding[i] = rows[best, :n].mean(axis=0, dtype=np.float64)
        own[i] = odds[best].mean(axis=0)
        loudest[i] = odds.max(axis=0)
        windows.append(rows[:, :n])
        by_window.append(odds)
    return Heard(embedding, own, loudest, ear.known, tuple(windows), tuple(by_window))


def most_confident(confidence: np.ndarray) -> np.ndarray:
    """Positions of the `N_WINDOWS` windows of highest confidence; of equals the first."""
    return np.argsort(-confidence, kind="stable")[:N_WINDOWS]
