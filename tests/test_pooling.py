"""Windows become a recording: the same numbers window by window, and for all recordings at once."""

from pathlib import Path

import numpy as np
import pytest

from avianvox.errors import ConfigError, RunError
from avianvox.evaluation.predictions import FoldPredictions, pool, read_predictions, write_predictions
from avianvox.inference.pooling import POOLINGS, pool_rows
from avianvox.models.protocol import TrainSettings
from avianvox.types import Recording

SCORES = np.array([[1, 0], [0, 1], [0.5, 0.5], [0.75, 0.25]], dtype=np.float32)
ROWS = np.array([2, 0, 2, 2])


def test_windows_are_averaged_for_each_recording() -> None:
    np.testing.assert_allclose(pool_rows(SCORES, ROWS, 3), [[0, 1], [0, 0], [0.75, 0.25]])


def test_a_sure_window_counts_more() -> None:
    found = pool_rows(SCORES, ROWS, 3, "weighted", SCORES.max(axis=1))
    weights = np.square([1, 0.5, 0.75])
    expected = (weights[:, None] * SCORES[[0, 2, 3]]).sum(axis=0) / weights.sum()
    np.testing.assert_allclose(found, [[0, 1], [0, 0], expected])


@pytest.mark.parametrize("name", POOLINGS)
def test_all_at_once_is_one_by_one(name: str) -> None:
    confidence = np.array([0.2, 1.0, 0.9, 0.4])
    pooling = POOLINGS.get(name)()
    for i in (0, 2, 3):
        pooling.add(SCORES[i], confidence[i])
    found = pool_rows(SCORES, ROWS, 3, name, confidence)
    np.testing.assert_allclose(found[2], pooling.scores(), rtol=1e-12)
    assert not found[1].any()


def predictions(pooling: str) -> FoldPredictions:
    ids = np.array(["a", "b"])
    return FoldPredictions(SCORES, np.array([0, 0, 1, 1]), np.array([0, 1]), ids, ids[:0], pooling)


@pytest.mark.parametrize("pooling", ["mean", "weighted"])
def test_predictions_keep_how_they_were_pooled(tmp_path: Path, pooling: str) -> None:
    write_predictions(tmp_path / "fold.npz", predictions(pooling))
    with np.load(tmp_path / "fold.npz") as arrays:  # the usual one is not said, as before there was another
        assert ("pooling" in arrays) == (pooling != "mean")
    found = read_predictions(tmp_path / "fold.npz")
    by_id = {name: Recording(name, Path(f"{name}.wav"), "Aa aa") for name in "ab"}
    pooled = pool([found], by_id)
    expected = pool_rows(SCORES, found.positions, 2, pooling, SCORES.max(axis=1))
    np.testing.assert_allclose(pooled.scores, expected)
    np.testing.assert_allclose(pooled.pooled(pooled.window_scores), expected)
    with pytest.raises(RunError, match="expected one pooling in all folds, got max, "):
        pool([found, predictions("max")], by_id)


def test_settings_out_of_range_are_one_line() -> None:
    with pytest.raises(
        ConfigError, match=r"pooling: expected one of mean, .*got 'meen'; did you mean 'mean'"
    ):
        TrainSettings(pooling="meen")
    with pytest.raises(ConfigError, match="overlap: expected 0 to below 1, got 1"):
        TrainSettings(overlap=1.0)
