"""The contract of every model of the table but the networks, and what each of them sees of a recording."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.errors import InputError
from avianvox.evaluation.rules import RULES
from avianvox.features.build import build_store
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.inference.pooling import pool_answers
from avianvox.models import LADDER, MODELS
from avianvox.models.protocol import EpochReport, TrainSettings
from avianvox.models.statistics import floor_statistics, mel_statistics, mfcc_statistics
from avianvox.types import Recording

SPEC = FeatureSpec(
    sample_rate=8000, n_fft=512, hop_length=256, n_mels=56, fmax_hz=4000.0, n_mfcc=8, n_frames=53
)
CHEAP = [name for name in MODELS if name.startswith(("gnb_", "logreg_", "mlp_"))]
SETTINGS = TrainSettings(epochs=20, batch_size=5)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    """Six tones of each of three pitches; one of each lasts half a window."""
    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    recordings = []
    for k, label in enumerate(("high", "low", "middle")):
        for i in range(6):
            t = np.arange(int(8000 * (0.9 if i == 2 else 1.8 + 0.3 * i))) / 8000
            sound = 0.3 * np.sin(2 * np.pi * (3000, 500, 1500)[k] * t) + 0.05 * rng.normal(size=len(t))
            path = folder / f"{label}{i}.wav"
            soundfile.write(path, sound, 8000)
            recordings.append(Recording(path.stem, path, label))
    catalog = Catalog(tuple(recordings))
    build_store(catalog.recordings, SPEC, folder / "features", jobs=1)
    return training_data(catalog, FeatureStore.open(folder / "features"), SPEC, catalog.labels)


def test_the_ladder_begins_with_rules_and_ends_with_networks() -> None:
    names = " ".join(LADDER)
    assert names == (
        "chance majority session_lookup duration gnb_pixels gnb_mfcc logreg_mel logreg_floor logreg_windows "
        "mlp_mfcc pca_dense dense_pixels cnn_v16 cnn_v18 cnn_v17 cnn_v20 avianvox_small"
    )
    assert all((name in RULES) != (name in MODELS) for name in LADDER)


@pytest.mark.parametrize("name", CHEAP)
def test_every_model_tells_tones_apart_and_is_seeded(name: str, data: TrainingData) -> None:
    evens, odds = data.subset(np.arange(0, 18, 2)), data.subset(np.arange(1, 18, 2))
    reports: list[EpochReport] = []
    estimator = MODELS.get(name)(SETTINGS)
    answers = estimator.fit(evens, seed=3, progress=reports.append).predict(odds)
    assert answers.scores.dtype == np.float32
    assert answers.scores.shape == (len(answers.positions), 3)
    np.testing.assert_allclose(answers.scores.sum(axis=1), 1.0, rtol=1e-5)
    assert set(answers.positions) == set(range(9))
    assert list(pool_answers(answers, 9).argmax(axis=1)) == list(odds.targets)
    assert [r.epoch for r in reports] in ([], list(range(1, SETTINGS.epochs + 1)))
    again = estimator.fit(evens, seed=3).predict(odds)
    np.testing.assert_array_equal(again.scores, answers.scores)


@pytest.mark.parametrize("name", CHEAP)
def test_a_class_without_training_recordings_scores_nothing(name: str, data: TrainingData) -> None:
    two = data.subset(np.flatnonzero(data.targets != 1))
    scores = MODELS.get(name)(SETTINGS).fit(two, seed=0).predict(data).scores
    assert scores.shape[1] == 3
    assert not scores[:, 1].any()


@pytest.mark.parametrize("name", [name for name in CHEAP if "gnb" not in name])
def test_one_class_is_refused(name: str, data: TrainingData) -> None:
    with pytest.raises(InputError, match="two classes or more"):
        MODELS.get(name)(SETTINGS).fit(data.subset(np.arange(6)), seed=0)


def test_the_seed_changes_what_is_drawn(data: TrainingData) -> None:
    def scores(name: str, seed: int) -> np.ndarray:
        return MODELS.get(name)(SETTINGS).fit(data, seed=seed).predict(data).scores

    assert not np.array_equal(scores("mlp_mfcc", 0), scores("mlp_mfcc", 1))
    assert np.array_equal(scores("logreg_floor", 0), scores("logreg_floor", 1))


def test_a_batch_larger_than_the_recordings_is_all_of_them(data: TrainingData) -> None:
    many, all_of_them = (TrainSettings(epochs=2, batch_size=n) for n in (64, 18))
    found = [MODELS.get("mlp_mfcc")(s).fit(data, seed=0).predict(data).scores for s in (many, all_of_them)]
    np.testing.assert_array_equal(*found)


def test_statistics_are_those_of_the_rows(data: TrainingData) -> None:
    chosen = data.subset(np.array([4, 2]))
    rows = [data.store.features(i).astype(np.float64) for i in chosen.recordings]
    mel = [r[:, : SPEC.n_mels] for r in rows]
    loud = [np.percentile(r, 95, axis=0) for r in mel]
    floor = [np.median(r, axis=0) for r in mel]
    parts = [(r.mean(0), r.std(0), p) for r, p in zip(mel, loud, strict=True)]
    np.testing.assert_allclose(mel_statistics(chosen), [np.concatenate(p) for p in parts], atol=1e-4)
    above = [(m - f, d, p - f) for (m, d, p), f in zip(parts, floor, strict=True)]
    np.testing.assert_allclose(floor_statistics(chosen), [np.concatenate(p) for p in above], atol=1e-4)
    mfcc = [r[:, SPEC.n_mels :] for r in rows]
    expected = [np.concatenate([r.mean(0), r.std(0)]) for r in mfcc]
    np.testing.assert_allclose(mfcc_statistics(chosen), expected, atol=1e-4)


def test_gain_moves_the_mel_statistics_and_not_those_above_the_floor(tmp_path: Path) -> None:
    """Twice the amplitude is 6.02 dB in mean and percentile, and nothing once the floor is subtracted."""
    sound = 0.2 * np.random.default_rng(1).normal(size=16000).clip(-2, 2)
    recordings = []
    for name, gain in (("soft", 1.0), ("loud", 2.0)):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, gain * sound, 8000, subtype="FLOAT")
        recordings.append(Recording(name, path, name))
    catalog = Catalog(tuple(recordings))
    build_store(catalog.recordings, SPEC, tmp_path / "features", jobs=1)
    pair = training_data(catalog, FeatureStore.open(tmp_path / "features"), SPEC, catalog.labels)
    shift = np.repeat([20 * np.log10(2), 0.0, 20 * np.log10(2)], SPEC.n_mels)
    soft, loud = mel_statistics(pair)
    np.testing.assert_allclose(loud - soft, shift, atol=1e-3)
    soft, loud = floor_statistics(pair)
    np.testing.assert_allclose(loud, soft, atol=1e-3)
