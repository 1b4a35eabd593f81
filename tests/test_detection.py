"""Both questions by hand and against scikit-learn."""

import numpy as np
import pytest

from avianvox.errors import InputError
from avianvox.evaluation.detection import THRESHOLDS, Metric, best_threshold, detection_table
from avianvox.types import NO_BIRD, LabelSet

LABELS = LabelSet(("Parus ater", "Parus major", NO_BIRD))
WITHOUT = LabelSet(("Parus ater", "Parus major"))

TARGETS = np.array([0, 0, 0, 1, 2, 2])
SCORES = np.array(
    [
        [0.9, 0.1, 0.0],  # found and named
        [0.2, 0.7, 0.1],  # found under a wrong name
        [0.3, 0.3, 0.4],  # missed
        [0.2, 0.6, 0.2],  # found and named, up to 0.6
        [0.0, 0.8, 0.2],  # a false alarm
        [0.1, 0.1, 0.8],  # silence
    ]
)


def test_counts_by_hand() -> None:
    (row,) = detection_table(TARGETS, SCORES, LABELS, thresholds=[0.5])
    found, named = row.identification, row.classification
    assert (found.tp, found.fp, found.fn, found.tn) == (3, 1, 1, 1)
    assert (named.tp, named.fp, named.fn, named.tn) == (2, 2, 2, 1)
    assert (found.precision, found.recall, found.f1) == (0.75, 0.75, 0.75)
    assert (named.precision, named.recall, named.f1) == (0.5, 0.5, 0.5)
    assert (found.accuracy, found.accuracy_without_tn) == (4 / 6, 3 / 5)
    assert (named.accuracy, named.accuracy_without_tn) == (3 / 6, 2 / 5)


def test_a_score_at_the_threshold_fires() -> None:
    rows = detection_table(TARGETS, SCORES, LABELS)
    assert [row.threshold for row in rows] == list(THRESHOLDS)
    low, high = THRESHOLDS[:6], THRESHOLDS[5:]
    assert low == (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
    assert (high[2], high[-1], len(high)) == (0.6, 0.95, 10)
    assert [row.classification.tp for row in rows[5:]] == [2, 2, 2, 1, 1, 1, 1, 1, 1, 0]


def test_classification_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    """Micro averages over the birds, with an answer of "no bird" for whatever doesn't fire."""
    sk = pytest.importorskip("sklearn.metrics")
    targets, scores = rng.integers(3, size=200), rng.dirichlet(np.full(3, 0.3), size=200)
    for row in detection_table(targets, scores, LABELS):
        answers = np.where(scores[:, :2].max(axis=1) >= row.threshold, scores[:, :2].argmax(axis=1), 2)
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            targets, answers, labels=[0, 1], average="micro"
        )
        named, found = row.classification, row.identification
        assert (named.precision, named.recall, named.f1) == pytest.approx((precision, recall, f1))
        assert named.accuracy == pytest.approx(sk.accuracy_score(targets, answers))
        assert found.f1 == pytest.approx(sk.f1_score(targets != 2, answers != 2))
        assert found.accuracy_without_tn == pytest.approx(sk.jaccard_score(targets != 2, answers != 2))


def test_what_is_undefined_without_silent_items() -> None:
    birds = TARGETS != 2
    for labels, columns in ((LABELS, 3), (WITHOUT, 2)):
        row = detection_table(TARGETS[birds], SCORES[birds][:, :columns], labels, thresholds=[0.5])[0]
        found, named = row.identification, row.classification
        assert np.isnan([found.precision, found.f1, found.accuracy, named.accuracy]).all()
        assert (found.recall, named.precision, named.recall) == (0.75, 2 / 3, 0.5)
    with pytest.raises(InputError, match="choose another metric"):
        best_threshold([row], "f1", question="identification")


def test_the_best_threshold() -> None:
    rows = detection_table(TARGETS, SCORES, LABELS)
    assert best_threshold(rows, "recall").threshold == 0.05
    assert best_threshold(rows, "precision").threshold == 0.85
    assert best_threshold(rows, "f1", question="identification").threshold == 0.2


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_a_best_of_nothing_is_undefined(metric: Metric) -> None:
    """Both birds fire, under each other's name."""
    rows = detection_table(np.array([0, 1]), np.array([[0.1, 0.9], [0.9, 0.1]]), WITHOUT)
    assert getattr(rows[0].classification, metric) == 0
    with pytest.raises(InputError, match=f"classification: {metric} is 0 or undefined"):
        best_threshold(rows, metric)


def test_no_items_have_no_figures() -> None:
    row = detection_table(np.empty(0, np.int64), np.empty((0, 3)), LABELS)[0]
    assert np.isnan([row.identification.recall, row.classification.precision]).all()
