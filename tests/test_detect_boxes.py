"""Boxes of a detector in NumPy: cells, offsets, anchors, targets, proposals, and whole recordings."""

from typing import cast

import numpy as np
import pytest
from small_detector import SPEC

from avianvox.boxes.overlap import iou
from avianvox.detect.anchors import NOT_ASKED, NOTHING, Grid, anchor_sizes, match, sample
from avianvox.detect.detector import Detector, LiteRtParts
from avianvox.detect.finding import Merger, Plan, find_boxes
from avianvox.detect.finding import Piece as BoxPiece
from avianvox.detect.geometry import clipped, decode, encode, from_cells, to_cells
from avianvox.detect.proposals import Limits, name_regions, propose
from avianvox.detect.targets import anchor_targets, region_targets
from avianvox.detect.windows import Piece, cut
from avianvox.modelfile import ModelFile
from avianvox.randomness import derive_rng

GRID = Grid(128, 64, 4, 4, ((8.0, 8.0), (24.0, 12.0)))


def some_boxes(n: int, seed: int = 0) -> np.ndarray:
    rng = derive_rng(seed, "boxes")
    begin, low = rng.uniform(0, 90, n), rng.uniform(0, 40, n)
    return np.stack([begin, begin + rng.uniform(5, 30, n), low, low + rng.uniform(4, 20, n)], axis=1)


def test_seconds_and_hertz_and_cells_are_inverses() -> None:
    boxes = np.array([[0.0, 1.0, 100.0, 900.0], [2.5, 2.75, 1500.0, 5000.0]])
    np.testing.assert_allclose(from_cells(to_cells(boxes, SPEC), SPEC), boxes)
    # frame t is centred on sample t * hop and covers t to t + 1
    assert to_cells(np.array([[10 * 256 / 11025, 1.0, 0.0, 1.0]]), SPEC)[0, 0] == pytest.approx(10.5)
    assert to_cells(np.array([[0.0, 1.0, 0.0, 9999.0]]), SPEC)[0, 2:].tolist() == [0.0, 64.0]


def test_a_tone_lies_in_the_band_of_its_frequency() -> None:
    from avianvox.features.extract import extract_features
    from avianvox.types import Waveform

    t = np.arange(11025) / 11025
    rows = extract_features(Waveform(np.sin(2 * np.pi * 3000 * t).astype(np.float32), 11025), SPEC).values
    band = int(rows[20, : SPEC.n_mels].argmax())
    low = to_cells(np.array([[0.0, 1.0, 3000.0, 3001.0]]), SPEC)[0, 2]
    assert band <= low <= band + 1


def test_offsets_and_boxes_are_inverses() -> None:
    anchors, boxes = GRID.anchors()[:50], some_boxes(50)
    np.testing.assert_allclose(decode(encode(boxes, anchors), anchors), boxes, rtol=1e-5, atol=1e-4)
    assert not encode(anchors, anchors).any()


def test_anchors_lie_by_time_then_band_then_size() -> None:
    anchors = GRID.anchors()
    assert anchors.shape == (32 * 16 * 2, 4)
    assert anchors[0].tolist() == [-2.0, 6.0, -2.0, 6.0]
    assert anchors[1].tolist() == [-10.0, 14.0, -4.0, 8.0]
    assert anchors[2].tolist() == [-2.0, 6.0, 2.0, 10.0]  # the next band


def test_sizes_of_anchors_are_those_of_the_boxes() -> None:
    small, large = np.array([[0, 10, 0, 5.0]]), np.array([[0, 80, 0, 40.0]])
    boxes = np.concatenate([small + 0.1 * np.arange(9)[:, None], large + 0.1 * np.arange(9)[:, None]])
    np.testing.assert_allclose(anchor_sizes(boxes, 2), [[10, 5], [80, 40]])
    assert len(anchor_sizes(small, 6)) == 1


def test_matching_asks_for_the_best_and_leaves_the_doubtful_out() -> None:
    box = np.array([[10.0, 20.0, 10.0, 20.0]])
    candidates = np.array(
        [[10, 20, 10, 20], [12, 22, 10, 20], [15, 25, 10, 20], [40, 50, 10, 20], [60, 70, 30, 40]], np.float64
    )
    ignored = np.array([[58.0, 72.0, 28.0, 42.0]])
    found = match(candidates, box, ignored=ignored, least_iou=0.6, nothing_below=0.3)
    assert found.tolist() == [0, 0, NOT_ASKED, NOTHING, NOT_ASKED]
    far = match(candidates[2:], box, least_iou=0.6, nothing_below=0.5, best_too=True)
    assert far.tolist() == [0, NOTHING, NOTHING]  # the best that there is
    assert match(candidates, np.zeros((0, 4)), least_iou=0.5, nothing_below=0.3).tolist() == [NOTHING] * 5


def test_sampling_balances_and_is_named() -> None:
    found = np.array([0] * 50 + [NOTHING] * 50 + [NOT_ASKED] * 50)
    with_box, without = sample(found, derive_rng(0, "a"), n=20)
    assert (len(with_box), len(without)) == (10, 10)
    assert with_box.max() < 50 <= without.min() <= without.max() < 100
    again = sample(found, derive_rng(0, "a"), n=20)
    assert np.array_equal(with_box, again[0])
    assert not np.array_equal(with_box, sample(found, derive_rng(1, "a"), n=20)[0])


def piece(boxes: np.ndarray) -> Piece:
    return cut(boxes, np.zeros(len(boxes), int), first=0, n_frames=128, length=128, least_part=0.4)


def test_targets_of_anchors_lead_to_the_boxes() -> None:
    boxes = some_boxes(3)
    targets = anchor_targets(GRID.anchors(), [piece(boxes)], n=64, seed=0, step=0)
    (where,) = np.nonzero(targets.boxed[0])
    assert targets.asked.sum() == 64
    led = decode(targets.offsets[0, where], GRID.anchors()[where])
    np.testing.assert_allclose(iou(led, boxes).max(axis=1), 1.0, atol=1e-3)
    np.testing.assert_array_equal(np.unique(iou(led, boxes).argmax(axis=1)), [0, 1, 2])


def test_regions_are_boxes_and_proposals_with_their_classes() -> None:
    boxes, anchors = some_boxes(2), GRID.anchors()
    agree = iou(anchors, boxes).max(axis=1)
    offsets = np.zeros((len(anchors), 4))
    one = cut(boxes, np.array([1, 0]), first=0, n_frames=128, length=128, least_part=0.4)
    options = {"limits": Limits(), "n": 16, "n_classes": 2, "seed": 0}
    found = region_targets(agree[None], offsets[None], anchors, GRID, [one], step=0, **options)  # type: ignore[arg-type]
    for region, label, asked, offset, boxed in zip(*(part[0] for part in found), strict=True):
        if boxed:
            assert iou(decode(offset[None], region[None]), boxes)[0, 1 - label] > 0.99
            assert asked
        elif asked:
            assert label == 2
            assert iou(region[None], boxes).max() < 0.5


@pytest.mark.parametrize(
    ("first", "learned", "ignored"),
    [(0, [[10, 30]], []), (15, [[0, 15]], []), (25, [], [[0, 5]]), (40, [], [])],
)
def test_a_box_that_the_border_cuts_is_learned_or_nothing_is(
    first: int, learned: list[list[float]], ignored: list[list[float]]
) -> None:
    found = cut(
        np.array([[10.0, 30, 5, 9]]), np.array([0]), first=first, n_frames=100, length=500, least_part=0.4
    )
    assert found.boxes[:, :2].tolist() == learned
    assert found.ignored[:, :2].tolist() == ignored


def test_boxes_of_short_recordings_repeat_and_nobodys_are_ignored() -> None:
    boxes = np.array([[10.0, 30, 5, 9], [40.0, 45, 5, 9]])
    found = cut(boxes, np.array([0, -1]), first=0, n_frames=120, length=60, least_part=0.4)
    assert found.boxes[:, :2].tolist() == [[10, 30], [70, 90]]
    assert found.ignored[:, :2].tolist() == [[40, 45], [100, 105]]
    long = cut(
        np.array([[0.0, 900, 5, 9]]), np.array([0]), first=300, n_frames=120, length=1000, least_part=0.4
    )
    assert long.boxes[:, :2].tolist() == [[0, 120]]  # it fills the window


def test_proposals_are_the_likeliest_and_do_not_repeat() -> None:
    anchors = GRID.anchors()
    objectness = np.full(len(anchors), -5.0)
    objectness[[200, 201, 800]] = (3.0, 2.0, 4.0)
    offsets = np.zeros((len(anchors), 4))
    offsets[201] = encode(anchors[200:201], anchors[201:202])[0]  # the same box from another anchor
    found = propose(objectness, offsets, anchors, GRID, Limits(proposals=2))
    np.testing.assert_allclose(found, clipped(anchors[[800, 200]], 128, 64), atol=1e-4)


def test_regions_are_named_once_for_each_class() -> None:
    regions = np.array([[10.0, 30, 10, 20], [11.0, 31, 10, 20], [60.0, 80, 10, 20]])
    scores = np.array([[0.9, 0.0, 0.1], [0.6, 0.3, 0.1], [0.0, 0.2, 0.8]])
    boxes, classes, found = name_regions(
        scores, np.zeros((3, 4)), regions, GRID, Limits(least_score=0.25, box_iou=0.4)
    )
    assert classes.tolist() == [0, 1]
    assert found.tolist() == [0.9, 0.3]
    np.testing.assert_allclose(boxes, regions[:2])


def merged(windows: "list[tuple[int, list[list[float]], list[float]]]") -> list[tuple[float, float]]:
    merger = Merger(100, 0.4)
    done = []
    for first, boxes, scores in windows:
        edges = np.array(boxes, np.float64).reshape(-1, 4)
        done += merger.add(first, edges, np.zeros(len(boxes), int), np.array(scores))
    return [piece.edges[:2] for piece in [*done, *merger.finish()]]


def test_a_box_over_a_border_is_one_and_a_piece_of_it_none() -> None:
    whole = [(0, [[80, 100, 5, 9.0]], [0.9]), (50, [[30, 70, 5, 9.0]], [0.7])]
    assert merged(whole) == [(80, 120)]
    halves = [(0, [[30, 100, 5, 9.0]], [0.9]), (50, [[0, 90, 5, 9.0]], [0.7])]
    assert merged(halves) == [(30, 140)]  # neither window saw all of it
    other_bands = [(0, [[60, 100, 5, 9.0]], [0.9]), (50, [[0, 90, 20, 30.0]], [0.7])]
    assert merged(other_bands) == [(50, 140), (60, 100)]


def test_a_voice_without_end_is_given_in_pieces_and_in_order() -> None:
    merger = Merger(100, 0.4)
    most = 0
    done = []
    for first in range(0, 2000, 50):
        edges = np.array([[0, 100, 5, 9.0], [40, 45, 30, 35.0]])
        done += merger.add(first, edges, np.array([0, 1]), np.array([0.9, 0.8]))
        most = max(most, len(merger.waiting) + len(merger.held))
    done += merger.finish()
    assert most < 12  # flat memory
    begins = [piece.edges[0] for piece in done]
    assert begins == sorted(begins)
    assert sum(piece.label == 1 for piece in done) == 40


class Seen:
    """Parts that see where band 20 is loud: one box for each stretch, of class 0."""

    def first(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        loud = np.concatenate([[0], rows[:, 20] > 0, [0]])
        n = len(LARGE.anchors())
        return np.zeros(n), np.zeros((n, 4)), np.flatnonzero(np.diff(loud)).reshape(-1, 2)

    def second(self, runs: np.ndarray, regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = np.tile(np.array([0.0, 1.0]), (len(regions), 1))
        offsets = np.zeros((len(regions), 4), np.float32)
        scores[: len(runs)] = (0.9, 0.1)
        boxes = np.array([[begin, end, 16.0, 24.0] for begin, end in runs]).reshape(-1, 4)
        offsets[: len(runs)] = encode(boxes, regions[: len(runs)])
        return scores, offsets


LARGE = Grid(128, 64, 4, 4, ((32.0, 12.0),))


def test_boxes_of_a_stream_do_not_depend_on_its_blocks() -> None:
    rows = np.full((1000, SPEC.n_features), -1.0, np.float32)
    for begin, end in ((20, 40), (110, 150), (500, 900), (985, 1000)):
        rows[begin:end, 20] = 1.0
    plan = Plan(SPEC, LARGE, ("bird",))
    whole = list(find_boxes([rows], Seen(), plan))
    pieces = list(find_boxes(np.split(rows, [3, 130, 640, 641]), Seen(), plan))
    assert whole == pieces
    frames = [tuple(map(round, to_cells(np.array([[b.begin_s, b.end_s, 0, 1]]), SPEC)[0, :2])) for b in whole]
    assert (20, 40) in frames
    assert (110, 150) in frames
    assert (500, 900) in frames  # longer than three windows
    short = list(find_boxes([rows[:50]], Seen(), plan))  # repeated to fill a window
    assert all(box.end_s <= 50 * 256 / 11025 for box in short)
    assert list(find_boxes([], Seen(), plan)) == []


class ToTheEnd(Seen):
    """A box from frame 20 of every window to its end."""

    def first(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        objectness, offsets, _ = super().first(rows)
        return objectness, offsets, np.array([[20, len(rows)]])


def test_a_box_ends_with_its_file_and_comes_as_late_as_is_said() -> None:
    parts = cast("LiteRtParts", ToTheEnd())
    detector = Detector(cast("ModelFile", None), Plan(SPEC, LARGE, ("bird",)), parts)
    short = np.zeros(99 * 256 + 10, np.float32)  # the middle of its last frame is its last sample but ten
    (box,) = detector.boxes([short])
    assert box.end_s == len(short) / SPEC.sample_rate
    stream, step = detector.stream(), 1000
    late = [(box, at) for at in range(0, 200 * step, step) for box in stream.push(short[:step])]
    assert late
    assert all((at - step) / SPEC.sample_rate <= box.end_s + detector.latest_s for box, at in late)


def test_a_box_at_the_end_of_a_recording_is_not_cut() -> None:
    voices = np.array([[20.0, 100, 5, 20], [90.0, 100, 5, 20]])  # within one another, as a call on a song
    for last, n in ((False, 1), (True, 2)):
        merger = Merger(100, 0.4)
        merger.add(300, voices[1:], np.zeros(1, int), np.array([0.8]), last=last)
        merger.waiting.append(BoxPiece((320.0, 399.0, 5, 20), 0, 0.9, False, False))
        done = merger.add(300, np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))
        assert len([*done, *merger.finish()]) == n


def test_a_plan_travels_as_plain_values() -> None:
    plan = Plan(SPEC, GRID, ("a", "b"), Limits(least_score=0.3))
    assert Plan.from_mapping(plan.to_mapping(), spec=SPEC, labels=("a", "b")) == plan
