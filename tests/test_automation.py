"""What may be left to the model, by hand and on drawn data whose confidence is honest."""

import numpy as np
import pytest

from avianvox.calibration.automation import automation_at, automation_curve, held_out_automation
from avianvox.errors import InputError

CORRECT = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
CONFIDENCE = np.array([0.2, 0.9, 0.5, 0.5, 0.7])
HOURS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])


def by_folds(
    correct: np.ndarray, confidence: np.ndarray, folds: np.ndarray
) -> list[tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    parts = [(folds != fold, folds == fold) for fold in np.unique(folds)]
    return [((correct[a], confidence[a]), (correct[b], confidence[b])) for a, b in parts]


def test_a_curve_by_hand() -> None:
    """Items of equal confidence come together: 0.5 automates one right and one wrong answer."""
    curve = automation_curve(CORRECT, CONFIDENCE, durations_s=3600 * HOURS)
    assert curve.thresholds.tolist() == [0.9, 0.7, 0.5, 0.2]
    assert curve.n_items.tolist() == [1, 2, 4, 5]
    assert curve.shares.tolist() == [0.2, 0.4, 0.8, 1.0]
    assert curve.accuracies.tolist() == [1.0, 1.0, 0.75, 0.6]
    assert curve.hours.tolist() == [2.0, 7.0, 14.0, 15.0]


def test_the_largest_share_that_reaches_the_target() -> None:
    curve = automation_curve(CORRECT, CONFIDENCE, durations_s=3600 * HOURS)
    point = automation_at(curve, 0.9)
    assert (point.threshold, point.n_items, point.share, point.accuracy) == (0.7, 2, 0.4, 1.0)
    assert point.hours_saved() == 7.0
    assert point.hours_saved(listening_factor=1.5) == 10.5
    assert automation_at(curve, 0.6).share == 1.0
    late = automation_curve(np.array([0, 1, 1, 1]), np.array([0.9, 0.8, 0.7, 0.6]))
    assert automation_at(late, 0.75).share == 1.0  # wrong at the top, right enough in all


def test_too_little_is_not_enough_for_the_lower_bound() -> None:
    curve = automation_curve(CORRECT, CONFIDENCE, durations_s=3600 * HOURS)
    point = automation_at(curve, 0.9, conservative=True)
    assert (point.threshold, point.n_items, point.share, point.hours) == (np.inf, 0, 0.0, 0.0)
    assert np.isnan(point.accuracy)
    many = automation_curve(np.ones(40), np.full(40, 0.8))
    assert automation_at(many, 0.9, conservative=True).share == 1.0
    assert automation_at(many, 0.9, conservative=True).accuracy_low == pytest.approx(0.9367, abs=1e-4)


def test_a_threshold_holds_on_other_items_when_confidence_is_honest(rng: np.random.Generator) -> None:
    confidence = rng.random(3000)
    correct = (rng.random(3000) < confidence).astype(float)
    share, accuracy = held_out_automation(by_folds(correct, confidence, np.arange(3000) % 3), 0.9)
    assert accuracy == pytest.approx(0.9, abs=0.03)
    assert share == pytest.approx(0.2, abs=0.05)


def test_a_fold_has_no_say_in_its_own_threshold() -> None:
    """Fold 0 is right from 0.8 on, which lets a wrong answer of fold 1 pass; fold 1 itself allows none."""
    correct, confidence = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.9, 0.8, 0.95, 0.7])
    assert held_out_automation(by_folds(correct, confidence, np.array([0, 0, 1, 1])), 0.9) == (0.25, 0.0)


def test_an_item_at_the_threshold_is_automated() -> None:
    """Both folds choose 0.8: what lies exactly there counts, as it does where the threshold is chosen."""
    correct, confidence = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.8, 0.8, 0.5, 0.5])
    assert held_out_automation(by_folds(correct, confidence, np.array([0, 1, 0, 1])), 0.9) == (0.5, 1.0)


def test_luck_at_the_top_does_not_hold_on_other_items(rng: np.random.Generator) -> None:
    """Coins, of which the five most confident happen to show heads."""
    confidence, correct = np.linspace(1, 0, 90), (rng.random(90) < 0.5).astype(float)
    correct[:5] = 1.0
    assert automation_at(automation_curve(correct, confidence), 0.9).n_items >= 5
    folds = by_folds(correct, confidence, np.arange(90) // 5 % 3)
    share, accuracy = held_out_automation(folds, 0.9, conservative=True)
    assert share == 0.0
    assert np.isnan(accuracy)


def test_edges() -> None:
    empty = automation_curve(np.empty(0), np.empty(0))
    assert len(empty.thresholds) == 0
    assert automation_at(empty, 0.5).n_items == 0
    assert np.isnan(automation_curve(np.ones(2), np.ones(2)).hours).all()
    some = automation_curve(np.ones(2), np.array([0.9, 0.8]), durations_s=np.array([np.nan, 3600.0]))
    assert some.hours.tolist() == [0.0, 1.0]
    none = automation_curve(np.ones(2), np.array([0.9, 0.8]), durations_s=np.full(2, np.nan))
    assert np.isnan(none.hours).all()  # an unknown length is not 0.00 hours
    with pytest.raises(InputError, match="shape"):
        automation_curve(np.ones(2), np.ones(3))
    with pytest.raises(InputError, match="from 0 to 1"):
        automation_at(empty, 96.6)
