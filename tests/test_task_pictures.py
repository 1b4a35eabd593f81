"""The report's sections of tasks: right figures of classes, and pictures of each kind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avianvox.evaluation.bootstrap import Interval
from avianvox.evaluation.task_figures import Judged, judged, shown
from avianvox.pages.blocks import Counter, Table
from avianvox.report.task_pictures import PICTURES, task_blocks
from avianvox.report.tasks import _section, _values
from avianvox.tasks import TASK_KINDS
from avianvox.tasks.multi import Multi
from avianvox.tasks.ordinal import Ordinal
from avianvox.tasks.regression import Regression
from avianvox.tasks.single import Single
from avianvox.types import Recording


def recordings(column: str, values: list[str]) -> list[Recording]:
    return [
        Recording(f"r{i}", Path(f"r{i}.wav"), date=f"2020-01-{i + 1:02d}", more=((column, value),))
        for i, value in enumerate(values)
    ]


SEX = judged(
    Single("who", classes=("a", "b", "c")),
    recordings("who", ["a", "a", "b", "", "b", "c"]),
    np.array(
        [[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.1, 0.8, 0.1], [1, 0, 0], [0.2, 0.6, 0.2], [0.4, 0.3, 0.3]]
    ),
)
COUNT = judged(
    Ordinal("many", classes=("1", "2", "3+")),
    recordings("many", ["1", "2", "3", "1"]),
    np.array([[0.1, 0.1], [0.9, 0.8], [0.9, 0.9], [0.8, 0.9]]),
)
TYPES = Judged(
    Multi("types", classes=("song", "call")),
    np.array([[1, 0], [1, 1], [0, 1], [0, 1.0]]),
    np.array([[0.9, 0.6], [0.6, 0.7], [0.2, 0.4], [0.7, 0.9]]),
    np.arange(4).astype(str),
)


HZ = judged(
    Regression("peak_hz", unit="Hz"), recordings("peak_hz", ["1000", "3000"]), np.array([[1500.0], [2900.0]])
)


def test_figures_have_units_and_values_stand_in_the_order_of_bins() -> None:
    figures = _section([("session", HZ)], {"cnn_v17": HZ}).blocks[1]
    assert isinstance(figures, Table)
    assert [row[1] for row in figures.rows] == ["mean absolute error (Hz)", "mean squared error (Hz²)"]
    assert str(figures.rows[0][2]).startswith("300 [")
    assert str(figures.rows[1][2]).startswith("130,000 [")
    assert [row[0] for row in _values(COUNT, "session").rows] == ["1", "2", "3+"]
    nan = float("nan")
    assert shown(Interval(nan, nan, nan)) == "nan"
    assert shown(Interval(0.5, 0.25, 0.75)) == "0.500 [0.25, 0.75]"


def drawn(**by_model: Judged) -> dict[str, Any]:
    """The figures of classes; all blocks can be written."""
    blocks, classes = task_blocks(by_model, "session")
    counter = Counter()
    for block in blocks:
        assert "<svg" in (html := block.html(counter)) or "<table" in html
        block.markdown(counter)
    return classes


def pooled(one: Judged) -> dict[str, float]:
    return {name: found.value for name, found in one.figures().items()}


def test_classes_of_many_have_their_area_recall_and_precision() -> None:
    classes = drawn(one=SEX, two=SEX)["two"]
    assert classes["a"] == pytest.approx({"recordings": 2, "auc": 5 / 6, "recall": 0.5, "precision": 0.5})
    assert classes["b"] == pytest.approx({"recordings": 2, "auc": 1.0, "recall": 1.0, "precision": 2 / 3})
    assert classes["c"]["recall"] == 0.0
    assert np.isnan(classes["c"]["precision"])
    assert len(SEX.targets) == 5  # one is not known
    assert pooled(SEX)["accuracy"] == pytest.approx(0.6)


def test_attributes_are_judged_at_half_and_pooled() -> None:
    found = drawn(one=TYPES)["one"]
    song, call = found["song"], found["call"]
    assert song == pytest.approx(
        {"recordings": 2, "auc": 0.75, "accuracy": 0.75, "recall": 1, "precision": 2 / 3}
    )
    assert call == pytest.approx(
        {"recordings": 3, "auc": 2 / 3, "accuracy": 0.5, "recall": 2 / 3, "precision": 2 / 3}
    )
    assert pooled(TYPES)["accuracy"] == pytest.approx(5 / 8)
    assert pooled(TYPES)["precision"] == pytest.approx(4 / 6)
    assert pooled(TYPES)["recall"] == pytest.approx(4 / 5)


def test_bins_are_exact_or_within_one() -> None:
    assert drawn(one=COUNT) == {}
    assert pooled(COUNT)["exact"] == pytest.approx(0.5)
    assert pooled(COUNT)["within_one"] == pytest.approx(0.75)


def test_numbers_are_drawn_against_each_other() -> None:
    real = np.array([[1000.0], [2000.0], [4000.0]])
    one = Judged(Regression("peak", unit="Hz"), real, real + 100, np.arange(3).astype(str))
    blocks, _ = task_blocks({"one": one}, "session")
    assert blocks[-1].html(Counter()).count("<circle") == 3
    assert pooled(one)["mean_absolute_error"] == pytest.approx(100)


def test_each_kind_has_pictures_or_none_is_wanted() -> None:
    assert set(TASK_KINDS) <= set(PICTURES)
