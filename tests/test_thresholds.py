"""Thresholds and prediction sets, by hand."""

import numpy as np
import pytest

from avianvox.calibration.conformal import covered, random_halves, set_limit, set_sizes
from avianvox.calibration.thresholds import LEAST_SESSIONS, OF_LEVEL, decide, find_thresholds, shrunk
from avianvox.errors import InputError
from avianvox.inference.calibration import nonconformity


def rows(*answers: tuple[int, float, int, str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of three classes, targets and sessions from (answer, score, target, session)."""
    scores = np.full((len(answers), 3), 0.0)
    for i, (answer, score, _, _) in enumerate(answers):
        scores[i] = (1 - score) / 2
        scores[i, answer] = score
    return scores, np.array([a[2] for a in answers]), np.array([a[3] for a in answers])


def test_a_threshold_is_the_least_that_surely_reaches_the_precision() -> None:
    right = [(0, 0.99 - i / 100, 0, f"s{i}") for i in range(20)]  # 20 sessions, all right, 0.99 to 0.80
    wrong = [(0, 0.70, 1, "t0"), (0, 0.60, 1, "t1"), (0, 0.60, 0, "t2")]
    others = [(1, 0.9, 0, f"u{i}") for i in range(LEAST_SESSIONS)] + [(2, 0.95, 2, "v")] * 10
    found = find_thresholds(*rows(*right, *wrong, *others), precision=0.86)
    first, second, third = found.classes
    assert (first.score, first.named, first.right, first.sessions) == (pytest.approx(0.7), 21, 20, 21)
    assert (first.source, first.sure, first.targets) == ("own", True, 26)
    assert first.precision == pytest.approx(20 / 21)
    assert 0.86 <= first.precision_low < first.precision
    assert (second.score, second.source, second.sure) == (np.inf, "none", True)  # always wrong
    assert third.sessions == 1  # ten recordings of one session tell as much as one
    assert (third.score, third.sure) == (found.pooled.score, False)
    assert find_thresholds(*rows(*right, *wrong, *others), precision=0.99).classes[0].sure is False


def test_a_class_does_not_borrow_a_threshold_that_its_own_predictions_speak_against() -> None:
    # Too few sessions to be sure. The first is right in 5 of 5, and then wrong; the second in 5 of 5.
    others = [(2, 0.9 - i / 1000, 2, f"u{i}") for i in range(300)]
    others += [(2, 0.5, 1, f"x{i}") for i in range(200)]
    first = [(0, 0.95, 0, f"s{i}") for i in range(5)] + [(0, 0.7, 1, f"t{i}") for i in range(20)]
    second = [(1, 0.8, 1, f"v{i}") for i in range(5)]
    found = find_thresholds(*rows(*others, *first, *second), precision=0.9)
    assert 0.5 < found.pooled.score < 0.7
    high, borrowed, own = found.classes
    assert (high.score, high.source, high.sure) == (pytest.approx(0.95), "own", False)
    assert (high.named, high.right) == (5, 5)
    assert (borrowed.score, borrowed.source, borrowed.sure) == (found.pooled.score, "pooled", False)
    assert (own.source, own.sure) == ("own", True)


def test_a_threshold_is_drawn_to_that_of_all_classes_by_its_sessions() -> None:
    assert shrunk(0.2, 20, 0.6) == pytest.approx(0.4)
    assert shrunk(0.2, 60, 0.6) == pytest.approx(0.3)
    assert shrunk(0.2, 0, 0.6) == 0.6
    assert shrunk(np.inf, 30, 0.6) == 0.6  # no score of its own suffices
    assert shrunk(0.2, 30, np.inf) == 0.2  # none of all classes together
    assert np.isinf(shrunk(np.inf, 30, np.inf))
    right = [(0, 0.99 - i / 100, 0, f"s{i}") for i in range(20)]
    others = [(2, 0.9 - i / 1000, 2, f"u{i}") for i in range(300)] + [
        (2, 0.58, 1, f"x{i}") for i in range(200)
    ]
    never = [(1, 0.9, 0, f"w{i}") for i in range(10)]
    data = rows(*right, *others, *never)
    own = find_thresholds(*data, precision=0.9)
    found = find_thresholds(*data, precision=0.9, rule=OF_LEVEL["window"])
    assert [t.score for t in own.classes] == pytest.approx([0.8, np.inf, 0.601])
    middle = (0.8 + found.pooled.score) / 2  # twenty sessions
    assert [t.score for t in found.classes[:2]] == pytest.approx([middle, found.pooled.score])
    assert [(t.source, t.sure) for t in found.classes[:2]] == [("own", True), ("pooled", True)]
    assert OF_LEVEL["recording"](0.2, 20, 0.6) == 0.2


def test_a_class_with_too_few_sessions_is_never_named_below_the_threshold_of_all() -> None:
    """Its own predictions are right further down, but are too few to be sure of it."""
    others = [(2, 0.9 - i / 1000, 2, f"u{i}") for i in range(100)]
    others += [(2, 0.7, 1, f"x{i}") for i in range(100)]
    few = [(0, 0.95, 1, "s0")] + [(0, 0.6 - i / 100, 0, f"s{i}") for i in range(6)]
    found = find_thresholds(*rows(*others, *few), precision=0.85)
    first = found.classes[0]
    assert 0.7 < found.pooled.score < 0.95
    assert (first.score, first.source, first.sure) == (found.pooled.score, "pooled", False)
    assert (first.named, first.right) == (1, 0)


def test_rows_of_one_score_are_named_together() -> None:
    answers = [(0, 0.8, 0, f"s{i}") for i in range(30)] + [(0, 0.8, 1, f"t{i}") for i in range(30)]
    assert find_thresholds(*rows(*answers), precision=0.9).classes[0].score == np.inf
    found = find_thresholds(*rows(*answers), precision=0.4).classes[0]
    assert (found.score, found.named) == (pytest.approx(0.8), 60)


def test_the_best_f1_weighs_finding_against_naming() -> None:
    answers = [(0, 0.9, 0, f"s{i}") for i in range(6)] + [(0, 0.8, 0, "s7"), (0, 0.7, 1, "s8")]
    answers += [(0, 0.5, 1, f"t{i}") for i in range(9)] + [(2, 0.6, 2, "v")] * 10
    found = find_thresholds(*rows(*answers), precision=None)
    first, *others = found.classes
    assert (first.score, first.f1) == (pytest.approx(0.8), 1.0)
    for other in others:  # the one is never the answer, the other in a single session
        assert (other.score, other.source, other.sure) == (found.pooled.score, "pooled", False)
    for wrong in (0, 1.1):
        with pytest.raises(InputError, match="above 0 and up to 1"):
            find_thresholds(*rows(*answers), precision=wrong)


def test_decisions_count_what_is_named_and_right() -> None:
    scores, targets, _ = rows((0, 0.9, 0, "a"), (0, 0.7, 0, "b"), (1, 0.9, 2, "c"), (2, 0.9, 2, "d"))
    found = decide(scores, targets, (0.8, 0.5, np.inf))
    assert (found.n, found.named, found.right) == (4, 2, 1)
    assert (found.share, found.precision) == (0.5, 0.5)


def test_a_set_reaches_to_the_right_quantile() -> None:
    scores, targets, _ = rows((0, 0.9, 0, "a"), (1, 0.8, 1, "b"), (2, 0.7, 0, "c"), (0, 0.6, 1, "d"))
    distances = nonconformity(scores)
    known = sorted([0.0, 0.0, 0.7 + 0.1, 0.6 + 0.1])
    assert set_limit(distances, targets, 0.8) == pytest.approx(known[3])  # the fourth of four: ceil(5 * 0.8)
    assert set_limit(distances, targets, 0.6) == pytest.approx(known[2])
    assert set_limit(distances, targets, 0.4) == 0
    everything = set_limit(distances, targets, 0.9)  # four rows cannot promise it
    assert set_sizes(distances, everything).tolist() == [3, 3, 3, 3]
    assert set_sizes(distances, 0.0).tolist() == [1, 1, 1, 1]
    assert covered(distances, targets, 0.0).tolist() == [True, True, False, False]
    with pytest.raises(InputError, match="above 0 and below 1"):
        set_limit(distances, targets, 1.0)
    assert np.isnan(random_halves(distances, targets, np.array(["a"] * 4), 0.9)).all()


def test_a_half_of_the_sessions_is_under_the_limit_of_the_other() -> None:
    """One session is always right, the other always wrong: its limit covers all, its rows nothing does."""
    scores, targets, sessions = rows(*[(0, 0.9, 0, "a")] * 20, *[(0, 0.9, 1, "b")] * 20)
    shares = random_halves(nonconformity(scores), targets, sessions, 0.8, n_halves=50)
    assert set(shares) == {0.0, 1.0}
