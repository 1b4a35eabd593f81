"""Averaged weights: their values, the statistics of batch normalisation, and what is judged and kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tones import SPEC, tone_data

from avianvox.config import settings_to_mapping
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError
from avianvox.features.normalise import Normalisation
from avianvox.models.backend import keras
from avianvox.models.networks import build_network
from avianvox.models.protocol import EpochReport, TrainSettings
from avianvox.training.config import TrainConfig
from avianvox.training.fit import fit_network
from avianvox.training.sequence import CropSequence, WindowSequence

MOMENTUM = 0.5
SETTINGS = TrainSettings(epochs=3, batch_size=100, average=MOMENTUM)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return tone_data(tmp_path_factory.mktemp("tones"))


def parts(data: TrainingData, batch_size: int = 100) -> tuple[Any, CropSequence, WindowSequence]:
    scale = Normalisation.from_store(data.store, data.recordings)
    spec = SPEC.with_changes(combine="above_floor")
    reader = CropReader(data.store, scale, CropSettings.from_spec(spec))
    model = build_network("avianvox_small", n_frames=53, n_rows=56, n_classes=3)
    return (
        model,
        CropSequence(reader, data, batch_size=batch_size, seed=5),
        WindowSequence(reader, data, batch_size=16, most_windows=1),
    )


def trainable(model: Any) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.trainable_variables]


def test_the_average_is_that_of_the_formula_and_training_goes_on_as_without_it(data: TrainingData) -> None:
    steps = []
    for n in (1, 2, 3):  # an epoch is one batch
        model, train, _ = parts(data)
        fit_network(model, train, None, replace(SETTINGS, epochs=n, average=0.0))
        steps.append(trainable(model))
    for validated in (False, True):
        model, train, held_out = parts(data)
        settings = replace(SETTINGS, learning_rate=1e-3)
        history = fit_network(model, train, held_out if validated else None, settings)
        kept = history.best_epoch if validated else 3
        for i, value in enumerate(trainable(model)):
            expected = steps[0][i]
            for later in steps[1:kept]:
                expected = MOMENTUM * expected + (1 - MOMENTUM) * later[i]
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("validated", "within"), [(False, False), (True, False), (False, True)])
def test_statistics_of_batch_normalisation_fit_the_averaged_weights(
    validated: bool, within: bool, data: TrainingData
) -> None:
    model, train, held_out = parts(data, batch_size=7)
    trained = model
    if within:
        inputs = keras.Input(model.input_shape[1:])
        trained = keras.Model(inputs, model(inputs))
    history = fit_network(trained, train, held_out if validated else None, replace(SETTINGS, average=0.8))
    train.move_to((history.best_epoch if validated else 3) - 1)
    until = keras.Model(model.input, model.get_layer("block1_conv").output)
    given = [np.asarray(until(train[i][0])) for i in range(len(train))]
    norm = model.get_layer("block1_norm")
    means = np.mean([x.mean(axis=(0, 1, 2)) for x in given], axis=0)
    variances = np.mean([x.var(axis=(0, 1, 2)) for x in given], axis=0)
    np.testing.assert_allclose(norm.moving_mean.numpy(), means, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(norm.moving_variance.numpy(), variances, rtol=1e-3)
    assert norm.momentum == 0.9


def test_what_is_validated_is_what_is_kept(data: TrainingData) -> None:
    model, train, held_out = parts(data, batch_size=7)
    history = fit_network(model, train, held_out, SETTINGS)
    loss, _ = model.evaluate(held_out, verbose=0)
    assert loss == pytest.approx(history.epochs[history.best_epoch - 1]["val_loss"], rel=1e-5)
    plain, train, held_out = parts(data, batch_size=7)
    without = fit_network(plain, train, held_out, replace(SETTINGS, average=0.0))
    assert [row["loss"] for row in history.epochs] == [row["loss"] for row in without.epochs]
    assert [row["val_loss"] for row in history.epochs] != [row["val_loss"] for row in without.epochs]


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("validated", [False, True])
def test_training_that_was_killed_continues_to_the_same_average(
    validated: bool, data: TrainingData, tmp_path: Path
) -> None:
    def fit(checkpoint: Path | None, progress: Any = None) -> list[np.ndarray]:
        model, train, held_out = parts(data, batch_size=7)
        fit_network(
            model,
            train,
            held_out if validated else None,
            replace(SETTINGS, epochs=4),
            checkpoint=checkpoint,
            progress=progress,
        )
        return [weight.numpy() for weight in model.weights]

    def kill(report: EpochReport) -> None:
        if report.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        fit(tmp_path / "checkpoint.npz", kill)
    for continued in (fit(tmp_path / "checkpoint.npz"), fit(tmp_path / "checkpoint.npz")):
        for one, other in zip(continued, fit(None), strict=True):
            np.testing.assert_array_equal(one, other)


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert "average" not in settings_to_mapping(TrainConfig())
    for wrong in (-0.1, 1.0):
        with pytest.raises(ConfigError, match="average: expected 0 to below 1"):
            TrainSettings(average=wrong)
