"""Models that answer as one: a network and those beside it, in training, on disk and in the graph."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tones import SPEC, tone_catalog, tone_data

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError
from avianvox.features.build import build_store
from avianvox.features.store import FeatureStore
from avianvox.models import MODELS
from avianvox.models.protocol import EpochReport, SavedFit, TrainSettings
from avianvox.training.run import CHECKPOINTS, Run
from avianvox.training.train import TrainConfig, train

SETTINGS = TrainSettings(epochs=2, batch_size=8, beside=("logreg_windows", "cnn_v17"), overlap=0.5)
SEED = 5


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return tone_data(tmp_path_factory.mktemp("tones"))


def geometric(*scores: np.ndarray) -> np.ndarray:
    product = np.prod(np.stack(scores).astype(np.float64), axis=0) ** (1 / len(scores))
    return product / product.sum(axis=1, keepdims=True)


def test_they_have_the_same_say_and_learn_apart(data: TrainingData) -> None:
    reports: list[EpochReport] = []
    fitted = MODELS.get("cnn_v20")(SETTINGS).fit(data, seed=SEED, progress=reports.append)
    answers = fitted.predict(data)
    alone = MODELS.get("cnn_v20")(replace(SETTINGS, beside=())).fit(data, seed=SEED).predict(data)
    regression = MODELS.get("logreg_windows")(replace(SETTINGS, beside=())).fit(data, seed=0).predict(data)
    network, windows, other = (member.predict(data) for member in fitted.members)
    np.testing.assert_array_equal(network.scores, alone.scores)
    np.testing.assert_allclose(windows.scores, regression.scores, atol=1e-6)
    expected = geometric(network.scores, windows.scores, other.scores)
    np.testing.assert_allclose(answers.scores, expected, atol=1e-5)
    np.testing.assert_array_equal(answers.positions, windows.positions)
    assert [(report.epoch, report.n_epochs) for report in reports] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_two_networks_of_one_kind_differ(data: TrainingData) -> None:
    fitted = MODELS.get("cnn_v20")(replace(SETTINGS, beside=("cnn_v20",))).fit(data, seed=SEED)
    first, second = (member.predict(data).scores for member in fitted.members)
    assert np.abs(first - second).max() > 1e-3


def test_what_was_fitted_comes_back_and_is_one_graph(data: TrainingData) -> None:
    estimator = MODELS.get("cnn_v20")(SETTINGS)
    fitted = estimator.fit(data, seed=SEED)
    again = estimator.restore(SavedFit(fitted.spec, data.n_classes, fitted.arrays()))
    scores = fitted.predict(data).scores
    np.testing.assert_array_equal(again.predict(data).scores, scores)
    reader = CropReader(data.store, None, CropSettings(SPEC.n_frames, "concatenate", "loop"))
    positions, offsets = reader.windows(data.recordings, hop_frames=26)
    rows = reader.read(data.recordings[positions], offsets)
    np.testing.assert_allclose(np.asarray(again.graph()(rows)), scores, atol=1e-4)


def test_a_run_keeps_all_and_goes_on(tmp_path: Path) -> None:
    catalog = tone_catalog(tmp_path)
    build_store(catalog.recordings, SPEC, tmp_path / "features", jobs=1)
    store = FeatureStore.open(tmp_path / "features")
    config = TrainConfig(
        epochs=2, batch_size=8, validation=0, beside=SETTINGS.beside, overlap=0.5, pooling="weighted"
    )
    run = train(catalog, store, config, tmp_path / "run")
    assert (tmp_path / "run" / CHECKPOINTS[2]).exists()
    assert not (tmp_path / "run" / CHECKPOINTS[1]).exists()  # the regression has no epochs
    assert {"keras", "scikit-learn"} <= set(run.config["versions"])
    weights = (tmp_path / "run" / "weights.npz").read_bytes()
    (tmp_path / "run" / "figures.json").unlink()
    (tmp_path / "run" / CHECKPOINTS[2]).unlink()
    train(catalog, store, config, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "weights.npz").read_bytes() == weights
    assert len(Run.open(tmp_path / "run").fitted().members) == 3  # type: ignore[attr-defined]


def test_what_cannot_stand_beside_a_network_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"beside: expected models of .*did you mean 'logreg_windows'"):
        MODELS.get("cnn_v20")(TrainSettings(beside=("logreg_window",)))
    with pytest.raises(ConfigError, match="at most 9 models, got 10"):
        MODELS.get("cnn_v20")(TrainSettings(beside=("cnn_v20",) * 10))


def test_the_network_may_have_more_to_say(data: TrainingData) -> None:
    settings = replace(SETTINGS, beside=("logreg_windows",), beside_share=0.25)
    fitted = MODELS.get("cnn_v20")(settings).fit(data, seed=SEED)
    network, other = (member.predict(data).scores.astype(np.float64) for member in fitted.members)
    expected = network**0.75 * other**0.25
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict(data).scores, expected, atol=1e-5)
    with pytest.raises(ConfigError, match="beside_share: expected 0 to 1, got 1"):
        TrainSettings(beside_share=1.0)


def test_what_begins_elsewhere_is_one_network() -> None:
    settings = replace(SETTINGS, from_="runs/birds", freeze_until="block1_conv")
    together = MODELS.get("cnn_v20")(settings)
    network, *others = together.members
    assert network.settings.from_ == "runs/birds"
    assert [other.settings.from_ for other in others] == [None, None]
