"""The contract of every sampler of the table."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError, InputError
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.training.samplers import SAMPLERS, Sampler

COUNTS = (12, 5, 1, 2)


@pytest.fixture
def data() -> TrainingData:
    targets = np.repeat(np.arange(4), COUNTS)
    store = cast("FeatureStore", SimpleNamespace(ids=[f"r{i}" for i in range(20)]))
    return TrainingData(store, FeatureSpec(), np.arange(20, dtype=np.int64), targets, 4)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Of the first class, whose first recording counts three times as much as the other eleven."""
    table = tmp_path / "weights.csv"
    table.write_text("id,weight\nr0,1.5\n" + "".join(f"r{i},0.5\n" for i in range(1, 12)) + "elsewhere,9\n")
    return table


def sampler(name: str, table: Path) -> Sampler:
    return SAMPLERS.get(name)(**({"table": str(table)} if name == "weighted" else {}))


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_plan_is_of_positions_and_depends_on_seed_and_epoch_alone(
    name: str, data: TrainingData, table: Path
) -> None:
    plan = sampler(name, table).plan
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


def test_weighted_shows_recordings_as_a_table_says_and_classes_as_another_sampler(
    data: TrainingData, table: Path
) -> None:
    for classes, of_first in (("balanced", 5), ("shuffled", 12)):
        plan = SAMPLERS.get("weighted")(table=str(table), classes=classes).plan
        shown = np.zeros(20)
        for epoch in range(300):
            planned = plan(data, seed=3, epoch=epoch)
            assert np.sum(data.targets[planned] == 0) == of_first
            shown += np.bincount(planned, minlength=20)
        wanted = of_first * np.array([3.0, *[1.0] * 11]) / 14
        np.testing.assert_allclose(shown[:12] / 300, wanted, atol=0.12)
        np.testing.assert_allclose(shown[12:17] / 300, shown[12:17].mean() / 300, atol=0.12)


def test_weights_that_cannot_be_are_one_line_with_the_file(data: TrainingData, tmp_path: Path) -> None:
    table = tmp_path / "weights.csv"
    for text, message in (
        ("id,score\nr0,1\n", "expected a table with the columns 'id' and 'weight', got id, score"),
        ("id,weight\nr0,0\n", "line 2: expected a weight above 0, got 0"),
        ("id,weight\nr0,much\n", "line 2, column 'weight': expected a number, got 'much'"),
        ("id,weight\nr0,1\nr0,2\n", "line 3: the recording r0 stands there twice"),
        ("id,weight\nother,1\n", r"got ids of others \(first: other\)"),
    ):
        table.write_text(text)
        with pytest.raises(InputError, match=message) as caught:
            SAMPLERS.get("weighted")(table=str(table)).plan(data, seed=0, epoch=0)
        assert str(table) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="gone"):
        SAMPLERS.get("weighted")(table=str(tmp_path / "gone.csv")).plan(data, seed=0, epoch=0)
    with pytest.raises(ConfigError, match=r"table: expected a table .* avianvox explain judge"):
        SAMPLERS.get("weighted")()
    with pytest.raises(ConfigError, match=r"classes: expected one of .*, got 'balancd'; did you mean 'balan"):
        SAMPLERS.get("weighted")(table="w.csv", classes="balancd")
