"""The contract of every row of self-training, what is heard without a label, and what is told of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tones import SPEC, tone_catalog, tone_store

from avianvox.config import Choice
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData, WindowScores, training_data
from avianvox.documents import read_json
from avianvox.errors import ConfigError, InputError
from avianvox.features.store import FeatureStore
from avianvox.models.protocol import EpochReport, TrainSettings
from avianvox.training.config import TrainConfig
from avianvox.training.estimator import NetworkEstimator
from avianvox.training.inherited import licences_of
from avianvox.training.origin import Origin
from avianvox.training.self_training import SELF_TRAININGS, Confident, taught, unlabelled
from avianvox.training.train import train

SURE = Choice("confident", (("least", 0.01),))


def without_labels(catalog: Catalog) -> Catalog:
    """The last two of each class have no label; those of "low" share a session with labelled ones."""
    rows = []
    for recording in catalog.recordings:
        if recording.id[-1] in "45":
            session = "low 0" if recording.label == "low" else recording.recordist
            recording = replace(recording, label="", recordist=session, licence="CC BY 4.0")
        rows.append(recording)
    return Catalog(tuple(rows))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return without_labels(tone_catalog(tmp_path_factory.mktemp("tones")))


@pytest.fixture(scope="module")
def store(catalog: Catalog) -> FeatureStore:
    return tone_store(catalog, catalog.recordings[0].path.parent / "features")


@pytest.fixture(scope="module")
def data(catalog: Catalog, store: FeatureStore) -> TrainingData:
    return training_data(catalog, store, SPEC, catalog.labels)


@pytest.mark.parametrize("name", SELF_TRAININGS)
def test_a_row_changes_what_is_learned_and_the_same_seed_gives_the_same(
    name: str, data: TrainingData
) -> None:
    settings = TrainSettings(epochs=1, batch_size=8, combine="mel")
    reports: list[EpochReport] = []
    told = [
        NetworkEstimator("cnn_v20", replace(settings, self_training=row)).fit(data, seed=1, progress=progress)
        for row, progress in ((None, None), (SURE, reports.append), (SURE, None))
    ]
    plain, second, again = (fitted.model.get_weights() for fitted in told)
    assert any(not np.array_equal(a, b) for a, b in zip(plain, second, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(second, again, strict=True))
    assert [(report.epoch, report.n_epochs) for report in reports] == [(1, 2), (2, 2)]
    assert sum((told[1].self_taught or {}).values()) > 0
    assert len(data.store) == 18  # what was taught is nowhere but in the fit


def test_the_surest_windows_are_chosen_of_recordings_and_classes() -> None:
    scores = np.array(
        [[0.9, 0.1], [0.95, 0.05], [0.85, 0.15], [0.3, 0.7], [0.1, 0.9], [0.2, 0.8], [0.99, 0.01]]
    )
    answers = WindowScores(scores, np.array([0, 0, 0, 0, 1, 1, 2]))
    assert Confident(per_recording=9).choose(answers).tolist() == [0, 1, 2, 4, 5, 6]
    assert Confident().choose(answers).tolist() == [0, 1, 4, 5, 6]
    assert Confident(per_class=1).choose(answers).tolist() == [4, 6]
    assert Confident(least=0.92).choose(answers).tolist() == [1, 6]
    assert Confident(least=0.999).choose(answers).tolist() == []


def test_sessions_that_others_are_judged_by_are_not_heard(data: TrainingData) -> None:
    assert [name for name, _ in data.unlabelled] == ["high4", "high5", "low4", "low5", "middle4", "middle5"]
    assert len(data) == 12
    sessions = np.array(data.sessions)
    kept = data.subset(np.flatnonzero(sessions != sessions[data.ids.index("low0")]))
    assert [name for name, _ in kept.unlabelled] == ["high4", "high5", "middle4", "middle5"]
    judged = data.subset(np.flatnonzero(np.arange(12) != data.ids.index("low1")))  # one of the session stays
    assert [name for name, _ in judged.unlabelled] == ["high4", "high5", "middle4", "middle5"]
    with pytest.raises(InputError, match="self_training: expected recordings without a label"):
        unlabelled(replace(data, unlabelled=()))


def test_windows_are_recordings_of_their_own(data: TrainingData) -> None:
    others = unlabelled(data)
    windows = np.array([[0, 7, 53], [5, 0, 20]])
    more = taught(data, others, windows, np.array([2, 1]))
    assert (len(more), len(more.store)) == (14, 20)
    assert more.targets[-2:].tolist() == [2, 1]
    assert more.ids[-2:] == ["high4", "middle5"]
    assert more.sessions[-2:] == (dict(data.unlabelled)["high4"], dict(data.unlabelled)["middle5"])
    rows = data.store["high4"][7:60]
    np.testing.assert_array_equal(more.store.features(18), rows)
    np.testing.assert_allclose(more.store.sums[18], [rows.sum(axis=0), (rows**2).sum(axis=0)], rtol=1e-4)
    reader = CropReader(more.store, None, CropSettings(53, "mel"))
    assert reader.random_offsets(more.recordings[-2:], seed=0, epoch=3).tolist() == [0, 0]
    np.testing.assert_array_equal(reader.read(np.array([18]), np.array([0]))[0], rows[:, :56])
    assert len(set(more.store.keys.tolist())) == 20


def test_a_run_tells_what_it_has_heard_besides(catalog: Catalog, store: FeatureStore, tmp_path: Path) -> None:
    config = TrainConfig(epochs=1, batch_size=8, validation=0, combine="mel", self_training=SURE)
    run = train(catalog, store, config, tmp_path / "run")
    entry = run.config["inherited"][0]
    assert (entry["kind"], entry["name"]) == ("unlabelled sound", "6 recordings")
    assert licences_of(run.config, "")["recordings"] == {"CC BY 4.0": 6, "CC0": 12}
    assert run.provenance["learned_from"] == ["unlabelled sound of 6 recordings"]
    windows = read_json(tmp_path / "run" / "figures.json")["self_training"]["n_windows"]
    assert 1 <= sum(windows.values()) <= 12
    assert set(windows) <= {"high", "low", "middle"}
    assert {"high4", "middle5"} <= Origin.open(tmp_path / "run").heard
    assert (tmp_path / "run" / "first-checkpoint.npz").exists()
    assert run.split["left out"] == []
    assert "high4: no label" in training_data(catalog, store, SPEC, catalog.labels).left_out


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"least": 1.0}, "least: expected 0 to 1, got 1"),
        ({"per_class": 0}, "per_class: expected 1 or more, got 0"),
    ],
)
def test_wrong_settings_are_one_line(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"\[train.self_training\] {message}"):
        TrainConfig(self_training=Choice("confident", tuple(settings.items())))


def test_a_cross_validation_knows_what_else_was_learned_from(data: TrainingData) -> None:
    from avianvox.api.compare import _learned_from

    every = [TrainSettings(also=0.2), TrainSettings(self_training="confident")]
    there = _learned_from(every, data, ())
    assert set(there) == {"species in the background", "recordings without a label"}
    heard = replace(data, besides=((1,), *[()] * (len(data) - 1)), unlabelled=(("more", "there"),))
    assert all(there[name] != digest for name, digest in _learned_from(every, heard, ()).items())
    assert _learned_from([TrainSettings()], data, ()) == {}
