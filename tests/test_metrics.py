"""Figures of merit against scikit-learn, and their stated answers where scikit-learn only warns."""

import math

import numpy as np
import pytest

from avianvox.errors import InputError
from avianvox.evaluation import metrics

N_CLASSES = 6


def drawn(rng: np.random.Generator, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Targets without class 4, scores in which class 5 never wins; both stay in the label set."""
    targets = rng.choice([0, 1, 2, 3, 5], size=n)
    scores = rng.random((n, N_CLASSES))
    scores[:, 5] = 0.0
    scores[np.arange(n), targets] += 0.3 * (targets != 5)
    return targets, scores


def test_single_numbers_agree_with_scikit_learn(rng: np.random.Generator) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    targets, scores = drawn(rng)
    predicted = scores.argmax(axis=1)
    assert set(targets) == {0, 1, 2, 3, 5}
    assert set(predicted) == {0, 1, 2, 3, 4}
    actual = metrics.evaluate(targets, scores)
    present = sorted(set(targets))
    expected = {
        "accuracy": sk.accuracy_score(targets, predicted),
        "top5": sk.top_k_accuracy_score(targets, scores, k=5, labels=range(N_CLASSES)),
        "balanced_accuracy": sk.recall_score(targets, predicted, labels=present, average="macro"),
        "macro_f1": sk.f1_score(targets, predicted, average="macro", zero_division=0.0),
        "top3": sk.top_k_accuracy_score(targets, scores, k=3, labels=range(N_CLASSES)),
        "mean_average_precision": np.mean(
            [sk.average_precision_score(targets == c, scores[:, c]) for c in present]
        ),
        "mean_roc_auc": np.mean([sk.roc_auc_score(targets == c, scores[:, c]) for c in present]),
    }
    assert actual == pytest.approx(expected)
    assert tuple(actual) == metrics.FIGURES
    assert np.isnan(metrics.class_average_precision(targets, scores)).tolist() == [False] * 4 + [True, False]
    assert np.isnan(metrics.class_roc_auc(targets, scores)).tolist() == [False] * 4 + [True, False]


def test_numbers_per_class_agree_with_scikit_learn(rng: np.random.Generator) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    targets, scores = drawn(rng)
    predicted = metrics.best_class(scores)
    confusion = metrics.confusion_matrix(targets, predicted, n_classes=N_CLASSES)
    np.testing.assert_array_equal(confusion, sk.confusion_matrix(targets, predicted, labels=range(N_CLASSES)))
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        targets, predicted, labels=range(N_CLASSES), zero_division=np.nan
    )
    np.testing.assert_allclose(metrics.class_precision(confusion), precision)
    np.testing.assert_allclose(metrics.class_recall(confusion), recall)
    np.testing.assert_allclose(metrics.class_f1(confusion), f1)
    np.testing.assert_array_equal(metrics.class_support(confusion), support)
    one_against_rest = [np.mean((targets == c) == (predicted == c)) for c in range(N_CLASSES)]
    np.testing.assert_allclose(metrics.class_accuracy(confusion), one_against_rest)


@pytest.mark.parametrize("k", [1, 2, 5, 6, 9])
def test_top_k_agrees_with_scikit_learn(k: int, rng: np.random.Generator) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    targets, scores = rng.integers(N_CLASSES, size=50), rng.random((50, N_CLASSES))
    expected = 1.0 if k >= N_CLASSES else sk.top_k_accuracy_score(targets, scores, k=k, labels=range(6))
    assert metrics.top_k_accuracy(targets, scores, k=k) == pytest.approx(expected)


def test_ties_count_by_their_expected_value() -> None:
    scores = np.array([[0.5, 0.5, 0.5], [0.2, 0.2, 0.6]])
    first, second = np.array([0, 0]), np.array([1, 2])
    for k, hits in ((1, [1 / 3, 0.0]), (2, [2 / 3, 0.5]), (3, [1.0, 1.0])):
        np.testing.assert_allclose(metrics.expected_hits(first, scores, k=k), hits)
    np.testing.assert_allclose(metrics.expected_hits(second, scores), [1 / 3, 1.0])
    assert metrics.best_class(scores).tolist() == [0, 2]


def test_figures_with_ties_are_the_mean_over_random_orders(rng: np.random.Generator) -> None:
    """All but macro F1 and the areas are linear in the answers, so their means are known from many draws."""
    targets = np.repeat(np.arange(4), 5)
    scores = rng.integers(3, size=(20, 4)).astype(float)
    expected = metrics.evaluate(targets, scores)
    drawn = [metrics.evaluate(targets, scores + 1e-6 * rng.random(scores.shape)) for _ in range(400)]
    for name in ("accuracy", "top3", "balanced_accuracy"):
        assert np.mean([d[name] for d in drawn]) == pytest.approx(expected[name], abs=0.015)


def test_a_rule_that_scores_all_classes_alike_has_the_figures_of_chance() -> None:
    targets = np.array([0, 0, 0, 1, 2, 3, 4])
    figures = metrics.evaluate(targets, np.ones((7, 5)))
    expected = {"accuracy": 0.2, "top3": 0.6, "top5": 1.0, "balanced_accuracy": 0.2, "mean_roc_auc": 0.5}
    assert {name: figures[name] for name in expected} == pytest.approx(expected)


def test_weights_count_rows_as_often(rng: np.random.Generator) -> None:
    targets, scores = drawn(rng, 30)
    scores = np.round(scores, 1)  # with ties
    weights = rng.integers(3, size=(30, 4))
    actual = metrics.evaluate_weighted(targets, scores, weights.astype(float))
    for column in range(4):
        rows = np.repeat(np.arange(30), weights[:, column])
        expected = metrics.evaluate(targets[rows], scores[rows])
        assert [*actual, *metrics.RANKING] == list(expected)
        for name, values in actual.items():
            assert values[column] == pytest.approx(expected[name], nan_ok=True)


def test_empty_input_is_nan_throughout() -> None:
    targets, scores = np.empty(0, np.int64), np.empty((0, 3))
    assert all(math.isnan(value) for value in metrics.evaluate(targets, scores).values())
    empty = metrics.confusion_matrix(targets, metrics.best_class(scores), n_classes=3)
    assert empty.tolist() == [[0, 0, 0]] * 3
    for per_class in (
        metrics.class_recall,
        metrics.class_precision,
        metrics.class_f1,
        metrics.class_accuracy,
    ):
        assert np.isnan(per_class(empty)).all()


def test_absent_classes_are_passed_over() -> None:
    """Class 1 is missed each time, class 2 is predicted and never there, class 3 is not in play."""
    confusion = metrics.confusion_matrix(np.array([0, 0, 1]), np.array([0, 2, 0]), n_classes=4)
    np.testing.assert_array_equal(metrics.class_recall(confusion), [0.5, 0.0, np.nan, np.nan])
    np.testing.assert_array_equal(metrics.class_precision(confusion), [0.5, np.nan, 0.0, np.nan])
    np.testing.assert_array_equal(metrics.class_f1(confusion), [0.5, 0.0, 0.0, np.nan])
    assert metrics.balanced_accuracy(confusion) == 0.25
    assert metrics.macro_f1(confusion) == pytest.approx(0.5 / 3)


@pytest.mark.parametrize(
    ("targets", "scores", "message"),
    [
        ([0, 1], [[1.0, 0.0]], "shape"),
        ([0], [1.0], "shape"),
        ([2], [[1.0, 0.0]], "from 0 to 1"),
        ([-1], [[1.0, 0.0]], "from 0 to 1"),
        ([0.0], [[1.0, 0.0]], "integer"),
        ([0, 1], [[1.0, 0.0], [np.nan, 1.0]], "row 1"),
    ],
)
def test_nonsense_is_refused(targets: list, scores: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        metrics.evaluate(np.array(targets), np.array(scores))


def test_other_refusals() -> None:
    with pytest.raises(InputError, match="equal shapes"):
        metrics.accuracy(np.array([0]), np.array([0, 1]))
    with pytest.raises(InputError, match="k of 1"):
        metrics.top_k_accuracy(np.array([0]), np.array([[1.0]]), k=0)
    with pytest.raises(InputError, match="weights of shape"):
        metrics.evaluate_weighted(np.array([0]), np.array([[1.0]]), np.ones(1))
    with pytest.raises(InputError, match="predictions from 0 to 1"):
        metrics.confusion_matrix(np.array([0]), np.array([2]), n_classes=2)
