"""What networks are fed: made beside the step, in order, and a fault in it is raised as it is."""

import gc
import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from tones import SPEC, tone_data  # noqa: E402

from avianvox.config import Choice  # noqa: E402
from avianvox.dataset.crops import CropReader, CropSettings  # noqa: E402
from avianvox.dataset.training_data import TrainingData  # noqa: E402
from avianvox.errors import InputError  # noqa: E402
from avianvox.features.normalise import Normalisation  # noqa: E402
from avianvox.models.protocol import TrainSettings  # noqa: E402
from avianvox.training.augmentations import AUGMENTATIONS  # noqa: E402
from avianvox.training.emphasis.queues import EmphasisSampling  # noqa: E402
from avianvox.training.estimator import NetworkEstimator  # noqa: E402
from avianvox.training.fit import fit_network  # noqa: E402
from avianvox.training.sequence import CropSequence, WindowSequence  # noqa: E402

SETTINGS = TrainSettings(epochs=2, batch_size=4, combine="mel")
WAIT_S = 60.0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return tone_data(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="module")
def reader(data: TrainingData) -> CropReader:
    scale = Normalisation.from_store(data.store, data.recordings)
    return CropReader(data.store, scale, CropSettings.from_spec(SPEC.with_changes(combine="mel")))


class Watched(CropSequence):
    """Crops that remember when each batch was made, and by which thread."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.log: list[tuple[int, int, int]] = []
        self.news = threading.Condition()

    def made(self, index: int) -> Any:
        batch = super().made(index)
        with self.news:
            self.log.append((self.epoch, index, threading.get_ident()))
            self.news.notify_all()
        return batch

    def is_made(self, epoch: int, index: int) -> bool:
        with self.news:
            return self.news.wait_for(lambda: (epoch, index) in [row[:2] for row in self.log[2:]], WAIT_S)


def sequence(reader: CropReader, data: TrainingData, kind: type = Watched, **options: Any) -> Any:
    rows = [AUGMENTATIONS.get(name)() for name in ("gain", "mask_time")]
    return kind(reader, data, **({"batch_size": 4, "seed": 3, "augmentations": rows} | options))


class Summing(keras.layers.Layer):
    """Passes on what it is given, and keeps a sum of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.sums: list[float] = []

    def call(self, crops: Any, training: bool = False) -> Any:
        import tensorflow as tf

        def keep(values: np.ndarray) -> np.ndarray:
            self.sums.append(float(values.sum(dtype=np.float64)))
            return values

        if training:
            shape = crops.shape
            crops = tf.numpy_function(keep, [crops], tf.float32)
            crops.set_shape(shape)
        return crops


def network(*first: Any) -> Any:
    layers = (keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3))
    return keras.Sequential([keras.Input((SPEC.n_frames, SPEC.n_mels, 1)), *first, *layers])


def test_a_network_learns_from_the_planned_batches_in_their_order(
    reader: CropReader, data: TrainingData
) -> None:
    summing = Summing()
    fit_network(network(summing), sequence(reader, data), None, SETTINGS)
    planned, expected = sequence(reader, data, CropSequence), []
    for epoch in (1, 2):  # Keras ends an epoch before it begins the first one
        planned.move_to(epoch)
        expected += [float(planned[i][0].sum(dtype=np.float64)) for i in range(len(planned))]
    assert summing.sums == expected


class Patient(keras.callbacks.Callback):
    """Ends no step before the next batch is made."""

    def __init__(self, train: Watched) -> None:
        super().__init__()
        self.train = train
        self.in_time: list[bool] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if 0 < batch < len(self.train) - 1:
            self.in_time.append(self.train.is_made(1, batch + 1))


def test_the_next_batch_is_made_while_a_step_runs_and_no_thread_is_left(
    reader: CropReader, data: TrainingData
) -> None:
    train, model, before = sequence(reader, data), network(), threading.enumerate()
    patient = Patient(train)
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    model.fit(train, epochs=1, shuffle=False, verbose=0, callbacks=[patient])
    assert patient.in_time == [True] * (len(train) - 2)
    assert threading.get_ident() not in {row[2] for row in train.log[2:]}  # two tell Keras their shape
    assert threading.enumerate() == before


class Stop(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 1:
            raise KeyboardInterrupt


def test_an_interrupt_ends_the_making_of_batches(
    reader: CropReader, data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, before = sequence(reader, data), threading.enumerate()
    monkeypatch.setattr("avianvox.training.fit._Keeper.on_train_batch_end", Stop.on_train_batch_end)
    with pytest.raises(KeyboardInterrupt):
        fit_network(network(), train, None, SETTINGS)
    gc.collect()
    assert len(train.log[2:]) <= 4  # two were learned from, and the next is made ahead
    assert threading.enumerate() == before


@dataclass(frozen=True)
class Faulty:
    """An augmentation that fails in the second epoch, in a thread of its own."""

    error: Exception
    calls: list[int]

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
        self.calls.append(threading.get_ident())
        if len(self.calls) > 9:
            raise self.error

    def apply(self, crops: np.ndarray, drawn: None, deviation: np.ndarray) -> np.ndarray:
        return crops


@pytest.mark.parametrize("error", [InputError("x.wav: is damaged"), MemoryError(), OSError(5, "no medium")])
def test_what_made_a_batch_fail_is_raised_as_it_is(
    reader: CropReader, data: TrainingData, error: Exception
) -> None:
    calls: list[int] = []
    train = sequence(reader, data, CropSequence, augmentations=[Faulty(error, calls)])
    with pytest.raises(type(error)) as raised:
        fit_network(network(), train, None, SETTINGS)
    assert raised.value is error
    assert calls[-1] != threading.get_ident()


def test_so_is_what_made_a_window_fail(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = NetworkEstimator("cnn_v20", SETTINGS).fit(data.subset(np.arange(6)), seed=0)
    made, many = WindowSequence.made, data.subset(np.repeat(np.arange(18), 3))

    def fails(self: WindowSequence, index: int) -> Any:
        if index == 2:  # the first two tell Keras their shape
            raise InputError("x.wav: is damaged")
        return made(self, index)

    monkeypatch.setattr(WindowSequence, "made", fails)
    for ask in (fitted.predict, fitted.clues):
        with pytest.raises(InputError, match=r"^x\.wav: is damaged$"):
            ask(many)


def test_the_network_answers_for_the_crops_that_it_has_just_learned_from(
    reader: CropReader, data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Emphasis follows from each step, so nothing of it is made ahead."""
    summing, answered = Summing(), []
    plain = EmphasisSampling.on_train_batch_end

    def listen(self: EmphasisSampling, batch: int, logs: Any = None) -> None:
        answered.append(float(self._train.made(batch)[0].sum(dtype=np.float64)))
        plain(self, batch, logs)

    monkeypatch.setattr(EmphasisSampling, "on_train_batch_end", listen)
    settings = replace(SETTINGS, emphasis=Choice("queues", (("wrong", 0.0), ("far", 0.0))))
    fit_network(network(summing), sequence(reader, data), None, settings)
    assert answered == summing.sums
