"""Curves and areas against scikit-learn, with ties, and their stated answers at the edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avianvox.errors import InputError
from avianvox.evaluation import curves

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40).filter(
    lambda rows: len({there for there, _ in rows}) == 2
)
"""Rows of both kinds, with many ties."""


def arrays(rows: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([there for there, _ in rows]), np.array([score / 5 for _, score in rows])


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_curves_and_areas_agree_with_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    positive, scores = arrays(rows)
    roc = curves.roc_curve(positive, scores)
    for actual, expected in zip(
        (roc.x, roc.y, roc.thresholds), sk.roc_curve(positive, scores, drop_intermediate=False), strict=True
    ):
        np.testing.assert_allclose(actual, expected)
    pr = curves.precision_recall_curve(positive, scores)
    precision, recall, thresholds = (
        values[::-1] for values in sk.precision_recall_curve(positive, scores, drop_intermediate=False)
    )
    np.testing.assert_allclose(pr.y, precision)
    np.testing.assert_allclose(pr.x, recall)
    np.testing.assert_allclose(pr.thresholds, [np.inf, *thresholds])
    assert curves.average_precision(positive, scores) == pytest.approx(
        sk.average_precision_score(positive, scores)
    )
    assert curves.roc_auc(positive, scores) == pytest.approx(sk.roc_auc_score(positive, scores))


def test_a_curve_by_hand() -> None:
    curve = curves.precision_recall_curve(np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.8, 0.1]))
    assert curve.x.tolist() == [0.0, 0.5, 1.0, 1.0]
    assert curve.y.tolist() == [1.0, 1.0, 2 / 3, 0.5]
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.1]


@pytest.mark.parametrize(
    ("positive", "precision_known", "auc_known"),
    [([], False, False), ([False], False, False), ([True], True, False), ([True, True], True, False)],
)
def test_what_cannot_be_known_is_nan(positive: list[bool], precision_known: bool, auc_known: bool) -> None:
    there, scores = np.array(positive, bool), np.linspace(0, 1, len(positive))
    assert np.isnan(curves.average_precision(there, scores)) != precision_known
    assert np.isnan(curves.roc_auc(there, scores)) != auc_known
    pr, roc = curves.precision_recall_curve(there, scores), curves.roc_curve(there, scores)
    assert np.isnan(pr.x).all() != precision_known
    assert np.isnan(pr.y).all() != precision_known
    assert np.isnan(roc.x + roc.y).all()  # of one side alone the other share is not known


def test_a_score_that_is_no_number_is_refused() -> None:
    for area in (curves.roc_auc, curves.average_precision, curves.roc_curve):
        with pytest.raises(InputError, match="got NaN in row 1"):
            area(np.array([True, False]), np.array([0.5, np.nan]))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="shape"):
        curves.roc_auc(np.array([True]), np.array([0.1, 0.2]))
