"""Probes: models that learn from what an ear says of each window, its embedding and its own scores.

They see a recording by its three most confident windows, those in which the ear's best animal has the highest
score: the mean over these of the embedding and of the log-odds of the ear's own answers. The mean of a linear
model's answers to these windows is its answer to their mean, so that a probe of windows and one of recordings
are the same model.

The ear has probably heard many recordings of xeno-canto in its training, perhaps these very ones. What it
reaches on them is therefore no measure of what it reaches on new recordings of species that it knows; species
that it doesn't know are the fair part, and are told apart by `known_classes`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from avianvox.dataset.synonyms import canonical
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.ears.dense import last_layer
from avianvox.errors import ModelFileError, StoreError
from avianvox.features.store import FeatureStore
from avianvox.inference.activation import activate
from avianvox.inference.embedding import EmbeddingSpec
from avianvox.modelfile import EMBEDDING, SPECIES, find_model, read_model_file
from avianvox.models.classifiers import fit_head
from avianvox.models.offset_regression import OffsetRegression
from avianvox.models.protocol import Progress, TrainSettings
from avianvox.types import LabelSet

if TYPE_CHECKING:
    from avianvox.models import ProbeFactory

N_WINDOWS = 3
"""Of a recording, the most confident ones. Measured beside one mean over all windows in docs/results.md."""

PENALTY = 0.01
"""scikit-learn's ``C`` of the regression, and the penalty of the combined one."""

_SHARPNESS = 20.0  # of the cosine prototypes: a difference of 0.05 weighs as much as a factor e


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
    """

    embedding: np.ndarray
    own: np.ndarray
    loudest: np.ndarray
    known: np.ndarray


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
    for i, position in enumerate(data.recordings.tolist()):
        rows = data.store.features(position)
        confident = np.where(ear.animals, rows[:, n:], 0.0).max(axis=1)
        best = np.argsort(-confident, kind="stable")[:N_WINDOWS]
        odds = np.einsum("we,ce->wc", rows[:, :n].astype(np.float64), ear.weight) + ear.bias
        embedding[i] = rows[best, :n].mean(axis=0, dtype=np.float64)
        own[i] = odds[best].mean(axis=0)
        loudest[i] = odds.max(axis=0)
    return Heard(embedding, own, loudest, ear.known)


Scorer = Callable[[Heard], np.ndarray]
"""Scores of recordings, shape (n, n_classes), that sum to one."""

Fitter = Callable[[Heard, np.ndarray, TrainSettings, int], Scorer]
"""``fit(heard, targets, settings, seed)``."""


@dataclass(frozen=True)
class Probe:
    """A probe before it has seen any data; it learns from data whose store holds embeddings."""

    fitter: Fitter
    settings: TrainSettings
    labels: LabelSet

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int,
        validation: TrainingData | None = None,
        progress: Progress | None = None,
    ) -> "FittedProbe":
        """Learn from every recording; validation data is not used."""
        scorer = self.fitter(hear(data, self.labels), data.targets, self.settings, seed)
        return FittedProbe(scorer, self.labels)


@dataclass(frozen=True)
class FittedProbe:
    scorer: Scorer
    labels: LabelSet

    def predict(self, data: TrainingData) -> WindowScores:
        """One answer for each recording, as if it were one window."""
        scores = self.scorer(hear(data, self.labels))
        return WindowScores(scores.astype(np.float32), np.arange(len(data), dtype=np.int64))


def fit_own(heard: Heard, targets: np.ndarray, settings: TrainSettings, seed: int) -> Scorer:
    """The ear's own answer among the classes; nothing is learned, and what it doesn't know has no score."""

    def score(heard: Heard) -> np.ndarray:
        odds = np.where(heard.known, heard.loudest, -np.inf)
        return activate(odds, "softmax") if heard.known.any() else np.full(odds.shape, 1 / odds.shape[1])

    return score


def fit_cosine(heard: Heard, targets: np.ndarray, settings: TrainSettings, seed: int) -> Scorer:
    """The angle to the mean direction of each class's recordings, after the mean of all was taken away."""
    centre = heard.embedding.mean(axis=0)
    n_classes = heard.own.shape[1]
    directions = _directions(heard.embedding - centre)
    prototypes = np.zeros((n_classes, directions.shape[1]))
    np.add.at(prototypes, targets, directions)
    trained = np.bincount(targets, minlength=n_classes) > 0
    prototypes = _directions(prototypes)

    def score(heard: Heard) -> np.ndarray:
        angles = np.einsum("nd,cd->nc", _directions(heard.embedding - centre), prototypes)
        return activate(np.where(trained, _SHARPNESS * angles, -np.inf), "softmax")

    return score


def fit_regression(heard: Heard, targets: np.ndarray, settings: TrainSettings, seed: int) -> Scorer:
    """Logistic regression on standardised embeddings; every class weighs the same."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=1000)
    return _classifier(make_pipeline(StandardScaler(), regression), heard, targets)


def fit_perceptron(heard: Heard, targets: np.ndarray, settings: TrainSettings, seed: int) -> Scorer:
    """One hidden layer of 128 ReLU units on standardised embeddings, with a strong penalty."""
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = MLPClassifier((128,), alpha=1.0, max_iter=settings.epochs, random_state=seed)
    return _classifier(make_pipeline(StandardScaler(), network), heard, targets)


def _classifier(classifier: Any, heard: Heard, targets: np.ndarray) -> Scorer:
    head = fit_head(classifier, heard.embedding, targets, n_classes=heard.own.shape[1])
    return lambda heard: head.scores(heard.embedding)


@dataclass(frozen=True, slots=True)
class Combined:
    """A regression on the embedding that begins with the ear's own answer.

    ``neutral``: the offset of a class that the ear doesn't know, the mean of those that it knows over the
    recordings learned from.
    """

    regression: OffsetRegression
    neutral: float

    def __call__(self, heard: Heard) -> np.ndarray:
        """Scores, shape (n, n_classes), float32."""
        return activate(self.regression.logits(heard.embedding, _offsets(heard, self.neutral)), "softmax")

    def layer(self, ear: Ear) -> tuple[np.ndarray, np.ndarray]:
        """The same as one dense layer on the embedding of a window.

        Returns
        -------
        tuple of np.ndarray
            Weights, shape (n_classes, n_embedding), and bias, shape (n_classes,), both float32.
        """
        learned = self.regression
        weight = learned.weight / learned.deviation
        offset = np.where(ear.known, ear.bias, self.neutral)
        bias = learned.bias - np.einsum("ce,e->c", weight, learned.mean) + learned.factor * offset
        return (weight + learned.factor * ear.weight).astype(np.float32), bias.astype(np.float32)


def fit_combined(heard: Heard, targets: np.ndarray, settings: TrainSettings, seed: int) -> Combined:
    """What was learned here is added to the ear's own log-odds of the classes that it knows."""
    neutral = float(heard.own[:, heard.known].mean()) if heard.known.any() else 0.0
    offsets = _offsets(heard, neutral)
    return Combined(OffsetRegression.fit(heard.embedding, offsets, targets, penalty=PENALTY), neutral)


def _offsets(heard: Heard, neutral: float) -> np.ndarray:
    return np.where(heard.known, heard.own, neutral)


def _directions(values: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.einsum("nd,nd->n", values, values))
    return values / np.maximum(lengths, 1e-12)[:, None]


own = partial(Probe, fit_own)
cosine = partial(Probe, fit_cosine)
logreg = partial(Probe, fit_regression)
mlp = partial(Probe, fit_perceptron)
combined = partial(Probe, fit_combined)


def fit_probe(
    make: "ProbeFactory",
    settings: TrainSettings,
    labels: LabelSet,
    store: FeatureStore,
    data: TrainingData,
    seed: int,
) -> Callable[[TrainingData], WindowScores]:
    """A probe in the form that `avianvox.evaluation.crossval.crossvalidate` takes, with the first four given.

    ``store`` holds the embeddings of the recordings of ``data``, which has features of its own.
    """
    fitted = make(settings, labels).fit(data.with_store(store), seed=seed)
    return lambda test: fitted.predict(test.with_store(store))
