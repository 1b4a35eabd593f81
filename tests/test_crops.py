"""Crops hold the right frames in the right columns, scaled, padded and drawn as promised."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.windows import window_offsets
from avianvox.errors import InputError
from avianvox.features.spec import FeatureSpec
from avianvox.randomness import hash_name
from avianvox.types import Crop

SPEC = FeatureSpec(n_mels=6, n_mfcc=2)
LENGTHS = (40, 3, 8, 100, 0)
NORM = SimpleNamespace(
    mean=np.arange(8, dtype=np.float32), deviation=np.array([1, 2, 4, 8, 1, 2, 4, 8], dtype=np.float32)
)


def store(dtype: str = "float32", order: tuple[int, ...] = (0, 1, 2, 3, 4)) -> Any:
    """Rows that say where they come from: ``100 * recording + frame``, and a tenth for each column."""
    frames = [
        np.add.outer(100 * i + np.arange(LENGTHS[i]), np.arange(8) / 8).astype(dtype).reshape(-1, 8)
        for i in order
    ]
    n_frames = np.array([len(f) for f in frames])
    ids = [f"r{i}" for i in order]
    return SimpleNamespace(
        spec=SPEC,
        bands=SPEC,
        ids=ids,
        keys=np.array([hash_name(name) for name in ids], dtype=np.uint64),
        n_frames=n_frames,
        first_row=np.concatenate(([0], np.cumsum(n_frames)[:-1])),
        rows=np.concatenate(frames),
    )


def plain_crop(recording: int, offset: int, n_frames: int, columns: list[int]) -> np.ndarray:
    """The looped crop of one recording, one value after another."""
    mean, deviation = NORM.mean, NORM.deviation
    return np.array(
        [
            [
                (100 * recording + (offset + t) % LENGTHS[recording] + c / 8 - mean[c]) / deviation[c]
                for c in columns
            ]
            for t in range(n_frames)
        ]
    )


@pytest.mark.parametrize(
    ("combine", "columns"),
    [
        ("mel", [0, 1, 2, 3, 4, 5]),
        ("overwrite", [6, 7, 2, 3, 4, 5]),
        ("concatenate", [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_crops_equal_the_plain_reading(combine: str, columns: list[int], dtype: str) -> None:
    reader = CropReader(store(dtype), NORM, CropSettings(n_frames=8, combine=combine))
    indices, offsets = np.array([0, 1, 2, 3, 0, 1]), np.array([32, 0, 0, 17, 5, 2])
    crops = reader.read(indices, offsets)
    assert crops.dtype == np.float32
    assert crops.shape == (6, 8, reader.n_rows)
    expected = np.stack([plain_crop(i, o, 8, columns) for i, o in zip(indices, offsets, strict=True)])
    tolerance = 1e-5 if dtype == "float32" else 0.2  # numbers to 400 in half precision
    np.testing.assert_allclose(crops, expected, rtol=1e-5, atol=tolerance)


def test_paddings_differ_as_they_say() -> None:
    def short(padding: str) -> np.ndarray:
        settings = CropSettings(n_frames=8, combine="mel", padding=padding)
        return CropReader(store(), NORM, settings).read(np.array([1]), np.array([0]))[0]

    loop, mean, zero = short("loop"), short("mean"), short("zero")
    for crop in (mean, zero):
        assert np.array_equal(crop[:3], loop[:3])
    assert np.array_equal(loop[3:6], loop[:3])
    assert np.array_equal(loop[6:], loop[:2])
    assert not mean[3:].any()
    np.testing.assert_allclose(zero[3:], np.tile(-NORM.mean[:6] / NORM.deviation[:6], (5, 1)))


def test_without_a_normalisation_values_stay_as_stored() -> None:
    reader = CropReader(store(), None, CropSettings(n_frames=8, combine="concatenate"))
    assert np.array_equal(reader.read(np.array([3]), np.array([20]))[0], store().rows[51 + 20 : 51 + 28])


def test_out_is_filled_in_place() -> None:
    reader = CropReader(store(), NORM, CropSettings(n_frames=8))
    out = np.empty((1, 8, 6), dtype=np.float32)
    assert reader.read(np.array([0]), np.array([3]), out=out) is out
    assert np.array_equal(out, reader.read(np.array([0]), np.array([3])))


@pytest.mark.parametrize(("recording", "offset"), [(0, 33), (0, -1), (1, 3), (4, 0)])
def test_a_crop_outside_its_recording_is_refused(recording: int, offset: int) -> None:
    reader = CropReader(store(), NORM, CropSettings(n_frames=8))
    with pytest.raises(InputError, match=f"r{recording}: no crop of 8 frames begins at frame {offset}"):
        reader.read(np.array([0, recording]), np.array([0, offset]))


def test_draws_depend_on_seed_epoch_and_recording_alone() -> None:
    reader = CropReader(store(), NORM, CropSettings(n_frames=8))
    indices = np.array([0, 1, 2, 3])
    offsets = reader.random_offsets(indices, seed=1, epoch=2)
    assert offsets[1:3].tolist() == [0, 0]
    assert reader.random_offsets(indices[::-1], seed=1, epoch=2).tolist() == offsets[::-1].tolist()
    assert reader.random_offsets(indices[3:], seed=1, epoch=2).tolist() == offsets[3:].tolist()
    turned = CropReader(store(order=(3, 2, 1, 0, 4)), NORM, CropSettings(n_frames=8))
    assert turned.random_offsets(indices, seed=1, epoch=2).tolist() == offsets[::-1].tolist()
    assert reader.random_offsets(indices, seed=1, epoch=3).tolist() != offsets.tolist()
    assert reader.random_offsets(indices, seed=2, epoch=2).tolist() != offsets.tolist()


def test_draws_reach_every_place_about_equally_often() -> None:
    reader = CropReader(store(), NORM, CropSettings(n_frames=8))
    draws = [int(reader.random_offsets(np.array([0]), seed=0, epoch=e)[0]) for e in range(3300)]
    counts = np.bincount(draws, minlength=33)
    assert len(counts) == 33
    assert counts.min() > 50  # 100 are expected, with a deviation of 10
    assert counts.max() < 150


def test_fixed_windows_and_their_trace() -> None:
    reader = CropReader(store(), NORM, CropSettings(n_frames=8))
    positions, offsets = reader.windows(np.array([3, 1, 2]), hop_frames=40)
    assert positions.tolist() == [0, 0, 0, 0, 1, 2]
    assert offsets.tolist() == [0, 40, 80, 92, 0, 0]
    indices = np.array([3, 1, 2])[positions]
    assert reader.trace(indices, offsets)[3:5] == [Crop("r3", 92, 8), Crop("r1", 0, 8)]
    assert reader.windows(np.array([3]))[1].tolist() == [*range(0, 96, 8), 92]
    assert reader.windows(np.array([], dtype=np.int64))[1].shape == (0,)


@given(n=st.integers(1, 500), window=st.integers(1, 130), hop=st.integers(1, 130))
def test_windows_cover_a_recording_and_end_with_it(n: int, window: int, hop: int) -> None:
    offsets = window_offsets(n, window, hop)
    assert offsets[0] == 0
    assert offsets[-1] == max(n - window, 0)
    assert (np.diff(offsets) > 0).all()
    assert (np.diff(offsets) <= hop).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: window_offsets(0, 8, 8),
        lambda: window_offsets(8, 8, 0),
        lambda: CropSettings(n_frames=0),
        lambda: CropSettings(combine="overwite"),
        lambda: CropSettings(padding="wrap"),
    ],
)
def test_impossible_settings_are_refused(wrong: Callable[[], Any]) -> None:
    with pytest.raises(InputError):
        wrong()


def test_settings_follow_a_spec() -> None:
    spec = SPEC.with_changes(combine="mel", n_frames=31)
    assert CropSettings.from_spec(spec, padding="mean") == CropSettings(31, "mel", "mean")
