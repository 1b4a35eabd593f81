"""The detector's network: pooled regions, losses, gradients, seeds, and that it finds what it learned."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_detector import CONFIG, SPEC, tiny_trunk

from avianvox.audio.synth.dataset import SynthSettings, synthesize_recording
from avianvox.boxes.overlap import as_array, iou
from avianvox.detect.anchors import anchor_sizes
from avianvox.detect.finding import Plan, find_boxes
from avianvox.detect.fit import LOSSES, Fitter, KerasParts
from avianvox.detect.geometry import to_cells
from avianvox.detect.losses import class_loss, objectness_loss, offset_loss
from avianvox.detect.network import SAMPLES, DetectorNetwork, PooledRegions, Shape, build, grid_of
from avianvox.detect.windows import Piece
from avianvox.errors import InputError
from avianvox.features.extract import extract_features
from avianvox.features.floor import above_floor
from avianvox.models.backend import keras
from avianvox.types import Box

SHAPE = Shape("tiny", SPEC.n_frames, SPEC.n_mels, 3, 2, CONFIG.channels, CONFIG.pooled, CONFIG.hidden)
SIZES = ((10.0, 6.0), (30.0, 12.0), (80.0, 30.0))


@pytest.fixture(scope="module", autouse=True)
def tiny() -> Iterator[None]:
    with tiny_trunk():
        yield


@pytest.fixture(scope="module")
def network() -> DetectorNetwork:
    return build(SHAPE)


def sampled(found: np.ndarray, region: np.ndarray, size: int, strides: tuple[int, int]) -> np.ndarray:
    """ROI align, sample by sample."""
    n = size * SAMPLES
    out = np.zeros((size, size, found.shape[2]))
    for i in range(n):
        for j in range(n):
            t = (region[0] + (region[1] - region[0]) * (i + 0.5) / n) / strides[0] - 0.5
            f = (region[2] + (region[3] - region[2]) * (j + 0.5) / n) / strides[1] - 0.5
            t, f = np.clip(t, 0, found.shape[0] - 1), np.clip(f, 0, found.shape[1] - 1)
            t0, f0 = int(t), int(f)
            t1, f1 = min(t0 + 1, found.shape[0] - 1), min(f0 + 1, found.shape[1] - 1)
            low = found[t0, f0] * (1 - (f - f0)) + found[t0, f1] * (f - f0)
            high = found[t1, f0] * (1 - (f - f0)) + found[t1, f1] * (f - f0)
            out[j // SAMPLES, i // SAMPLES] += (low * (1 - (t - t0)) + high * (t - t0)) / SAMPLES**2
    return out


def test_pooled_regions_are_bilinear_samples() -> None:
    rng = np.random.default_rng(0)
    found = rng.normal(size=(2, 9, 7, 3)).astype(np.float32)
    regions = np.array([[[4, 20, 3, 22], [-3, 7, 20, 40]], [[10.5, 33.25, 0, 28], [5, 6, 5, 6]]], np.float32)
    layer = PooledRegions(4, (4, 4))
    pooled = np.asarray(layer([keras.ops.convert_to_tensor(found), keras.ops.convert_to_tensor(regions)]))
    expected = [
        [sampled(one, region, 4, (4, 4)).reshape(-1) for region in here]
        for one, here in zip(found, regions, strict=True)
    ]
    np.testing.assert_allclose(pooled, expected, atol=1e-5)
    again = PooledRegions.from_config(layer.get_config())
    assert (again.size, again.strides) == (4, (4, 4))


def test_the_network_has_an_anchor_for_each_output(network: DetectorNetwork) -> None:
    grid = grid_of(SHAPE, network.strides, SIZES)
    given = network.first(np.zeros((1, SPEC.n_frames, SPEC.n_mels, 1), np.float32))
    assert given["objectness"].shape == (1, len(grid.anchors()))
    assert given["offsets"].shape == (1, len(grid.anchors()), 4)
    assert tuple(given["map"].shape[1:3]) == grid.places
    named = network.regions(given["map"], np.ones((1, 7, 4)))
    assert named["classes"].shape == (1, 7, 3)
    assert named["offsets"].shape == (1, 7, 4)


def test_objectness_belongs_to_the_anchor_of_its_place(network: DetectorNetwork) -> None:
    """Where a window changes, the anchors that change are those around it."""
    anchors = grid_of(SHAPE, network.strides, SIZES).anchors()
    quiet = np.zeros((1, SPEC.n_frames, SPEC.n_mels, 1), np.float32)
    loud = quiet.copy()
    loud[0, 60:64, 40:44] = 3.0
    moved = np.abs(
        np.asarray(network.first(loud)["objectness"]) - np.asarray(network.first(quiet)["objectness"])
    )[0]
    near = anchors[np.argsort(-moved)[:20]]
    assert np.abs(near[:, :2].mean(axis=1) - 62).max() < 24
    assert np.abs(near[:, 2:].mean(axis=1) - 42).max() < 24


def test_the_same_seed_gives_the_same_weights(network: DetectorNetwork) -> None:
    same, other = build(SHAPE), build(Shape(**{**SHAPE.__dict__, "seed": 1}))
    assert network.arrays().keys() == same.arrays().keys()
    for name, array in network.arrays().items():
        np.testing.assert_array_equal(array, same.arrays()[name])
    assert any(not np.array_equal(a, other.arrays()[name]) for name, a in network.arrays().items())


@pytest.mark.parametrize(
    ("trunk", "says"), [("cnn_v20", "above the noise floor"), ("dense_pixels", "above the noise floor")]
)
def test_a_trunk_that_has_no_such_map_is_refused(trunk: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        build(Shape(**{**SHAPE.__dict__, "trunk": trunk}))


def test_losses_are_means_over_what_was_sampled() -> None:
    logits = np.array([[2.0, -1.0, 30.0]], np.float32)
    wanted, weight = np.array([[1.0, 0.0, 0.0]], np.float32), np.array([[1.0, 1.0, 0.0]], np.float32)
    expected = (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0))) / 2
    assert float(objectness_loss(logits, wanted, weight)) == pytest.approx(expected, rel=1e-5)
    twice = [np.concatenate([a, a]) for a in (logits, wanted, weight)]
    assert float(objectness_loss(*twice)) == pytest.approx(expected, rel=1e-5)
    offsets, led = np.array([[[0.5, 0, 0, 3.0], [9, 9, 9, 9]]], np.float32), np.zeros((1, 2, 4), np.float32)
    assert float(offset_loss(offsets, led, np.array([[1.0, 0.0]], np.float32))) == pytest.approx(0.125 + 2.5)
    assert float(offset_loss(offsets, led, np.zeros((1, 2), np.float32))) == 0.0
    named = np.array([[[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]], np.float32)
    found = float(class_loss(named, np.array([[0, 2]]), np.array([[0.0, 1.0]], np.float32)))
    assert found == pytest.approx(np.log(3.0), rel=1e-5)


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, list[Box]]:
    """Feature rows of a window of synthetic sound, and the boxes that end in it."""
    settings = SynthSettings(n_species=2, sample_rate=SPEC.sample_rate, duration_s=(6.0, 9.0))
    recording = synthesize_recording(0, 0, 0, settings)
    rows = extract_features(recording.waveform, SPEC).values[: SPEC.n_frames]
    boxes = [Box(c.box.begin_s, c.box.end_s, c.box.low_hz, c.box.high_hz, c.label) for c in recording.calls]
    return rows, [box for box in boxes if box.end_s < SPEC.frames_to_seconds(SPEC.n_frames - 1)]


def test_it_learns_with_every_weight_goes_on_alike_and_finds(
    scene: tuple[np.ndarray, list[Box]], tmp_path: Path
) -> None:
    rows, drawn = scene
    cells = to_cells(as_array(drawn), SPEC)
    shape = Shape(**{**SHAPE.__dict__, "n_sizes": len(sizes := anchor_sizes(cells, 3))})
    network = build(shape)
    fitter = Fitter(network, grid_of(shape, network.strides, sizes), CONFIG, 2)
    piece = Piece(cells, np.ones(len(cells), np.int64), np.zeros((0, 4)))
    window = above_floor(rows[:, : SPEC.n_mels])[None]

    def steps(begin: int, end: int) -> dict[str, float]:
        for step in range(begin, end):
            parts = fitter.step(step, window, [piece])
        return parts

    before = {weight.path: np.asarray(weight) for weight in network.trainable_weights}
    first = steps(0, 1)
    assert set(first) == set(LOSSES)
    assert all(np.isfinite(value) and value > 0 for value in first.values())
    learned = network.arrays()
    assert [name for name, array in before.items() if np.array_equal(array, learned[name])] == []

    fitter.save(tmp_path / "checkpoint.npz", [{"step": 1.0}])
    steps(1, 4)
    straight = network.arrays()
    assert fitter.restore(tmp_path / "checkpoint.npz") == [{"step": 1.0}]
    np.testing.assert_array_equal(network.arrays()["block1_conv/kernel"], learned["block1_conv/kernel"])
    steps(1, 4)
    for name, array in network.arrays().items():
        np.testing.assert_allclose(array, straight[name], atol=1e-6)

    steps(4, 40)
    plan = Plan(SPEC, fitter.grid, ("Another", drawn[0].label)).with_least_score(0.5)
    found = list(find_boxes([rows], KerasParts(network, SPEC.n_mels, 48), plan))
    assert {box.label for box in found} == {drawn[0].label}
    agree = iou(as_array(drawn), as_array(found)).max(axis=1)
    assert agree.min() > 0.5
    assert agree.mean() > 0.7
