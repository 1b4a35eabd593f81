"""Boxes in time and frequency: overlap and suppression."""

import numpy as np
import pytest

from avianvox.boxes.overlap import as_array, iou, suppress, suppress_boxes, time_iou
from avianvox.errors import InputError
from avianvox.types import Box


def drawn(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    begin, low = rng.uniform(0, 10, n), rng.uniform(0, 5000, n)
    return np.stack([begin, begin + rng.uniform(0.1, 4, n), low, low + rng.uniform(100, 4000, n)], axis=1)


def plain_iou(a: np.ndarray, b: np.ndarray) -> float:
    """By the definition, one pair at a time."""
    wide = min(a[1], b[1]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[2], b[2])
    shared = wide * high if wide > 0 and high > 0 else 0.0
    return float(shared / ((a[1] - a[0]) * (a[3] - a[2]) + (b[1] - b[0]) * (b[3] - b[2]) - shared))


@pytest.mark.parametrize("edges", ["1 1 0 9", "2 1 0 9", "0 1 9 9", "0 1 9 3", "0 inf 0 9", "nan 1 0 9"])
def test_a_box_that_is_empty_inverted_or_endless_is_refused_in_one_line(edges: str) -> None:
    begin_s, end_s, low_hz, high_hz = map(float, edges.split())
    with pytest.raises(InputError, match=r"^box: expected an end after its begin .* got .* s and .* Hz$"):
        Box(begin_s, end_s, low_hz, high_hz)


def test_iou_is_that_of_the_definition_symmetric_and_free_of_units() -> None:
    a, b = drawn(40), drawn(30, seed=1)
    found = iou(a, b)
    assert found.shape == (40, 30)
    assert np.allclose(found, [[plain_iou(x, y) for y in b] for x in a])
    assert (found > 0).any()
    assert (found == 0).any()
    assert np.array_equal(found, iou(b, a).T)
    assert np.allclose(found, iou(a * [1, 1, 1e-3, 1e-3], b * [1, 1, 1e-3, 1e-3]))
    assert np.allclose(np.diag(iou(a, a)), 1.0)


def test_iou_of_times_ignores_frequency() -> None:
    a = as_array([Box(0, 2, 100, 200)])
    assert time_iou(a, as_array([Box(1, 3, 5000, 6000)])).tolist() == [[pytest.approx(1 / 3)]]


def test_no_boxes_are_arrays_too_and_other_shapes_are_refused() -> None:
    none = as_array([])
    assert none.shape == (0, 4)
    assert iou(none, drawn(3)).shape == (0, 3)
    assert iou(drawn(3), none).shape == (3, 0)
    assert suppress(none, np.zeros(0)).shape == (0,)
    assert suppress_boxes([]) == []
    with pytest.raises(InputError, match=r"shape \(n, 4\), got \(4,\)"):
        iou(np.zeros(4), none)
    with pytest.raises(InputError, match="a score and a label for each of 2 boxes"):
        suppress(drawn(2), np.zeros(3))


def test_boxes_without_an_area_agree_with_nothing() -> None:
    flat = np.array([[1.0, 1.0, 0.0, 5.0]])
    assert iou(flat, flat).tolist() == [[0.0]]


def test_suppression_is_greedy_and_of_two_that_agree_the_better_stays() -> None:
    boxes = as_array([Box(0, 10, 0, 10), Box(1, 11, 0, 10), Box(5, 15, 0, 10), Box(50, 60, 0, 10)])
    assert suppress(boxes, np.array([0.5, 0.9, 0.4, 0.1])).tolist() == [1, 2, 3]
    assert suppress(boxes, np.array([0.5, 0.9, 0.4, 0.1]), most_iou=0.3).tolist() == [1, 3]
    assert suppress(boxes, np.array([0.5, 0.5, 0.5, 0.5])).tolist() == [0, 2, 3]


@pytest.mark.parametrize("by_label", [False, True])
def test_what_stays_agrees_little_and_what_goes_agrees_with_something_better(by_label: bool) -> None:
    boxes, rng = drawn(200), np.random.default_rng(2)
    scores, labels = rng.uniform(size=200), rng.integers(0, 3, 200) if by_label else None
    kept = suppress(boxes, scores, labels=labels, most_iou=0.2)
    compete = np.ones((200, 200), bool) if labels is None else labels[:, None] == labels[None, :]
    agree = (iou(boxes, boxes) > 0.2) & compete
    assert np.array_equal(scores[kept], np.sort(scores[kept])[::-1])
    assert not (agree[np.ix_(kept, kept)] & ~np.eye(len(kept), dtype=bool)).any()
    for gone in set(range(200)) - set(kept.tolist()):
        assert (agree[gone, kept] & (scores[kept] >= scores[gone])).any()
    assert 0 < len(kept) < 200


def test_suppression_of_boxes_is_by_label_or_over_all() -> None:
    one, other = Box(0, 10, 0, 10, "a", 0.5), Box(0, 10, 0, 10, "b", 0.9)
    weak = Box(0, 10, 0, 9, "a", 0.2)
    assert suppress_boxes([one, weak, other]) == [other, one]
    assert suppress_boxes([one, weak, other], by_label=False) == [other]
