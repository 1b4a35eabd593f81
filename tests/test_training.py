"""Fitting networks, on tones at the heights that name their classes."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from tones import SPEC
from training_tones import (  # noqa: F401, fixtures
    CONFIG,
    SEED,
    catalog_fixture,
    crops,
    data_fixture,
    network,
    reader_fixture,
    same,
    store_fixture,
)

from avianvox.config import Choice
from avianvox.dataset.crops import CropReader
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError, RunError
from avianvox.inference.pooling import pool_answers
from avianvox.models import MODELS
from avianvox.models.cnn import VARIANTS
from avianvox.models.networks import NETWORKS
from avianvox.models.protocol import TrainSettings
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.estimator import NetworkEstimator
from avianvox.training.fit import fit_network
from avianvox.training.history import History
from avianvox.training.losses import LOSSES, Classes
from avianvox.training.losses.cross_entropy import CrossEntropy
from avianvox.training.sequence import WindowSequence


@pytest.mark.parametrize("more", [{}, {"average": 0.9}, {"beside": ("logreg_windows",)}])
def test_watching_the_test_part_changes_no_weight(data: TrainingData, more: dict) -> None:
    """It is not held out: training neither ends early nor goes back to an earlier epoch."""
    settings = TrainSettings(epochs=4, batch_size=8, patience=1, combine="mel", **more)
    train, test = data.subset(np.arange(12)), data.subset(np.arange(12, 18))
    blind, watched = (
        MODELS.get("cnn_v20")(settings).fit(train, seed=SEED, **options)
        for options in ({}, {"watched": test})
    )
    assert same(list(blind.arrays().values()), list(watched.arrays().values()))
    assert [set(row) for row in blind.history.epochs] == [{"loss", "accuracy"}] * 4
    assert [set(row) for row in watched.history.epochs] == [
        {"loss", "accuracy", "test_loss", "test_accuracy"}
    ] * 4
    assert watched.history.best_epoch == blind.history.best_epoch


def test_loss_and_sampler_are_chosen_by_name(data: TrainingData) -> None:
    def weights(**chosen: str | Choice) -> list[np.ndarray]:
        settings = TrainSettings(epochs=1, **chosen)
        return MODELS.get("cnn_v20")(settings).fit(data, seed=0).model.get_weights()

    plain = weights()
    assert same(plain, weights(loss="cross_entropy", sampler="shuffled"))
    smoothed = weights(loss="label_smoothing")
    assert not same(plain, smoothed)
    assert not same(smoothed, weights(loss=Choice("label_smoothing", (("smoothing", 0.3),))))
    uneven = data.subset(np.arange(13))
    settings = TrainSettings(epochs=1, sampler="balanced")
    assert MODELS.get("cnn_v20")(settings).fit(uneven, seed=0).history.epochs
    for wrong in ({"loss": "label_smooth"}, {"sampler": "balance"}):
        with pytest.raises(ConfigError, match="did you mean"):
            replace(CONFIG, **wrong)


@dataclass(frozen=True)
class Listening(CrossEntropy):
    """Cross-entropy that keeps what it is told of the classes."""

    told: ClassVar[list[Classes]] = []

    def make(self, classes: Classes) -> object:
        self.told.append(classes)
        return super().make(classes)


def test_a_loss_is_told_the_names_and_counts_of_the_training_part(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOSSES._rows, "listening", f"{__name__}:Listening")
    part = data.subset(np.array([0, 1, 2, 6, 7, 12]))
    MODELS.get("cnn_v20")(TrainSettings(epochs=1, loss="listening")).fit(part, seed=0)
    assert Listening.told == [Classes((3, 2, 1), ("high", "low", "middle"))]


def test_augmentations_change_what_is_learned_and_the_same_seed_gives_the_same(data: TrainingData) -> None:
    noises = Choice("background", (("store", str(data.store.path)),))

    def weights(*augment: str) -> list[np.ndarray]:
        chosen = tuple(noises if name == "background" else name for name in augment)
        settings = TrainSettings(epochs=1, combine="mel", augment=chosen)
        return MODELS.get("cnn_v20")(settings).fit(data, seed=0).model.get_weights()

    plain, every = weights(), tuple(AUGMENTATIONS)
    found = {name: weights(name) for name in every}
    assert not any(same(plain, changed) for changed in found.values())
    assert same(weights(*every), weights(*every))


def test_species_in_the_background_are_learned_a_little(data: TrainingData) -> None:
    heard = replace(data, besides=((1,), *[()] * (len(data) - 1)))

    def weights(data: TrainingData, **chosen: float) -> list[np.ndarray]:
        return MODELS.get("cnn_v20")(TrainSettings(epochs=1, **chosen)).fit(data, seed=0).model.get_weights()

    plain = weights(heard)
    assert same(plain, weights(data))
    assert not same(plain, weights(heard, also=0.3))
    settings = replace(CONFIG, also=0.3).settings
    history = MODELS.get("cnn_v20")(settings).fit(heard, seed=0, validation=data).history
    assert len(history.epochs) == 3
    with pytest.raises(ConfigError, match=r"also: expected 0 to below 0\.5, got 0\.5"):
        replace(CONFIG, also=0.5)


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


def test_training_that_was_killed_continues_to_the_same_weights(
    reader: CropReader, data: TrainingData, tmp_path: Path
) -> None:
    settings = TrainSettings(epochs=4, batch_size=7)
    held_out = WindowSequence(reader, data, batch_size=16, most_windows=1)

    def fit(checkpoint: Path | None, progress=None):
        model = network()
        history = fit_network(
            model, crops(reader, data), held_out, settings, checkpoint=checkpoint, progress=progress
        )
        return model.get_weights(), history.epochs

    def kill(report) -> None:
        if report.epoch == 2:
            raise Killed

    whole, whole_history = fit(None)
    with pytest.raises(Killed):
        fit(tmp_path / "checkpoint.npz", kill)
    continued, history = fit(tmp_path / "checkpoint.npz")
    assert history == whole_history
    assert same(continued, whole)
    (tmp_path / "checkpoint.npz").write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(RunError, match="damaged"):
        fit(tmp_path / "checkpoint.npz")


def test_training_stops_without_improvement_and_keeps_the_best_weights(
    reader: CropReader, data: TrainingData
) -> None:
    settings = TrainSettings(epochs=30, batch_size=7, learning_rate=0.5, patience=2)
    held_out = WindowSequence(reader, data, batch_size=16, most_windows=1)
    model = network()
    history = fit_network(model, crops(reader, data), held_out, settings)
    assert len(history.epochs) == history.best_epoch + 2 < 30
    loss, _ = model.evaluate(held_out, verbose=0)
    assert loss == pytest.approx(history.epochs[history.best_epoch - 1]["val_loss"], rel=1e-5)


def test_nan_is_never_the_least_loss() -> None:
    losses = (math.nan, 0.7, math.nan, 0.5, math.nan)
    history = History([{"loss": 1.0, "val_loss": loss} for loss in losses])
    assert history.best_epoch == 4
    assert not history.is_exhausted(2)
    assert history.is_exhausted(1)


def test_a_training_loss_that_is_nan_ends_the_training(reader: CropReader, data: TrainingData) -> None:
    model = network()
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    with pytest.raises(RunError, match=r"the training loss is NaN after epoch 1.*lower learning_rate"):
        fit_network(model, crops(reader, data), None, TrainSettings(epochs=2))


@pytest.mark.parametrize("name", ["cnn_v20", "pca_dense", "dense_pixels"])
def test_every_kind_of_network_tells_tones_apart(name: str, data: TrainingData) -> None:
    settings = TrainSettings(epochs=30, batch_size=5)
    evens, odds = data.subset(np.arange(0, 18, 2)), data.subset(np.arange(1, 18, 2))
    fitted = MODELS.get(name)(settings).fit(evens, seed=0)
    answers = fitted.predict(odds)
    np.testing.assert_allclose(answers.scores.sum(axis=1), 1.0, rtol=1e-5)
    assert list(pool_answers(answers, len(odds)).argmax(axis=1)) == list(odds.targets)
    clues = fitted.clues(odds)  # type: ignore[attr-defined]
    if NETWORKS.get(name).embedding is None:
        assert clues is None
        return
    weight, bias = fitted.model.get_layer("logits").get_weights()  # type: ignore[attr-defined]
    logits = clues.embedding @ weight + bias
    np.testing.assert_allclose(clues.energy, np.log(np.exp(logits).sum(axis=1)), rtol=1e-4)
    np.testing.assert_array_equal(clues.positions, answers.positions)


def test_combination_is_the_published_one_unless_it_is_asked_for(data: TrainingData) -> None:
    once = TrainSettings(epochs=1)
    assert once.spec_for(SPEC, published=VARIANTS["cnn_v17"].combine).combine == "concatenate"
    asked = replace(once, combine="mel")
    assert NetworkEstimator("cnn_v17", asked).fit(data, seed=0).spec.combine == "mel"
    for share in (-0.1, 0.51, 0.9):
        with pytest.raises(ConfigError, match=r"validation: expected 0 to 0\.5"):
            replace(CONFIG, validation=share)
    for wrong in ({"combine": "mell"}, {"padding": "lop"}, {"epochs": 0}, {"learning_rate": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            TrainSettings(**wrong)
