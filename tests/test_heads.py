"""Heads: the scores of the classifiers that they were made of, in NumPy, in a run folder and in a graph."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avianvox.dataset.catalog import Catalog, read_catalog
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.errors import InputError, RunError
from avianvox.export.exporter import export_run
from avianvox.features.build import build_store
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.inference.classifier import Classifier
from avianvox.inference.pooling import pool_answers
from avianvox.models import MODELS, TRAINABLE
from avianvox.models.classifiers import (
    fit_head,
    head_of,
    learn,
    logistic_regression,
    naive_bayes,
    perceptron,
)
from avianvox.models.head import Dense, Head
from avianvox.models.networks import NETWORKS
from avianvox.models.probes.heard import Heard
from avianvox.models.probes.mlp import fit_perceptron
from avianvox.models.protocol import TrainSettings
from avianvox.models.statistics import floor_statistics
from avianvox.models.window_statistics import WindowStatistics, describe_windows, floor_numbers
from avianvox.training.run import HISTORY, NORMALISATION, WEIGHTS, Run
from avianvox.training.train import TrainConfig, train

SPEC = FeatureSpec(
    sample_rate=8000, n_fft=512, hop_length=256, n_mels=56, fmax_hz=4000.0, n_mfcc=8, n_frames=53
)
SETTINGS = TrainSettings(epochs=20, batch_size=5)
CHEAP = [name for name in TRAINABLE if name not in NETWORKS]
FACTORIES = {"bayes": naive_bayes, "regression": logistic_regression, "perceptron": perceptron}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six tones of each of three pitches, of one to three windows; one of each lasts half a window."""
    path = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    for k, label in enumerate(("high", "low", "middle")):
        (path / label).mkdir()
        for i in range(6):
            t = np.arange(int(8000 * (0.9 if i == 2 else 1.8 + 0.6 * i))) / 8000
            sound = 0.3 * np.sin(2 * np.pi * (3000, 500, 1500)[k] * t) + 0.05 * rng.normal(size=len(t))
            soundfile.write(path / label / f"{label}{i}.wav", sound, 8000)
    return path


@pytest.fixture(scope="module")
def catalog(folder: Path) -> Catalog:
    return read_catalog(folder)


@pytest.fixture(scope="module")
def store(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    path = tmp_path_factory.mktemp("store") / "features"
    build_store(catalog.recordings, SPEC, path, jobs=1)
    return FeatureStore.open(path)


@pytest.fixture(scope="module")
def data(catalog: Catalog, store: FeatureStore) -> TrainingData:
    return training_data(catalog, store, SPEC, catalog.labels)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", FACTORIES)
def test_a_head_has_the_scores_of_its_classifier(name: str, n_classes: int) -> None:
    rng = np.random.default_rng(1)
    targets = np.arange(80) % n_classes
    values = rng.normal(size=(80, 6)) * [1, 5, 0.1, 1, 1, 30] + 10 + 2 * targets[:, None]
    classifier = FACTORIES[name](SETTINGS, 0)
    learn(classifier, values, 2 * targets)
    head = head_of(classifier, 2 * n_classes)
    scores = head.scores(values)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores[:, ::2], classifier.predict_proba(values), atol=1e-6)
    assert not scores[:, 1::2].any(), "a class without recordings has a score"
    again = Head.from_arrays(head.arrays())
    assert again.scores(values).tobytes() == scores.tobytes()


def test_what_is_no_head_is_refused() -> None:
    with pytest.raises(InputError, match="got none with a weight"):
        Head.from_arrays({"mean": np.zeros(3)})
    with pytest.raises(InputError, match="a bias as wide"):
        Dense(np.zeros((3, 2)), np.zeros(3))
    good = Head((Dense(np.zeros((3, 2)), np.zeros(2)),), np.arange(2), 2).arrays()
    with pytest.raises(InputError, match="expected 2 classes below 1"):
        Head.from_arrays(good | {"n_classes": np.array(1)})


@pytest.mark.parametrize("n_frames", [1, 2, 40, 41])
def test_the_layer_of_statistics_is_the_function(n_frames: int) -> None:
    from avianvox.models.backend import keras
    from avianvox.models.head_graph import FloorStatistics

    rows = np.random.default_rng(0).normal(-40, 12, (3, n_frames, 9)).astype(np.float32)
    layer = FloorStatistics(7, 50.0, 95.0)
    found = np.asarray(layer(rows))
    np.testing.assert_allclose(found, floor_numbers(rows[..., :7]), atol=1e-4)
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    np.testing.assert_array_equal(np.asarray(again(rows)), found)
    assert layer.compute_output_shape(rows.shape) == found.shape


def test_a_window_as_long_as_its_recording_has_the_numbers_of_the_recording(data: TrainingData) -> None:
    one = data.subset(np.array([4]))
    spec = SPEC.with_changes(n_frames=int(one.store.n_frames[one.recordings[0]]))
    values, positions = describe_windows(one, spec, padding="loop")
    assert positions.tolist() == [0]
    np.testing.assert_allclose(values, floor_statistics(one), atol=1e-4)


def test_a_recording_counts_once_however_many_windows_it_has(data: TrainingData) -> None:
    """Nine windows of one recording on one side, one of another on the other: neither class is likelier."""
    two = data.subset(np.array([0, 6]))
    values, positions = np.array([[0.0]] * 9 + [[1.0]]), np.array([0] * 9 + [1])
    plain = fit_head(logistic_regression(SETTINGS, 0), values, two.targets[positions], n_classes=3)
    fair = WindowStatistics(SETTINGS)._regression(two, values, positions, 1.0)
    middle = np.array([[0.5]])
    assert plain.scores(middle)[0, 0] > 0.6
    assert fair.scores(middle)[0].tolist() == pytest.approx([0.5, 0.5, 0.0], abs=1e-3)


def test_the_penalty_follows_the_training_recordings(data: TrainingData) -> None:
    """Numbers that tell the classes apart want large weights, noise wants small ones."""
    estimator = WindowStatistics(SETTINGS)
    values, positions = describe_windows(data, SPEC, padding="loop")
    assert estimator._choose(data, values, positions, 0) == 0.1
    noise = np.random.default_rng(0).normal(size=values.shape)
    assert estimator._choose(data, noise, positions, 0) == 0.001
    few = data.subset(np.array([0, 17]))
    assert estimator._choose(few, values, positions, 0) == 0.01


@pytest.mark.parametrize("name", CHEAP)
def test_a_run_folder_gives_the_model_back_without_keras(
    name: str, catalog: Catalog, store: FeatureStore, data: TrainingData, tmp_path: Path
) -> None:
    config = TrainConfig(epochs=20, batch_size=5, validation=0.0, model=name, seed=3)
    run = train(catalog, store, config, tmp_path / "run")
    expected = MODELS.get(name)(config.settings).fit(data, seed=3).predict(data)
    found = run.fitted().predict(data)
    assert found.scores.tobytes() == expected.scores.tobytes()
    assert run.figures["train"]["recording"]["accuracy"] == 1.0
    assert not (run.path / HISTORY).exists()
    assert (run.path / NORMALISATION).exists() == (name == "gnb_pixels")
    again = train(catalog, store, config, tmp_path / "again")
    assert (again.path / WEIGHTS).read_bytes() == (run.path / WEIGHTS).read_bytes()
    with pytest.raises(RunError, match=r"other settings \(seed was"):
        train(catalog, store, replace(config, seed=4), tmp_path / "run", resume=True)
    (run.path / WEIGHTS).write_bytes(b"PK")
    with pytest.raises(RunError, match=r"missing or damaged.*--fresh"):
        Run.open(run.path).fitted()


def test_training_a_head_loads_no_tensorflow(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "small.toml"
    features = "\n".join(f"{key} = {value!r}" for key, value in SPEC.to_mapping().items())
    config.write_text(f"[features]\n{features}\n")
    code = (
        "import sys; from avianvox.cli.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit as end: assert not end.code, end.code\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    arguments = ["train", folder, "--model", "logreg_windows", "--config", config, "--validation", "0"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments), "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / 'run'}: logreg_windows, 3 classes\n" in done.stdout


@pytest.mark.parametrize("name", ["logreg_windows", "gnb_pixels"])
def test_what_is_exported_answers_as_in_training(
    name: str, folder: Path, catalog: Catalog, store: FeatureStore, data: TrainingData, tmp_path: Path
) -> None:
    config = TrainConfig(validation=0.0, model=name)
    run = train(catalog, store, config, tmp_path / "run", catalogs=[str(folder)])
    report = export_run(run.path, tmp_path / "model.tflite")
    assert report.info.kind == name
    assert report.parity.problems() == []
    expected = pool_answers(run.fitted().predict(data), len(data))
    classifier = Classifier.load(tmp_path / "model.tflite")
    for position, recording in enumerate(catalog.recordings):
        prediction = classifier.classify(recording.path)
        np.testing.assert_allclose(prediction.scores, expected[position], atol=2e-3)


@pytest.mark.parametrize("name", ["logreg_floor", "mlp_mfcc"])
def test_a_model_of_whole_recordings_is_not_exported(
    name: str, catalog: Catalog, store: FeatureStore, tmp_path: Path
) -> None:
    run = train(catalog, store, TrainConfig(validation=0.0, model=name, epochs=2), tmp_path / "run")
    with pytest.raises(InputError, match=rf"{run.path} was not exported: {name}.* logreg_windows"):
        export_run(run.path, tmp_path / "model.tflite")
    assert not (tmp_path / "model.tflite").exists()


def test_one_recording_of_many_classes_is_learned_without_a_warning() -> None:
    """As at the begin of a learning curve; scikit-learn would take it for numbers to predict."""
    values, targets = np.eye(25), np.arange(25)
    head = fit_head(logistic_regression(TrainSettings(), 0), values, targets, n_classes=25)
    assert head.scores(values).argmax(axis=1).tolist() == targets.tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_of_a_damaged_store_are_refused(value: float) -> None:
    values = np.full((8, 3), value)
    with pytest.raises(InputError, match="the feature store is damaged"):
        fit_head(logistic_regression(SETTINGS, 0), values, np.arange(8) % 2, n_classes=2)


@pytest.mark.parametrize("seed", [-1, 10**30])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    values, targets = np.random.default_rng(0).random((8, 3)), np.arange(8) % 2
    none, settings = np.zeros((8, 2)), TrainSettings(epochs=400)
    fit_head(perceptron(settings, seed), values, targets, n_classes=2)
    fit_perceptron(Heard(values, none, none, np.zeros(2, bool), (), ()), targets, settings, seed)
