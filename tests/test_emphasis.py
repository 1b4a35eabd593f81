"""The contract of every row of emphasis, and what the queues do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tones import SPEC, tone_catalog, tone_data, tone_store

from avianvox.config import Choice, settings_to_mapping
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.errors import ConfigError, InputError
from avianvox.features.filters import band_edges_hz
from avianvox.features.normalise import Normalisation
from avianvox.models.backend import keras
from avianvox.models.protocol import EpochReport, TrainSettings
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.config import TrainConfig
from avianvox.training.emphasis import EMPHASES
from avianvox.training.emphasis.overlap import OverlapSampling
from avianvox.training.emphasis.queues import EmphasisSampling, ranks_of
from avianvox.training.fit import fit_network
from avianvox.training.samplers.by_weight import by_weight
from avianvox.training.schedules import SCHEDULES
from avianvox.training.sequence import CropSequence

SETTINGS = TrainSettings(epochs=4, batch_size=3, learning_rate=1e-4)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return tone_data(tmp_path_factory.mktemp("tones"))


def sequence(data: TrainingData, *augment: str) -> CropSequence:
    scale = Normalisation.from_store(data.store, data.recordings)
    reader = CropReader(data.store, scale, CropSettings.from_spec(SPEC.with_changes(combine="mel")))
    rows = [AUGMENTATIONS.get(name)() for name in augment]
    return CropSequence(reader, data, batch_size=3, seed=5, augmentations=rows)


def network(*, attentive: bool = True) -> Any:
    layers, kernel = keras.layers, keras.initializers.GlorotUniform
    inputs = keras.Input((53, 56, 1))
    x = layers.Conv2D(8, 5, strides=(4, 4), activation="relu", kernel_initializer=kernel(1))(inputs)
    seen = layers.Conv2D(1, 3, padding="same", activation="sigmoid", kernel_initializer=kernel(2),
                         name="attention_map" if attentive else "map")(x)  # fmt: skip
    pooled = layers.GlobalAveragePooling2D()(x * seen)
    return keras.Model(inputs, layers.Dense(3, kernel_initializer=kernel(3))(pooled))


def fit(data: TrainingData, emphasis: str | Choice | None, *augment: str, **options: Any) -> list[np.ndarray]:
    model = network()
    settings = replace(SETTINGS, emphasis=emphasis)
    fit_network(model, sequence(data, *augment), None, settings, **options)
    return model.get_weights()


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("augment", [(), ("blend",)])
@pytest.mark.parametrize("name", EMPHASES)
def test_a_row_changes_what_is_learned_and_can_be_interrupted(
    name: str, augment: tuple[str, ...], data: TrainingData, tmp_path: Path
) -> None:
    def kill(report: EpochReport) -> None:
        if report.epoch == 2:
            raise Killed

    whole = fit(data, name, *augment)
    assert not same(whole, fit(data, None, *augment))
    with pytest.raises(Killed):
        fit(data, name, *augment, checkpoint=tmp_path / "checkpoint.npz", progress=kill)
    assert same(whole, fit(data, name, *augment, checkpoint=tmp_path / "checkpoint.npz"))


def test_ranks_count_the_classes_that_were_thought_likelier() -> None:
    logits = np.array([[0.1, 3.0, 2.0], [5.0, 1.0, 1.0]])
    assert ranks_of(logits, np.array([1, 2])).tolist() == [0, 1]
    assert ranks_of(logits, np.array([0, 0])).tolist() == [2, 0]


class Answers:
    """A network that answers 1 for class 0 only, and counts what it is trained on."""

    def __init__(self, n_classes: int) -> None:
        self.shown: list[tuple[np.ndarray, np.ndarray]] = []
        self.n_classes = n_classes

    def predict_on_batch(self, crops: np.ndarray) -> np.ndarray:
        return np.tile(-np.arange(self.n_classes, dtype=np.float32), (len(crops), 1))

    def train_function(self, batches: Any) -> None:
        self.shown += list(batches)


def sampling(
    data: TrainingData, train: CropSequence | None = None, **probabilities: float
) -> tuple[EmphasisSampling, Answers]:
    made = EMPHASES.get("queues")(**probabilities).make(train or sequence(data))
    assert isinstance(made, EmphasisSampling)
    answers = Answers(data.n_classes)
    made.set_model(answers)
    return made, answers


def test_queues_give_back_what_was_answered_wrongly_in_its_order(data: TrainingData) -> None:
    made, answers = sampling(data, wrong=0.0, far=0.0)
    made.on_epoch_begin(0)
    wrong = []
    for batch in range(6):
        made.on_train_batch_end(batch)
        positions, offsets = sequence(data).planned(batch)
        wrong += [[p, o] for p, o in zip(positions, offsets, strict=True) if data.targets[p] != 0]
    assert len(wrong) == 12
    assert made.queues["wrong"].tolist() == wrong
    assert made.queues["far"].tolist() == []  # of three classes, all are among the first five
    assert not answers.shown
    other, answers = sampling(data, wrong=1.0, far=0.0)
    other.on_epoch_begin(0)
    other.restore(made.arrays() | {"state_000": np.zeros(1)})
    other.on_train_batch_end(0)
    ((crops, classes),) = answers.shown
    assert classes.tolist() == data.targets[[p for p, _ in wrong[:3]]].tolist()
    plain = sequence(data).plain(*np.array(wrong[:3]).T)
    np.testing.assert_array_equal(crops, plain)
    assert other.queues["wrong"][0].tolist() == wrong[3]


def test_extra_batches_come_as_often_as_they_are_asked_for_and_queues_end(data: TrainingData) -> None:
    six = replace(data, n_classes=8, targets=np.full(len(data), 7))
    train = sequence(six)
    made, answers = sampling(six, train)
    for epoch in range(60):
        train.move_to(epoch)
        made.on_epoch_begin(epoch)
        for batch in range(6):
            made.on_train_batch_end(batch)
        assert all(len(queue) <= len(data) for queue in made.queues.values())
    assert made.n_extra == len(answers.shown)
    assert made.n_extra / 360 == pytest.approx(0.55, abs=0.08)


def test_a_schedule_follows_the_planned_batches(data: TrainingData) -> None:
    made, _ = sampling(data)
    paced = made.paced(SCHEDULES.get("cosine")().make(1.0, 24))
    made.on_epoch_begin(2)
    made.on_train_batch_begin(0)
    assert float(paced(1000)) == pytest.approx(0.5)
    assert made.paced(0.1) == 0.1


class Looks:
    """A network that is right of class 0, and looks at the same cells of every crop."""

    def __init__(self, seen: np.ndarray) -> None:
        self.seen = seen

    def predict_on_batch(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = np.tile(np.float32([1, 0, 0]), (len(crops), 1))
        return logits, np.tile(self.seen[None, :, :, None], (len(crops), 1, 1, 1))


def weighed(data: TrainingData, seen: np.ndarray) -> CropSequence:
    """The sequence after an epoch of a network that looks so."""
    train = sequence(data)
    made = EMPHASES.get("overlap")().make(train)
    assert isinstance(made, OverlapSampling)
    made._judge = Looks(seen)
    made.on_train_batch_end(0)
    assert train.weights is None  # the epoch is not over
    made.on_train_batch_end(len(train) - 1)
    assert train.weights is not None
    return train


def test_what_is_known_comes_less_often_and_above_all_if_the_network_looks_at_the_voice(
    tmp_path: Path,
) -> None:
    catalog = tone_catalog(tmp_path, {"called": 1000.0, "other": 500.0, "third": 3000.0})
    rng, t = np.random.default_rng(0), np.arange(16000) / 8000
    for recording in catalog.recordings:  # calls, since a steady tone is noise floor
        calls = 0.3 * np.sin(2 * np.pi * 1000 * t) * (t % 0.5 < 0.15) + 0.01 * rng.normal(size=len(t))
        soundfile.write(recording.path, calls, 8000)
    data = training_data(catalog, tone_store(catalog, tmp_path / "features"), SPEC, catalog.labels)
    bands = np.arange(56)
    voice = int(np.argmin(abs(band_edges_hz(SPEC)[1:-1] - 1000)))
    near, far = (np.tile(np.float32(mask), (53, 1)) for mask in (abs(bands - voice) < 4, bands > 45))
    known = data.targets == 0
    for seen, expected in ((near, 0.5), (far, 0.75)):
        weights = weighed(data, seen).weights
        assert weights is not None
        np.testing.assert_allclose(weights[known], expected)
        np.testing.assert_allclose(weights[~known], 1.5)


def test_recordings_of_a_class_come_in_proportion_to_their_weights() -> None:
    targets = np.repeat([0, 1], 10)
    weights = np.where(np.arange(20) % 10 < 5, 3.0, 1.0)
    planned = np.random.default_rng(0).permutation(np.repeat(np.arange(20), 40))
    found = by_weight(planned, targets, weights, np.random.default_rng(1))
    assert np.array_equal(targets[found], targets[planned])  # a balanced plan stays balanced
    counts = np.bincount(found, minlength=20)
    assert (abs(counts - np.where(weights == 3, 60, 20)) <= 1).all()


def test_a_network_without_attention_is_refused(data: TrainingData) -> None:
    with pytest.raises(InputError, match="'overlap' needs a network with attention over time and bands"):
        fit_network(network(attentive=False), sequence(data), None, replace(SETTINGS, emphasis="overlap"))
    with pytest.raises(ConfigError, match="good: expected more than 0, got 0"):
        TrainConfig(emphasis=Choice("overlap", (("good", 0.0),)))


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert "emphasis" not in settings_to_mapping(TrainConfig())
    assert TrainConfig(emphasis=Choice("queues", (("wrong", 0.2),))).emphasis == "queues"
    with pytest.raises(ConfigError, match="did you mean 'queues'"):
        TrainConfig(emphasis="queue")
    with pytest.raises(ConfigError, match="far: expected 0 to 1, got 2"):
        TrainConfig(emphasis=Choice("queues", (("far", 2.0),)))
