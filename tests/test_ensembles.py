"""The contract of every row of ensembles, and what several fits of one network answer together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tones import SPEC, tone_catalog, tone_store

from avianvox.config import Choice
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.errors import ConfigError, InputError
from avianvox.models import MODELS
from avianvox.models.protocol import EpochReport, SavedFit, TrainSettings
from avianvox.training.config import TrainConfig
from avianvox.training.ensembles import ENSEMBLES
from avianvox.training.guides.ensemble import softened
from avianvox.training.run import CHECKPOINTS, TEACHERS, Run
from avianvox.training.train import train

NETWORK = "dense_pixels"
"""The cheapest to fit."""
SETTINGS = TrainSettings(epochs=1, batch_size=8, combine="mel")
TWO = Choice("seeds", (("n", 2),))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    folder = tmp_path_factory.mktemp("tones")
    catalog = tone_catalog(folder)
    return training_data(catalog, tone_store(catalog, folder / "features"), SPEC, catalog.labels)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_each_fit_of_a_row_learns_every_class(name: str, data: TrainingData) -> None:
    rows = ENSEMBLES.get(name)()
    parts = rows.parts(data, seed=1)
    assert len(parts) == rows.n == 3
    assert all(set(data.targets[part]) == {0, 1, 2} for part in parts)
    again = rows.parts(data, seed=1)
    assert all(np.array_equal(part, same) for part, same in zip(parts, again, strict=True))
    assert {int(i) for part in parts for i in part} == set(range(len(data)))


def test_folds_leave_out_each_session_once(data: TrainingData) -> None:
    assert data.sessions == tuple(f"{i[:-1]} {int(i[-1]) // 2} |  | " for i in data.ids)
    sessions = np.array(data.sessions)
    outside = [set(range(18)) - set(part.tolist()) for part in ENSEMBLES.get("folds")().parts(data, seed=1)]
    assert sorted(i for left_out in outside for i in left_out) == list(range(18))
    for left_out in outside:
        assert len(left_out) == 6
        assert all(set(np.flatnonzero(sessions == sessions[i])) <= left_out for i in left_out)
    one_class = data.subset(np.flatnonzero(data.targets == 0)[:2])
    with pytest.raises(InputError, match="expected recordings of 3 sessions or more, got 1"):
        ENSEMBLES.get("folds")().parts(one_class, seed=0)


def test_a_session_that_holds_all_of_a_class_stays(data: TrainingData) -> None:
    rare = data.subset(np.flatnonzero((data.targets != 0) | (np.arange(18) < 2)))
    parts = ENSEMBLES.get("folds")().parts(rare, seed=0)
    assert all(set(rare.targets[part]) == {0, 1, 2} for part in parts)
    assert all({0, 1} <= set(part.tolist()) for part in parts)


def test_probabilities_of_fits_are_averaged_and_come_back(data: TrainingData) -> None:
    reports: list[EpochReport] = []
    settings = replace(SETTINGS, ensemble=TWO, beside=("logreg_windows",), overlap=0.5)
    estimator = MODELS.get(NETWORK)(settings)
    fitted = estimator.fit(data, seed=5, progress=reports.append)
    alone = MODELS.get(NETWORK)(replace(SETTINGS, overlap=0.5)).fit(data, seed=5).predict(data)
    fits, regression = fitted.members
    first, second = (member.predict(data).scores for member in fits.members)
    np.testing.assert_array_equal(first, alone.scores)
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_allclose(fits.predict(data).scores, (first + second) / 2, atol=1e-6)
    product = np.sqrt((first + second) / 2 * regression.predict(data).scores)
    scores = fitted.predict(data).scores
    np.testing.assert_allclose(scores, product / product.sum(axis=1, keepdims=True), atol=1e-5)
    assert [(report.epoch, report.n_epochs) for report in reports] == [(1, 2), (2, 2)]
    again = estimator.restore(SavedFit(fitted.spec, data.n_classes, fitted.arrays()))
    np.testing.assert_array_equal(again.predict(data).scores, scores)
    reader = CropReader(data.store, None, CropSettings(SPEC.n_frames, "concatenate", "loop"))
    positions, offsets = reader.windows(data.recordings, hop_frames=26)
    rows = reader.read(data.recordings[positions], offsets)
    np.testing.assert_allclose(np.asarray(again.graph()(rows)), scores, atol=1e-4)


def test_a_run_of_an_ensemble_keeps_each_fit_and_goes_on(tmp_path: Path) -> None:
    catalog = tone_catalog(tmp_path)
    store = tone_store(catalog, tmp_path / "features")
    config = TrainConfig(
        model=NETWORK,
        epochs=1,
        batch_size=8,
        validation=0,
        combine="mel",
        ensemble=TWO,
        beside=("cnn_v17",),
    )
    train(catalog, store, config, tmp_path / "run")
    assert [(tmp_path / "run" / name).exists() for name in CHECKPOINTS[:5]] == [True] * 4 + [False]
    weights = (tmp_path / "run" / "weights.npz").read_bytes()
    (tmp_path / "run" / "figures.json").unlink()
    (tmp_path / "run" / CHECKPOINTS[3]).unlink()
    train(catalog, store, config, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "weights.npz").read_bytes() == weights
    fits, beside = Run.open(tmp_path / "run").fitted().members  # type: ignore[attr-defined]
    assert (len(fits.members), len(beside.members)) == (2, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ensemble": "seed"}, r"\[train.ensemble\]: expected one of seeds, folds, got 'seed'; did you mean"),
        ({"ensemble": Choice("seeds", (("n", 1),))}, r"\[train.ensemble\] n: expected 2 to 10, got 1"),
        ({"ensemble": "seeds", "guide": "ensemble"}, "ensemble: expected no guide that fits networks itself"),
        ({"ensemble": Choice("seeds", (("n", 6),)), "beside": ("cnn_v20",)}, "at most 10 fits .* got 12"),
        ({"guide": Choice("ensemble", (("of", "fold"),))}, r"\[train.guide\] of: .* did you mean 'folds'"),
        ({"guide": Choice("ensemble", (("n", 99),))}, r"\[train.guide\] n: expected 2 to 10, got 99"),
    ],
)
def test_a_wrong_ensemble_is_one_line(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MODELS.get("cnn_v20")(TrainConfig(**settings).settings)  # type: ignore[arg-type]


def test_probabilities_are_softened_to_a_root() -> None:
    known = np.array([[0.7, 0.2, 0.1]])
    roots = np.sqrt(known)
    np.testing.assert_allclose(softened(known, 2.0), roots / roots.sum(), rtol=1e-6)
    np.testing.assert_allclose(softened(known, 1.0), known, rtol=1e-6)


class Say:
    """A fit that says what it was made with of each window."""

    settings = TrainSettings(overlap=0.5)

    def __init__(self, data: TrainingData, scores: list[float]) -> None:
        self._scores = scores
        self._learned = set(data.recordings.tolist())

    def predict(self, data: TrainingData):  # type: ignore[no-untyped-def]
        from avianvox.dataset.training_data import WindowScores

        reader = CropReader(data.store, None, CropSettings(SPEC.n_frames, "mel"))
        positions = reader.windows(data.recordings, hop_frames=27)[0]
        return WindowScores(np.tile(np.float32(self._scores), (len(positions), 1)), positions)


@pytest.mark.parametrize("of", ENSEMBLES)
def test_an_ensemble_teaches_from_training_recordings_alone(of: str, data: TrainingData) -> None:
    """By folds, each recording is taught by the fit that has not heard it; by seeds, by the mean of all."""
    from avianvox.models.backend import keras
    from avianvox.training.guides import Batch, Trunk
    from avianvox.training.guides.ensemble import Distilling

    says = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]
    learned: list[list[int]] = []

    def fit(part: TrainingData, number: int, *, seed: int) -> Say:
        learned.append(part.recordings.tolist())
        return Say(part, says[number])

    own = data.subset(np.arange(0, 18))
    inputs = keras.Input((SPEC.n_frames, 56, 1))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    reader = CropReader(data.store, None, CropSettings(SPEC.n_frames, "mel"))
    guide = Distilling(of=of, temperature=1.0)
    guiding = guide.begin(Trunk(model, lambda n: model, fit), own, reader, seed=1)
    assert guide.n_fits == len(learned) == 3
    assert {i for part in learned for i in part} == set(own.recordings.tolist())
    recordings, zeros = own.recordings, np.zeros(len(own), np.int64)
    crops = np.zeros((len(own), SPEC.n_frames, 56), np.float32)
    shares = np.eye(len(own), dtype=np.float32)
    targets = guiding.targets(Batch(recordings, zeros, crops, shares, np.ones(56)))
    for row, recording in zip(targets, recordings.tolist(), strict=True):
        unheard = [says[k] for k in range(3) if recording not in learned[k]] or says
        np.testing.assert_allclose(row, np.mean(unheard, axis=0), atol=1e-6)
    at_target = np.asarray(guiding.loss(targets, np.log(targets)))
    np.testing.assert_allclose(at_target, 0, atol=1e-6)
    assert (np.asarray(guiding.loss(targets, np.zeros_like(targets))) >= -1e-6).all()


def test_teachers_of_a_run_are_kept_until_it_is_done(tmp_path: Path) -> None:
    catalog = tone_catalog(tmp_path)
    store = tone_store(catalog, tmp_path / "features")
    guide = Choice("ensemble", (("n", 2),))
    config = TrainConfig(model=NETWORK, epochs=1, batch_size=8, validation=0, combine="mel", guide=guide)
    reports: list[EpochReport] = []
    train(catalog, store, config, tmp_path / "run", progress=reports.append)
    assert [(report.epoch, report.n_epochs) for report in reports] == [(1, 3), (2, 3), (3, 3)]
    assert [(tmp_path / "run" / name).exists() for name in TEACHERS[:3]] == [True, True, False]
