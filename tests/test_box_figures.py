"""Judging boxes: matching, average precision and its interval, thresholds, classes, trends."""

import numpy as np
import pytest
from scipy.stats import linregress, spearmanr

from avianvox.boxes.figures import (
    against_iou,
    best_ious,
    class_rows,
    confirm,
    iou_trend,
    threshold_rows,
    trend,
    with_boxes,
)
from avianvox.boxes.matching import Sound, match
from avianvox.boxes.overlap import as_array, iou
from avianvox.boxes.precision import IOUS, average_precision, paired_difference, precision_interval
from avianvox.errors import InputError
from avianvox.types import Box


def box(at: float, label: str = "a", score: float | None = None, width: float = 1.0) -> Box:
    return Box(at, at + width, 1000.0, 2000.0, label, score)


def drawn_sounds(seed: int, n: int = 12) -> list[Sound]:
    """Recordings with boxes of two labels, of which a detector finds some, more or less well, and others."""
    rng, sounds = np.random.default_rng(seed), []
    for i in range(n):
        drawn = tuple(box(10.0 * k, "ab"[rng.integers(2)], width=4.0) for k in range(rng.integers(0, 4)))
        found = [
            Box(
                b.begin_s + rng.uniform(0, 2),
                b.end_s,
                1000,
                2000,
                "ab"[rng.integers(2)],
                rng.integers(1, 9) / 10,
            )
            for b in drawn
            if rng.uniform() < 0.8
        ]
        found += [box(10.0 * k + 5, "a", rng.uniform(0, 0.9)) for k in range(rng.integers(0, 3))]
        sounds.append(Sound(f"{i}", f"session {i // 2}", drawn, tuple(found)))
    return sounds


def slow_ap(sounds: list[Sound], least_iou: float) -> float:
    """Average precision by its definition, step by step."""
    n_drawn = sum(len(sound.drawn) for sound in sounds)
    rights: list[tuple[float, bool]] = []
    for sound in sounds:
        free = list(sound.drawn)
        for one in sorted(sound.found, key=lambda b: -(b.score or 0)):
            best, most = None, least_iou
            for other in free:
                agree = float(iou(as_array([one]), as_array([other]))[0, 0])
                if agree >= most:
                    best, most = other, agree
            if best is not None:
                free.remove(best)
            rights.append((one.score or 0, best is not None))
    points = []
    for threshold in sorted({score for score, _ in rights}, reverse=True):
        kept = [right for score, right in rights if score >= threshold]
        points.append((sum(kept) / n_drawn, sum(kept) / len(kept)))
    total, before = 0.0, 0.0
    for recall, _ in points:
        total += (recall - before) * max(p for r, p in points if r >= recall)
        before = recall
    return total


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_the_slow_reference(seed: int) -> None:
    sounds = drawn_sounds(seed)
    for least_iou in (0.3, 0.5, 0.75):
        (found,) = average_precision(match(sounds, least_iou))
        assert found == pytest.approx(slow_ap(sounds, least_iou))
        assert 0 < found < 1


def test_average_precision_of_known_answers() -> None:
    def of(found: list[Box]) -> float:
        sounds = [Sound("x", "s", (box(0), box(10)), tuple(found))]
        return float(average_precision(match(sounds, 0.5))[0])

    assert of([box(0, score=0.9), box(10, score=0.8)]) == 1.0
    assert of([box(0, score=0.9)]) == 0.5
    assert of([box(0, score=0.9), box(5, score=0.8), box(10, score=0.7)]) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert of([box(0, score=0.9), box(0, score=0.8)]) == 0.5  # a second box of one call is wrong
    assert of([box(5, score=0.9), box(0, score=0.9)]) == 0.25  # equal scores come in together
    assert of([]) == 0.0
    assert np.isnan(average_precision(match([Sound("x", "s", (), (box(0, score=1.0),))], 0.5))[0])
    assert np.isnan(average_precision(match([], 0.5))[0])


def test_a_found_box_chooses_what_it_agrees_with_most_and_needs_a_score() -> None:
    sounds = [
        Sound(
            "x",
            "s",
            (box(0, width=2), box(0.5, width=2)),
            (box(0.5, score=0.9, width=2), box(0, score=0.5, width=2)),
        )
    ]
    assert match(sounds, 0.5).right.tolist() == [True, True]
    with pytest.raises(InputError, match="x: a found box needs a score to be judged, and 3 s has none"):
        match([Sound("x", "s", (), (box(3),))], 0.5)
    with pytest.raises(InputError, match="x: a found box needs a score"):
        match([Sound("x", "s", (), (box(3, score=float("nan")),))], 0.5)
    with pytest.raises(InputError, match="expected an IoU above 0 and up to 1, got 0"):
        match(sounds, 0.0)


def test_weights_of_recordings_are_copies_of_them() -> None:
    sounds = drawn_sounds(3, n=4)
    weights = np.array([[1.0, 2.0], [1.0, 0.0], [1.0, 1.0], [1.0, 3.0]])
    copies = [sounds[0], sounds[0], sounds[2], sounds[3], sounds[3], sounds[3]]
    whole, drawn = average_precision(match(sounds, 0.5), weights)
    assert whole == pytest.approx(average_precision(match(sounds, 0.5))[0])
    assert drawn == pytest.approx(average_precision(match(copies, 0.5))[0])


def test_the_interval_holds_the_figure_and_a_source_differs_from_itself_by_nothing() -> None:
    sounds = drawn_sounds(1, n=30)
    found = precision_interval(sounds, IOUS, n_resamples=200)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(np.mean([slow_ap(sounds, least) for least in IOUS]))
    same = paired_difference(sounds, sounds, n_resamples=200)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    none = [Sound(s.name, s.session, s.drawn, ()) for s in sounds]
    gain = paired_difference(sounds, none, n_resamples=200)
    assert gain.value == precision_interval(sounds, n_resamples=200).value
    assert gain.low > 0


def test_named_is_the_mean_over_the_drawn_labels() -> None:
    sounds = [
        Sound("x", "s", (box(0, "a"), box(10, "b")), (box(0, "a", 0.9), box(10, "a", 0.8), box(10, "c", 0.9)))
    ]
    assert precision_interval(sounds, named=True).value == pytest.approx((1.0 + 0.0) / 2)
    assert np.isnan(precision_interval([Sound("x", "s", (), ())], named=True).value)


SOUNDS = [
    Sound("1", "s", (box(0, "a"), box(10, "b")), (box(0, "a", 0.95), box(10, "a", 0.7), box(20, "a", 0.6))),
    Sound("2", "t", (), (box(5, "b", 0.55),)),
    Sound("3", "t", (), ()),
]


def test_found_and_named_over_thresholds_with_and_without_true_negatives() -> None:
    rows = {row.threshold: row for row in threshold_rows(SOUNDS)}
    assert list(rows) == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    low, high = rows[0.5], rows[0.9]
    found, named = low.identification, low.classification
    assert (found.tp, found.fp, found.fn, found.tn) == (2, 2, 0, 1)
    assert (named.tp, named.fp, named.fn, named.tn) == (1, 3, 1, 1)
    assert (high.identification.tp, high.identification.fp, high.identification.tn) == (1, 0, 2)
    assert found.accuracy == pytest.approx(3 / 5)
    assert found.accuracy_without_tn == pytest.approx(2 / 4)
    (alone,) = threshold_rows(with_boxes(SOUNDS), thresholds=[0.5])
    assert (alone.identification.fp, alone.identification.tn) == (1, 0)


def test_a_threshold_is_fixed_on_one_set_and_unchanged_on_another() -> None:
    rows = threshold_rows(SOUNDS)
    found = confirm(rows, [SOUNDS[0]], metric="f1")
    assert found.threshold == 0.65  # two right and none wrong from there on
    assert (found.chosen.tp, found.chosen.fp) == (2, 0)
    assert (found.confirmed.tp, found.confirmed.fp, found.confirmed.tn) == (2, 0, 0)
    with pytest.raises(InputError, match="f1 is 0 or undefined at every threshold"):
        confirm(threshold_rows([SOUNDS[2]]), SOUNDS)


def test_counts_by_class_and_precision_against_iou() -> None:
    rows = class_rows(SOUNDS)
    assert [(r.label, r.n_drawn, r.tp, r.fp, r.fn) for r in rows] == [("a", 1, 1, 2, 0), ("b", 1, 0, 1, 1)]
    assert [r.mean_iou for r in rows] == [1.0, 1.0]
    assert best_ious(SOUNDS, label="b", any_name=False).tolist() == [0.0]
    shifted = [Sound("1", "s", (box(0),), (box(0.2, score=0.9),))]  # IoU 2/3
    assert [(p, r) for least, p, r in against_iou(shifted) if least in (0.65, 0.7)] == [(1, 1), (0, 0)]


def test_trends_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(1, 9, 20).astype(float), rng.uniform(size=20)
    found, line = trend(x, y), linregress(x, y)
    assert found.slope == pytest.approx(line.slope)
    assert found.intercept == pytest.approx(line.intercept)
    assert found.r2 == pytest.approx(line.rvalue**2)
    assert found.rank_correlation == pytest.approx(spearmanr(x, y).statistic)
    assert np.isnan(trend([1, 2], [1, 2]).r2)
    assert np.isnan(iou_trend(SOUNDS, {"a": 5, "b": 9}).r2)
