"""Patches of spectrograms that a generator learns from, what they are asked for by, and their sound."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_generator import cutter, tones_fixture  # noqa: F401, a fixture
from tones import SPEC

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.patches import LEAST, MOST, PatchShape, merge_bands, spread_bands
from avianvox.errors import InputError, StoreError
from avianvox.features.extract import extract_features
from avianvox.features.invert import bin_powers, sound_of
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.generate.conditions import CONDITIONS, CallType, Encoding, PeakFrequency
from avianvox.generate.networks import scaled, unscaled
from avianvox.generate.samples import rows_of
from avianvox.types import Recording, Waveform

FLAT = FeatureSpec()


def test_patches_hold_the_voice_above_the_floor(tones: tuple[Catalog, FeatureStore]) -> None:
    store = tones[1]
    indices = np.repeat(np.arange(len(store)), 2)
    cut = cutter(store)
    patches = cut.cut(indices, seed=3, epoch=1)
    assert patches.shape == (36, 16, 56)
    assert LEAST <= patches.min() <= patches.max() <= np.float32(MOST)
    assert np.array_equal(patches, cut.cut(indices, seed=3, epoch=1))
    assert not np.array_equal(patches[0], patches[1])  # one that comes again is placed anew
    rows = store.features(4)[:, :56]  # of a steady tone, whose own level is its floor
    at = cut.offsets(np.array([4]), seed=3, epoch=1)
    values, floor = cut.read(np.array([4]), at)
    assert np.allclose(values[0] * 13 + floor[0], rows[at[0] : at[0] + 16], atol=0.1) or values.min() == LEAST


def test_bands_are_merged_by_power() -> None:
    values = np.array([[0.0, 1.0, 2.0, 2.0]], np.float32)  # 0, 13, 26 and 26 dB
    merged = merge_bands(values, 2)
    assert np.allclose(merged, [[10 * np.log10((1 + 10**1.3) / 2) / 13, 2.0]], atol=1e-5)
    assert spread_bands(merged, 2).shape == (1, 4)
    assert np.array_equal(merge_bands(values, 1), values)
    with pytest.raises(InputError, match="n_bands that divides the store's 128 bands, got 48"):
        PatchShape(64, 48).merged(FLAT)


def test_scaling_has_an_inverse(rng: np.random.Generator) -> None:
    patches = rng.uniform(LEAST, MOST, (3, 8, 8)).astype(np.float32)
    assert np.allclose(unscaled(scaled(patches)), patches, atol=1e-5)
    assert np.abs(scaled(patches)).max() <= 1.0001


RECORDING = Recording("a", Path("a.wav"), "Parus major", call_type="song", latitude=3.5)


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_every_condition_keeps_the_contract(name: str, rng: np.random.Generator) -> None:
    made = CONDITIONS.get(name)
    condition = made(column="latitude") if name == "number" else made()
    said = condition.of(RECORDING)
    patches = rng.uniform(0, 2, (4, 16, 64)).astype(np.float32)
    measured = condition.measure(patches, FLAT)
    assert (said is None) == (measured is not None)
    if measured is not None:
        assert condition.continuous
        assert measured.shape == (4,)
    else:
        assert isinstance(said, float if condition.continuous else str)


def test_the_peak_is_where_the_power_lies() -> None:
    patches = np.zeros((2, 16, 64), np.float32)
    patches[0, 4:9, 20] = 1.5
    measured = PeakFrequency().measure(patches, FLAT)
    assert measured is not None
    assert measured[0] == pytest.approx(1075, abs=5)  # bands 40 and 41 of 128, at 1061 and 1090 Hz
    assert np.isnan(measured[1])


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("song", "song"),
        ("alarm call", "alarm call"),
        ("call, calls (two kinds)", "call"),
        ("call, song", None),
        ("song?", None),
        ("uncertain", None),
    ],
)
def test_a_kind_of_call_is_one_that_is_sure(said: str, known: str | None) -> None:
    assert CallType().of(replace(RECORDING, call_type=said)) == known


def test_numbers_share_a_one_between_the_nearest_knots() -> None:
    encoding = Encoding(knots=(1000.0, 2000.0, 4000.0))
    assert encoding.encode([1000, 1500, 3500, 9000]).tolist() == [
        [1, 0, 0],
        [0.5, 0.5, 0],
        [0, 0.25, 0.75],
        [0, 0, 1],
    ]
    assert encoding.series(5).tolist() == [1000, 1500, 2000, 3000, 4000]
    assert Encoding.from_mapping(encoding.to_mapping()) == encoding
    with pytest.raises(InputError, match="with numbers, got none; choose"):
        Encoding.of_numbers(np.full(9, np.nan))
    with pytest.raises(InputError, match="the same everywhere"):
        Encoding.of_numbers(np.full(9, 3.0))
    with pytest.raises(InputError, match="knows no 'x'; it was trained on a, b"):
        Encoding(("a", "b")).encode(["x"])


def test_rows_of_a_patch_stand_over_the_floor() -> None:
    patch = np.array([[0.0, 1.0]], np.float32)
    assert rows_of(patch, np.array([-60.0, -61.0, -62.0, -63.0])).tolist() == [[-60.0, -61.0, -49.0, -50.0]]


def test_sound_has_the_features_that_were_asked_for(rng: np.random.Generator) -> None:
    t = np.arange(40 * SPEC.hop_length) / SPEC.sample_rate
    sound = 0.1 * np.sin(2 * np.pi * (800 * t + 500 * t**2)) + 0.002 * rng.standard_normal(len(t))
    rows = extract_features(Waveform(sound.astype(np.float32), SPEC.sample_rate), SPEC).values[:, :56]
    powers = bin_powers(rows, SPEC)
    assert powers.min() >= 0
    back = sound_of(rows, SPEC, n_steps=30)
    assert np.array_equal(back.samples, sound_of(rows, SPEC, n_steps=30).samples)
    again = extract_features(back, SPEC).values[:, :56]
    loud = rows > rows.max() - 30
    assert again.shape == rows.shape
    assert np.abs(again - rows)[loud].mean() < 3.0
    assert np.abs(again[::-1] - rows)[loud].mean() > 8.0  # it is no matter of level


def test_a_store_without_log_mel_is_one_line(tones: tuple[Catalog, FeatureStore], tmp_path: Path) -> None:
    from avianvox.features.build import build_store
    from avianvox.features.pcen import PcenSpec

    catalog = tones[0].subset([0])
    build_store(catalog.recordings, PcenSpec(), tmp_path / "pcen", jobs=1)
    with pytest.raises(StoreError, match="holds pcen rows, expected log-mel"):
        cutter(FeatureStore.open(tmp_path / "pcen"))
