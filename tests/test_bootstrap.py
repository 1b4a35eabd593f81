"""Intervals and tests by sessions: known answers, and how often they are right on drawn data."""

import numpy as np
import pytest

from avianvox.errors import InputError
from avianvox.evaluation import metrics
from avianvox.evaluation.bootstrap import (
    figure_intervals,
    paired_test,
    session_interval,
    session_weights,
    wilson_lower,
)


def test_a_session_is_drawn_whole() -> None:
    sessions = np.array(["b", "a", "b", "c"])
    weights = session_weights(sessions, n_resamples=500)
    assert weights.shape == (4, 500)
    np.testing.assert_array_equal(weights[0], weights[2])
    np.testing.assert_array_equal(weights[[0, 1, 3]].sum(axis=0), np.full(500, 3))
    np.testing.assert_allclose(weights.mean(axis=1), 1.0, atol=0.15)
    np.testing.assert_array_equal(session_weights(sessions[::-1], n_resamples=500), weights[::-1])


def test_the_mean_of_single_rows_has_the_interval_of_theory(rng: np.random.Generator) -> None:
    values = (rng.random(400) < 0.3).astype(float)
    sessions = np.arange(400)
    interval = session_interval(values, sessions)
    expected = 1.96 * values.std() / 20
    assert interval.value == pytest.approx(values.mean())
    assert interval.high - interval.value == pytest.approx(expected, rel=0.1)
    assert interval.value - interval.low == pytest.approx(expected, rel=0.1)
    narrow = session_interval(values, sessions, level=0.5)
    assert interval.low < narrow.low < narrow.high < interval.high


def test_recordings_that_agree_within_a_session_widen_the_interval() -> None:
    values = np.repeat([1.0, 0.0], 50)
    alone = session_interval(values, np.arange(100))
    together = session_interval(values, np.arange(100) // 10)
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_a_function_of_weights_and_numbers_give_the_same_interval(rng: np.random.Generator) -> None:
    values, sessions = rng.random(30), rng.integers(8, size=30)
    expected = session_interval(values, sessions)
    assert session_interval(lambda w: values @ w / w.sum(axis=0), sessions) == expected


def test_figures_with_intervals(rng: np.random.Generator) -> None:
    targets, scores = rng.integers(5, size=60), rng.random((60, 5))
    sessions = rng.integers(20, size=60)
    intervals = figure_intervals(targets, scores, sessions)
    expected = metrics.evaluate(targets, scores)
    assert {k: v.value for k, v in intervals.items()} | {k: expected[k] for k in metrics.RANKING} == expected
    assert intervals["accuracy"] == session_interval(metrics.expected_hits(targets, scores), sessions)
    assert all(i.low < i.value < i.high for name, i in intervals.items() if name != "top5")


def test_a_figure_whose_resamples_lie_off_has_an_interval_around_it(rng: np.random.Generator) -> None:
    targets, sessions = np.repeat(np.arange(20), 5), np.arange(100)
    scores = rng.random((100, 20)) + 0.4 * np.eye(20)[targets]
    value = metrics.evaluate(targets, scores)["macro_f1"]
    drawn = metrics.evaluate_weighted(targets, scores, session_weights(sessions))["macro_f1"]
    interval = figure_intervals(targets, scores, sessions)["macro_f1"]
    assert interval.high - interval.low == pytest.approx(np.ptp(np.quantile(drawn, [0.025, 0.975])))
    assert (interval.low + interval.high) / 2 - value == pytest.approx(value - np.mean(drawn), abs=0.01)


def test_one_session_says_nothing_of_its_spread() -> None:
    interval = session_interval(np.array([1.0, 0.0]), np.array(["a", "a"]))
    assert interval.value == 0.5
    assert np.isnan([interval.low, interval.high]).all()
    assert np.isnan(session_interval(np.empty(0), np.empty(0)).value)


def test_paired_differences_have_a_sign_and_a_p_value() -> None:
    better, worse, sessions = np.ones(40), np.zeros(40), np.arange(40)
    test = paired_test(better, worse, sessions)
    assert (test.difference, test.low, test.high) == (1.0, 1.0, 1.0)
    assert test.p_value == 1 / 2001
    assert paired_test(worse, better, sessions).difference == -1.0
    assert paired_test(better, better, sessions).p_value == 1.0


def test_few_sessions_cannot_be_significant() -> None:
    """Three sessions have eight sign patterns, of which two are as far out as this one, however many rows."""
    test = paired_test(np.ones(300), np.zeros(300), np.arange(300) // 100, n_resamples=4000)
    assert test.p_value == pytest.approx(2 / 8, abs=0.03)


def test_p_values_are_honest_under_no_difference() -> None:
    """Two models of equal skill whose hits agree within sessions: p < 0.1 about once in ten."""
    rng = np.random.default_rng(1)
    sessions = np.arange(120) // 4
    small = 0
    for _ in range(200):
        a, b = (np.repeat(rng.random(30) < 0.4, 4).astype(float) for _ in range(2))
        small += paired_test(a, b, sessions, n_resamples=200).p_value < 0.1
    assert 8 <= small <= 34


def test_wilson_bound_by_hand() -> None:
    """R: ``prop.test(9, 10, correct = FALSE)`` gives 0.596 to 0.982 at 95 % on both sides."""
    assert wilson_lower(np.array(9), np.array(10), level=0.975) == pytest.approx(0.5958, abs=1e-4)
    np.testing.assert_allclose(wilson_lower(np.array([0, 0]), np.array([0, 10])), [0.0, 0.0], atol=1e-12)


def test_shapes_are_checked() -> None:
    with pytest.raises(InputError, match="one number a row"):
        session_interval(np.ones(3), np.arange(2))
