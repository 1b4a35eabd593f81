"""Boxes by energy and shape: components, the segmenter as a stream, and names for its boxes."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from handmade_model import write_handmade

from avianvox.boxes.components import Cells, Components, Groups
from avianvox.boxes.named import NamedBoxes
from avianvox.boxes.overlap import as_array, iou
from avianvox.boxes.segmenter import EnergySegmenter, SegmenterSettings
from avianvox.errors import InputError
from avianvox.inference.classifier import Classifier
from avianvox.types import Box

RATE = 22050
CALLS = (
    Box(2.0, 2.5, 2900, 3100),
    Box(5.0, 5.8, 900, 1100),
    Box(8.0, 8.4, 5900, 6100),
    Box(11.5, 12.0, 2900, 3100),
)


def tones(calls: tuple[Box, ...] = CALLS, seconds: float = 12.0) -> np.ndarray:
    """Noise with a tone in the middle of each box."""
    n = int(seconds * RATE)
    samples = 0.01 * np.random.default_rng(0).standard_normal(n)
    for call in calls:
        span = slice(int(call.begin_s * RATE), int(call.end_s * RATE))
        times = np.arange(n)[span] / RATE
        samples[span] += 0.04 * np.sin(np.pi * (call.low_hz + call.high_hz) * times)
    return samples.astype(np.float32)


def flooded(mask: np.ndarray) -> set[tuple[int, int, int, int]]:
    """Boxes around the connected components of a mask, by flooding: the slow reference."""
    left, found = set(map(tuple, np.argwhere(mask).tolist())), set()
    while left:
        cells, waiting = set(), [left.pop()]
        while waiting:
            t, b = cell = waiting.pop()
            cells.add(cell)
            near = {(t + i, b + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            waiting += near
        times, bands = zip(*cells, strict=True)
        found.add((min(times), max(times) + 1, min(bands), max(bands) + 1))
    return found


def test_components_are_those_of_flooding() -> None:
    rng = np.random.default_rng(0)
    for share in (0.1, 0.25, 0.4):
        mask = rng.uniform(size=(60, 12)) < share
        parts = Components(12, least_db=1.0, heard=np.ones(12, bool), longest=1000, trim=0.0)
        ended = [cells for row in mask for cells in parts.push(2.0 * row)] + parts.finish()
        assert {(c.begin, c.end, c.low, c.high) for c in ended} == flooded(mask)
        assert len(ended) == len({(c.begin, c.end, c.low, c.high) for c in ended})


def test_a_component_that_does_not_end_is_cut_and_deaf_bands_hear_nothing() -> None:
    heard = np.array([True, False, True])
    parts = Components(3, least_db=1.0, heard=heard, longest=10, trim=0.0)
    ended = [cells for _ in range(25) for cells in parts.push(np.full(3, 5.0))] + parts.finish()
    assert sorted((c.low, c.begin, c.end) for c in ended) == [
        (band, begin, min(begin + 10, 25)) for band in (0, 2) for begin in (0, 10, 20)
    ]


def test_groups_join_across_pauses_what_shares_bands() -> None:
    groups = Groups(gap=5, longest=30)
    for begin, end, low in ((0, 10, 0), (12, 20, 1), (12, 20, 50), (24, 40, 0)):
        groups.push(Cells(begin, end, low, low + 4, 6.0))
    assert [(c.begin, c.end, c.low, c.high) for c in groups.pass_to(26)] == [(0, 20, 0, 5), (12, 20, 50, 54)]
    assert [(c.begin, c.end) for c in groups.finish()] == [(24, 40)]  # joined, it would be too long


def test_calls_in_noise_are_found_where_they_are() -> None:
    found = list(EnergySegmenter().boxes([tones()]))
    agree = iou(as_array(CALLS), as_array(found))
    assert len(found) == len(CALLS)
    assert sorted(agree.argmax(axis=1).tolist()) == [0, 1, 2, 3]
    for call, box in zip(CALLS, (found[i] for i in agree.argmax(axis=1)), strict=True):
        assert box.begin_s == pytest.approx(call.begin_s, abs=0.15)
        assert box.end_s == pytest.approx(call.end_s, abs=0.15)
        assert box.low_hz < call.low_hz
        assert call.high_hz < box.high_hz < call.high_hz + 600
        assert box.score is not None
        assert box.score > 0.6
    assert max(box.end_s for box in found) <= 12.0  # the last call ends with the sound


def test_boxes_do_not_depend_on_the_blocks() -> None:
    samples, segmenter = tones(), EnergySegmenter()
    whole = list(segmenter.boxes([samples]))
    assert list(segmenter.boxes(np.split(samples, [1, 700, 44100, 90000]))) == whole
    assert list(segmenter.boxes([])) == []
    assert list(segmenter.boxes([samples[:10]])) == []


@pytest.mark.parametrize(
    ("settings", "n"),
    [
        (SegmenterSettings(low_hz=2000), 3),
        (SegmenterSettings(high_hz=2000), 1),
        (SegmenterSettings(shortest_s=0.75), 1),
        (SegmenterSettings(peak_db=60.0), 0),
        (SegmenterSettings(narrowest_hz=5000.0), 0),
        (SegmenterSettings(widest_hz=50.0), 0),
        (SegmenterSettings(longest_s=0.3, shortest_s=0.1), 8),
    ],
)
def test_each_setting_decides_what_becomes_a_box(settings: SegmenterSettings, n: int) -> None:
    found = list(EnergySegmenter(settings).boxes([tones()]))
    assert len(found) == n if n < 8 else len(found) >= n


def test_notes_with_a_short_pause_are_one_box_where_the_gap_allows() -> None:
    notes = tones((Box(2.0, 2.4, 2900, 3100), Box(2.8, 3.2, 2900, 3100)), 6.0)
    assert len(list(EnergySegmenter(SegmenterSettings(gap_s=0.0)).boxes([notes]))) == 2
    (both,) = EnergySegmenter(SegmenterSettings(gap_s=0.5)).boxes([notes])
    (wide,) = EnergySegmenter(SegmenterSettings(gap_s=0.5, margin_s=0.2, margin_hz=100)).boxes([notes])
    assert both.begin_s - wide.begin_s == pytest.approx(0.2)
    assert wide.high_hz - both.high_hz == pytest.approx(100)


def test_settings_that_are_wrong() -> None:
    for settings, says in (
        ({"low_hz": 900.0, "high_hz": 300.0}, "expected 0 <= low_hz < high_hz, got 900 and 300"),
        ({"trim": 0.5}, "expected a trim from 0 to 0.5"),
        ({"longest_s": float("inf")}, "boxes that end"),
        ({"gap_s": -1.0}, "gap_s: expected at least 0, got -1"),
    ):
        with pytest.raises(InputError, match=says):
            SegmenterSettings(**settings)


def test_memory_does_not_grow_with_the_recording() -> None:
    sound = tones()

    def peak(n: int) -> tuple[int, int]:
        def blocks() -> Iterator[np.ndarray]:
            for _ in range(n):
                yield from np.array_split(sound, 12)

        tracemalloc.start()
        found = sum(1 for _ in EnergySegmenter().boxes(blocks()))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return found, most

    (few, short), (many, long) = peak(1), peak(3)
    assert many > 2 * few
    assert long < 1.2 * short


def test_a_classifier_names_boxes(tmp_path: Path) -> None:
    classifier = Classifier.load(write_handmade(tmp_path / "m.tflite"))
    named = NamedBoxes(EnergySegmenter(), classifier, overlap_s=0.0)
    samples = tones((Box(1, 3, 2900, 3100), Box(4.5, 6.5, 900, 1100), Box(8, 10, 5900, 6100)))
    found = sorted(named.boxes(np.array_split(samples, 30)), key=lambda box: box.begin_s)
    windows = list(classifier.windows([samples], overlap_s=0.0))
    for box in found:
        inside = [max(0, min(box.end_s, w.end_s) - max(box.begin_s, w.begin_s)) for w in windows]
        scores = np.average([w.scores for w in windows], axis=0, weights=inside)
        assert box.label == classifier.labels.names[scores.argmax()]
        assert box.score == pytest.approx(scores.max(), abs=1e-6)
    assert (len(found), found[0].label, found[-1].label) == (3, "Parus medius", "Regulus altus")
    with pytest.raises(InputError, match="hears sound at 22050 Hz, and the source of boxes at 16000 Hz"):
        NamedBoxes(EnergySegmenter(sample_rate=16000), classifier)
