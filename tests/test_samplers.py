"""The contract of every sampler of the table."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from avianvox.dataset.training_data import TrainingData
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.training.samplers import SAMPLERS

COUNTS = (12, 5, 1, 2)


@pytest.fixture
def data() -> TrainingData:
    targets = np.repeat(np.arange(4), COUNTS)
    store = cast("FeatureStore", SimpleNamespace())
    return TrainingData(store, FeatureSpec(), np.arange(20, dtype=np.int64), targets, 4)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_plan_is_of_positions_and_depends_on_seed_and_epoch_alone(name: str, data: TrainingData) -> None:
    plan = SAMPLERS.get(name)().plan
    first = plan(data, seed=0, epoch=0)
    assert first.dtype == np.int64
    assert len(first)
    assert set(first.tolist()) <= set(range(20))
    assert np.array_equal(first, plan(data, seed=0, epoch=0))
    assert not np.array_equal(first, plan(data, seed=1, epoch=0))
    assert not np.array_equal(first, plan(data, seed=0, epoch=1))
    every = np.concatenate([plan(data, seed=0, epoch=epoch) for epoch in range(12)])
    assert set(every.tolist()) == set(range(20)), "some recording is never seen"


def test_shuffled_shows_each_recording_once(data: TrainingData) -> None:
    assert sorted(SAMPLERS.get("shuffled")().plan(data, seed=3, epoch=2).tolist()) == list(range(20))


def test_balanced_shows_classes_equally_often_and_their_recordings_too(data: TrainingData) -> None:
    for epoch in range(3):
        planned = SAMPLERS.get("balanced")().plan(data, seed=3, epoch=epoch)
        assert np.bincount(data.targets[planned]).tolist() == [5, 5, 5, 5]
        counts = np.bincount(planned, minlength=20)
        for label in range(4):
            of_class = counts[data.targets == label]
            assert of_class.max() - of_class.min() <= 1
    odd = data.subset(np.arange(18))
    planned = SAMPLERS.get("balanced")().plan(odd, seed=0, epoch=0)
    assert sorted(np.bincount(odd.targets[planned])) == [6, 6, 6]


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_tempered_shows_classes_by_a_power_of_their_counts(exponent: float, data: TrainingData) -> None:
    plan = SAMPLERS.get("tempered")(exponent=exponent).plan
    shown = np.zeros(4)
    for epoch in range(400):
        planned = plan(data, seed=3, epoch=epoch)
        assert len(planned) == 20
        shown += np.bincount(data.targets[planned], minlength=4)
    weights = np.array(COUNTS) ** exponent
    np.testing.assert_allclose(shown / 400, 20 * weights / weights.sum(), atol=0.15)
