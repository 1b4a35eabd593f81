"""The contract of every augmentation of the table, and what each of them does."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from tones import tone_data

from avianvox.config import Choice, settings_to_mapping
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.errors import ConfigError, StoreError
from avianvox.features.spec import FeatureSpec
from avianvox.training.augmentations import AUGMENTATIONS, Augmentation, InDecibels, Mixing, background, blend
from avianvox.training.augmentations.background import Background, Overlay
from avianvox.training.augmentations.mixup_max import Drawn
from avianvox.training.config import TrainConfig, read_train_file
from avianvox.training.estimator import NetworkEstimator

SHAPE = (16, 40, 24)
DEVIATION = np.linspace(2.0, 12.0, SHAPE[2], dtype=np.float32)


@pytest.fixture
def crops() -> np.ndarray:
    return np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)


def reader_of(*rows: np.ndarray, combine: str = "mel", n_frames: int = SHAPE[1]) -> CropReader:
    """Of a store of bands in dB, one recording for each of ``rows``."""
    spec = FeatureSpec(n_mels=SHAPE[2], n_mfcc=2)
    lengths = [len(part) for part in rows]
    stored = np.concatenate([np.pad(part, ((0, 0), (0, 2))) for part in rows]).astype(np.float32)
    store = SimpleNamespace(
        bands=spec,
        rows=stored,
        first_row=np.cumsum([0, *lengths[:-1]]),
        n_frames=lengths,
        keys=np.arange(len(rows)),
    )
    return CropReader(cast("Any", store), None, CropSettings(n_frames, combine))


def overlay(*rows: np.ndarray, **settings: float) -> Overlay:
    return Overlay(Background("noises", **settings), reader_of(*rows), np.arange(len(rows)))


def row_named(name: str) -> Augmentation:
    """With usual settings; noises are of random numbers."""
    noise = np.random.default_rng(3).standard_normal((90, SHAPE[2]))
    return overlay(noise) if name == "background" else AUGMENTATIONS.get(name)()


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_augmentation_draws_and_applies_purely(name: str, crops: np.ndarray) -> None:
    row = row_named(name)
    before = crops.copy()
    drawn = row.draw(np.random.default_rng(0), SHAPE)
    first = row.apply(crops, drawn, DEVIATION)
    assert (first.shape, first.dtype) == (SHAPE, np.float32)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(crops, before)
    np.testing.assert_array_equal(row.apply(crops, drawn, DEVIATION), first)
    again = row.apply(crops, row.draw(np.random.default_rng(0), SHAPE), DEVIATION)
    np.testing.assert_array_equal(again, first)
    other = row.apply(crops, row.draw(np.random.default_rng(1), SHAPE), DEVIATION)
    assert not np.array_equal(other, first)
    assert not np.array_equal(crops, first)
    one = row.apply(crops[:1], row.draw(np.random.default_rng(0), (1, *SHAPE[1:])), DEVIATION)
    assert one.shape == (1, *SHAPE[1:])


def test_colour_changes_voices_by_band_and_spares_the_floor() -> None:
    row = AUGMENTATIONS.get("colour")(most_db=6.0, nodes=3)
    drawn = row.draw(np.random.default_rng(0), (5000, 40, 24))
    assert drawn.shape == (5000, 3)
    assert -6 <= drawn.min() < -5.9
    heights = np.float32([-3, 0, 5, 10, 30])  # dB above the floor
    crops = np.repeat(heights[None, :, None], 24, axis=2) / DEVIATION
    found = row.apply(crops, np.float32([[6.0, -6.0, 3.0]]), DEVIATION)
    change = (found - crops)[0] * DEVIATION
    np.testing.assert_allclose(change[:2], 0, atol=1e-5)
    np.testing.assert_allclose(change[2], change[3] / 2, atol=1e-4)
    np.testing.assert_allclose(change[3], change[4], atol=1e-4)
    places = [0, 23 / 2, 23]
    np.testing.assert_allclose(change[3], np.interp(np.arange(24), places, [6.0, -6.0, 3.0]), atol=1e-4)


def test_gain_is_in_decibels_of_each_band(crops: np.ndarray) -> None:
    row = AUGMENTATIONS.get("gain")(most_db=3.0)
    drawn = row.draw(np.random.default_rng(0), (5000, 1, 1))
    assert -3 <= drawn.min() < -2.9
    assert 2.9 < drawn.max() <= 3
    louder = row.apply(crops, np.full(16, 6.0, np.float32), DEVIATION)
    np.testing.assert_allclose((louder - crops) * DEVIATION, 6.0, rtol=1e-4)


@pytest.mark.parametrize(("name", "axis"), [("mask_bands", 2), ("mask_time", 1)])
def test_masks_are_whole_bands_or_frames_of_the_width_asked_for(name: str, axis: int) -> None:
    row = AUGMENTATIONS.get(name)(n=1, share=0.25)
    ones = np.ones((400, *SHAPE[1:]), np.float32)
    masked = row.apply(ones, row.draw(np.random.default_rng(0), ones.shape), DEVIATION) == 0
    other = 3 - axis
    assert (masked.any(axis=other) == masked.all(axis=other)).all()
    widths = masked.any(axis=other).sum(axis=1)
    assert set(widths.tolist()) == set(range(int(0.25 * SHAPE[axis]) + 1))
    steps = np.diff(masked.any(axis=other).astype(int), axis=1)
    assert (np.abs(steps).sum(axis=1) <= 2).all()
    assert masked.any(axis=(0, other)).all(), "some place is never masked"


def test_mixup_takes_the_louder_of_both_and_the_other_is_the_quieter(crops: np.ndarray) -> None:
    row = AUGMENTATIONS.get("mixup_max")(alpha=0.5, share=0.5)
    drawn = row.draw(np.random.default_rng(0), (4000, 1, 1))
    assert drawn.quieter_db.min() >= 0
    assert np.isinf(drawn.quieter_db).mean() == pytest.approx(0.5, abs=0.03)
    assert sorted(drawn.partner.tolist()) == list(range(4000))
    chosen = Drawn(np.roll(np.arange(16), 1), np.full(16, 5.0, np.float32))
    mixed_db = row.apply(crops, chosen, DEVIATION) * DEVIATION
    expected = np.maximum(crops * DEVIATION, np.roll(crops, 1, axis=0) * DEVIATION - 5.0)
    np.testing.assert_allclose(mixed_db, expected, atol=1e-4)


def test_augmentations_are_named_in_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text('[train]\naugment = ["gain", {kind = "mixup_max", share = 0.3}]\n')
    config = read_train_file(file)[0]
    assert config.augment == ("gain", Choice("mixup_max", (("share", 0.3),)))
    assert settings_to_mapping(config)["augment"] == ["gain", {"kind": "mixup_max", "share": 0.3}]
    assert "augment" not in settings_to_mapping(TrainConfig())
    for text, message in (
        ('["gian"]', r"\[train.augment\]: .*did you mean 'gain'"),
        ('[{kind = "gain", most = 3}]', r"\[train.augment\] has no key 'most'; did you mean 'most_db'"),
        ('[{kind = "mask_time", share = 2}]', "share above 0, at most 1"),
        ('[{kind = "mixup_max", alpha = 0}]', "alpha above 0"),
        ('[{kind = "gain", most_db = -1}]', "at least 0"),
        ('[{kind = "speed", most = 0.6}]', "most from 0 to 0.5"),
        ('[{kind = "background", share = 0.3}]', r"expected store = FOLDER.*avianvox features build"),
        ('[{kind = "background", store = "x", least_db = 7}]', "got 0.5, 7.0 and 6.0"),
    ):
        file.write_text(f"[train]\naugment = {text}\n")
        with pytest.raises(ConfigError, match=message):
            read_train_file(file)


def test_a_network_that_sees_mfcc_is_refused() -> None:
    from avianvox.features.spec import FeatureSpec

    settings = TrainConfig(augment=("gain",)).settings
    with pytest.raises(ConfigError, match=r'got cnn_v20 with combine = "overwrite"; set combine = "mel"'):
        NetworkEstimator("cnn_v20", settings).spec_for(FeatureSpec())
    mel = TrainConfig(augment=("gain",), combine="mel").settings
    assert NetworkEstimator("cnn_v20", mel).spec_for(FeatureSpec()).combine == "mel"


def test_a_blend_has_a_share_in_both_classes(crops: np.ndarray) -> None:
    row = AUGMENTATIONS.get("blend")()
    assert isinstance(row, Mixing)
    drawn = blend.Drawn(np.roll(np.arange(16), 1), np.full(16, 0.8, np.float32))
    np.testing.assert_allclose(
        row.apply(crops, drawn, DEVIATION), np.maximum(crops, np.roll(crops, 1, axis=0) / 4), rtol=1e-5
    )
    shares = row.mix(np.eye(16, dtype=np.float32), drawn)
    np.testing.assert_allclose(shares[3, [2, 3]], [0.2, 0.8], rtol=1e-6)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    alone = blend.Drawn(drawn.partner, np.ones(16, np.float32))
    np.testing.assert_array_equal(row.apply(crops, alone, DEVIATION), crops)
    first = row.draw(np.random.default_rng(0), (5000, 1, 1)).first
    assert np.mean(first == 1) == pytest.approx(0.3, abs=0.03)


def test_height_and_shift_do_what_they_say(crops: np.ndarray) -> None:
    height = AUGMENTATIONS.get("height")()
    factors = height.draw(np.random.default_rng(0), (5000, 1, 1))
    assert (factors.min(), factors.max()) == (pytest.approx(0.7, abs=0.01), pytest.approx(1.3, abs=0.01))
    np.testing.assert_allclose(height.apply(crops, np.full(16, 1.2), DEVIATION), crops * 1.2, rtol=1e-5)
    shift = AUGMENTATIONS.get("shift_bands")()
    assert set(shift.draw(np.random.default_rng(0), (500, 1, 1)).tolist()) == set(range(-3, 4))
    moved = shift.apply(crops, np.array([2, -1, *[0] * 14]), DEVIATION)
    np.testing.assert_array_equal(moved[0, :, 2:], crops[0, :, :-2])
    np.testing.assert_array_equal(moved[0, :, :2], np.repeat(crops[0, :, :1], 2, axis=1))
    np.testing.assert_array_equal(moved[1, :, :-1], crops[1, :, 1:])
    np.testing.assert_array_equal(moved[2:], crops[2:])


def test_noise_is_added_in_power_at_the_level_that_was_drawn() -> None:
    crop = np.full((2, *SHAPE[1:]), -50.0, np.float32)
    crop[:, 10:14, 5] = -20
    noise = np.full((SHAPE[1], SHAPE[2]), -80.0) + np.where(np.arange(SHAPE[2]) < 4, 30.0, 0.0)
    row = overlay(noise)
    drawn = background.Drawn(np.zeros(2, np.int64), np.zeros(2), np.array([0.0, -np.inf]))
    both = row.apply(crop, drawn, np.ones(SHAPE[2], np.float32))
    np.testing.assert_array_equal(both[1], crop[1])
    np.testing.assert_allclose(both[0, :, 10], -50 + 10 * np.log10(2), atol=1e-4)  # as loud as the crop
    np.testing.assert_allclose(both[0, :, 2], -20 + 10 * np.log10(1 + 1e-3), atol=1e-3)
    np.testing.assert_allclose(both[0, 11, 5], -20 + 10 * np.log10(1 + 1e-3), atol=1e-3)
    levels = row.draw(np.random.default_rng(0), (5000, 1, 1)).level_db
    assert np.isinf(levels).mean() == pytest.approx(0.5, abs=0.03)
    heard = levels[np.isfinite(levels)]
    assert (heard.min(), heard.max()) == (pytest.approx(-12, abs=0.1), pytest.approx(6, abs=0.1))


@pytest.mark.parametrize("combine", ["mel", "above_floor"])
def test_scaled_is_what_read_makes_of_bands(combine: str) -> None:
    bands = np.random.default_rng(0).normal(-60, 9, (80, SHAPE[2]))
    plain, scaled = reader_of(bands), reader_of(bands, combine=combine)
    at = np.array([0, 0]), np.array([3, 40])
    np.testing.assert_allclose(scaled.scaled(plain.read(*at)), scaled.read(*at), atol=1e-5)


def test_noises_have_to_be_a_store_of_the_same_settings(tmp_path: Path) -> None:
    data = tone_data(tmp_path)
    assert isinstance(Background(str(data.store.path)), InDecibels)
    reader = CropReader(data.store, None, CropSettings(53, "mel"))
    row = Background(str(data.store.path)).of(reader)
    assert set(row.draw(np.random.default_rng(0), (500, 1, 1)).noise.tolist()) == set(range(18))
    with pytest.raises(StoreError, match="nowhere"):
        Background(str(tmp_path / "nowhere")).of(reader)
    other = CropReader(data.store, None, CropSettings(53, "mel", "zero"))
    with pytest.raises(ConfigError, match='expected padding = "loop", got "zero"'):
        Background(str(data.store.path)).of(other)


def test_speed_moves_what_is_away_from_the_middle(crops: np.ndarray) -> None:
    row = AUGMENTATIONS.get("speed")()
    factors = row.draw(np.random.default_rng(0), (5000, 1, 1))
    assert (factors.min(), factors.max()) == (pytest.approx(0.95, abs=0.01), pytest.approx(1.05, abs=0.01))
    ramp = np.tile(np.arange(40, dtype=np.float32)[:, None], (1, SHAPE[2]))[None]
    slower = row.apply(ramp, np.array([0.9]), DEVIATION)[0, :, 3]
    np.testing.assert_allclose(slower, 19.5 + (np.arange(40) - 19.5) * 0.9, rtol=1e-5)
    faster = row.apply(ramp, np.array([1.1]), DEVIATION)[0, :, 3]
    np.testing.assert_allclose(faster[3:37], 19.5 + (np.arange(3, 37) - 19.5) * 1.1, rtol=1e-5)
    assert faster[0] > 37, "the begin is not what the end has"
    np.testing.assert_array_equal(row.apply(crops, np.ones(16), DEVIATION), crops)
