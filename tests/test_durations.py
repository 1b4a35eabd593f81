"""Accuracy of species against their minutes."""

import math
from pathlib import Path

import numpy as np
import pytest

from avianvox.audit.durations import class_minutes, draw_durations, duration_correlation
from avianvox.errors import InputError
from avianvox.types import LabelSet, Recording

NAMES = tuple(f"species {i}" for i in range(12))


def test_it_agrees_with_scipy(rng: np.random.Generator) -> None:
    stats = pytest.importorskip("scipy.stats")
    minutes = rng.integers(3, 9, size=12).astype(float)  # with ties
    accuracy = np.round(rng.random(12) - 0.05 * minutes, 1)
    found = duration_correlation(NAMES, minutes, accuracy)
    line = stats.linregress(minutes, accuracy)
    assert found.pearson == pytest.approx(line.rvalue)
    assert found.slope == pytest.approx(line.slope)
    assert found.intercept == pytest.approx(line.intercept)
    assert found.spearman == pytest.approx(stats.spearmanr(minutes, accuracy).statistic)
    assert found.pearson_p == pytest.approx(line.pvalue, abs=0.05)


def test_a_perfect_line_is_rare_among_permutations_and_none_is_common(rng: np.random.Generator) -> None:
    minutes = np.arange(12.0)
    falling = duration_correlation(NAMES, minutes, 1 - minutes / 12)
    assert falling.pearson == pytest.approx(-1)
    assert falling.spearman == pytest.approx(-1)
    assert falling.pearson_p == falling.spearman_p == pytest.approx(1 / 10_001)
    values = [
        duration_correlation(NAMES, minutes, rng.random(12), n_permutations=200).pearson_p for _ in range(200)
    ]
    assert 0.02 < np.mean(np.array(values) < 0.1) < 0.18


def test_what_is_undefined_is_none() -> None:
    accuracy = np.array([0.5, math.nan, 0.7, 0.1])
    found = duration_correlation(NAMES[:4], np.array([1.0, 2.0, math.nan, 4.0]), accuracy)
    assert found.labels == ("species 0", "species 3")
    assert found.to_mapping()["pearson"] is None
    assert found.to_mapping()["classes"]["species 3"] == {"minutes": 4.0, "accuracy": 0.1}
    assert "undefined" in str(found)
    assert math.isnan(duration_correlation(NAMES, np.arange(12.0), np.ones(12)).slope)
    with pytest.raises(InputError, match="as many"):
        duration_correlation(NAMES, np.ones(3), np.ones(12))


def test_minutes_of_classes() -> None:
    labels = LabelSet(("A", "B", "C"))
    lengths = [("A", 30.0), ("A", 60.0), ("B", None), ("B", 10.0), ("elsewhere", 5.0)]
    rows = [Recording(str(i), Path("x"), label, duration_s=s) for i, (label, s) in enumerate(lengths)]
    np.testing.assert_array_equal(class_minutes(rows, labels), [1.5, math.nan, 0.0])


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_picture_has_the_same_bytes_again(tmp_path: Path, suffix: str, rng: np.random.Generator) -> None:
    found = duration_correlation(NAMES, rng.random(12), rng.random(12))
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        draw_durations(path, found, title="model, session folds")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    if suffix == "svg":
        assert "species 11" in paths[0].read_text()


def test_a_cross_validation_draws_every_model_and_grouping(tiny_crossval: Path) -> None:
    names = {path.name for path in (tiny_crossval / "durations").iterdir()}
    expected = {f"gnb_{kind}-{folds}.png" for kind in ("pixels", "mfcc") for folds in ("random", "session")}
    assert names == expected
