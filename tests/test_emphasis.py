"""The contract of every row of emphasis, and what the queues do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tones import SPEC, tone_data

from avianvox.config import Choice, settings_to_mapping
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError
from avianvox.features.normalise import Normalisation
from avianvox.models.cnn import VARIANTS, build_cnn
from avianvox.models.protocol import EpochReport, TrainSettings
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.config import TrainConfig
from avianvox.training.emphasis import EMPHASES
from avianvox.training.emphasis.queues import EmphasisSampling, ranks_of
from avianvox.training.fit import fit_network
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


def network() -> Any:
    return build_cnn(VARIANTS["cnn_v20"], n_frames=53, n_rows=56, n_classes=3, seed=0)


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


def sampling(data: TrainingData, **probabilities: float) -> tuple[EmphasisSampling, Answers]:
    made = EMPHASES.get("queues")(**probabilities).make(sequence(data))
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
    made, answers = sampling(six)
    for epoch in range(60):
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


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert "emphasis" not in settings_to_mapping(TrainConfig())
    assert TrainConfig(emphasis=Choice("queues", (("wrong", 0.2),))).emphasis == "queues"
    with pytest.raises(ConfigError, match="did you mean 'queues'"):
        TrainConfig(emphasis="queue")
    with pytest.raises(ConfigError, match="far: expected 0 to 1, got 2"):
        TrainConfig(emphasis=Choice("queues", (("far", 2.0),)))
