"""Duplicates: copies are found however they were made, and nothing else is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from avianvox.audio.decode import load_waveform
from avianvox.audit.duplicates import agreement, find_duplicates
from avianvox.audit.fingerprint import landmarks
from avianvox.dataset.catalog import read_catalog
from avianvox.features.build import build_store
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.types import Recording

SPEC = FeatureSpec()
FLOOR = -100.0


def store_of(paths: list[Path], out: Path) -> FeatureStore:
    build_store([Recording(id=path.stem, path=path) for path in paths], SPEC, out, jobs=1)
    return FeatureStore.open(out)


def found_in(store: FeatureStore) -> dict[tuple[str, str], tuple[str, float]]:
    """Kind and offset of each pair, by ids."""
    pairs = find_duplicates(store, np.arange(len(store)))
    return {(store.ids[d.first], store.ids[d.second]): (d.kind, d.offset_s) for d in pairs}


@pytest.fixture
def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(-40.0, 5.0, (400, 128)).astype(np.float32)


def test_no_two_recordings_of_a_clean_set_are_duplicates(synth_catalog_dir: Path, tmp_path: Path) -> None:
    store = store_of([r.path for r in read_catalog(synth_catalog_dir).recordings], tmp_path / "store")
    asked: list[tuple[int, int]] = []
    assert find_duplicates(store, np.arange(16), progress=lambda *at: asked.append(at)) == []
    assert asked[-1] == (16, 16)


def test_copies_are_found_however_they_were_made(synth_catalog_dir: Path, tmp_path: Path) -> None:
    originals = [r.path for r in read_catalog(synth_catalog_dir).recordings][:8]
    sounds = [load_waveform(path, sample_rate=22050)[0].samples for path in originals]
    start = 15_000  # samples, 0.68 s: not a whole number of frames

    def write(name: str, samples: np.ndarray, rate: int, **how: str) -> Path:
        path = tmp_path / name
        soundfile.write(path, soxr.resample(samples, 22050, rate), rate, **how)
        return path

    copies = [
        write("coded.mp3", 0.3 * sounds[0][start:], 22050),
        write("coarse.ogg", sounds[1][start:], 44100),
        write("slower.wav", sounds[2][start:], 16000),
        write("clip.mp3", 0.5 * sounds[3][start : start + 50_000], 48000),
        write("decoded.wav", sounds[4], 22050),
    ]
    (tmp_path / "renamed.flac").write_bytes(originals[5].read_bytes())
    copies.append(tmp_path / "renamed.flac")
    found = found_in(store_of([*originals, *copies], tmp_path / "store"))
    kinds = ["same sound"] * 4 + ["same features", "same file"]
    expected = {(originals[i].stem, copies[i].stem): kinds[i] for i in range(6)}
    assert {pair: kind for pair, (kind, _) in found.items()} == expected
    offsets = [found[originals[i].stem, copies[i].stem][1] for i in range(6)]
    np.testing.assert_allclose(offsets, [start / 22050] * 4 + [0, 0], atol=0.06)  # MP3 begins 50 ms late


def test_silence_and_what_did_not_decode_are_no_sound_in_common(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.wav" for name in "abcd"]
    for path in paths[:2]:
        soundfile.write(path, np.zeros(30_000, np.float32), 22050)
    for path in paths[2:]:
        path.write_text("no sound")
    assert found_in(store_of(paths, tmp_path / "store")) == {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda x: x, 1.0, id="itself"),
        pytest.param(lambda x: 0 * x - 12.0 + x, 1.0, id="a gain"),
        pytest.param(lambda x: np.where(np.arange(128) < 70, x, FLOOR), 1.0, id="half of the bands cut off"),
        pytest.param(lambda x: x[::-1], 0.0, id="other frames"),
        pytest.param(lambda x: np.full_like(x, FLOOR), 0.0, id="nothing"),
    ],
)
def test_agreement(noise: np.ndarray, change: Callable[[np.ndarray], np.ndarray], expected: float) -> None:
    assert agreement(noise, change(noise)) == pytest.approx(expected, abs=0.02)


def test_a_loud_song_that_is_repeated_is_another_sound(noise: np.ndarray) -> None:
    """In most of the bands, for a third of the time, and the same in every detail."""
    song = np.random.default_rng(1).normal(0.0, 5.0, (120, 90)).astype(np.float32)
    other = np.random.default_rng(2).normal(-40.0, 5.0, noise.shape).astype(np.float32)
    for sound in (noise, other):
        sound[140:260, 20:110] = song
    assert agreement(noise, other) < 0.2


def test_gain_changes_no_landmark(noise: np.ndarray) -> None:
    codes, frames = landmarks(noise, floor_db=FLOOR)
    louder, then = landmarks(noise + np.float32(8), floor_db=FLOOR)
    assert len(codes) > 1000
    assert np.array_equal(codes, louder)
    assert np.array_equal(frames, then)


def test_a_trimmed_copy_keeps_its_landmarks_and_thinning_keeps_the_same_ones(noise: np.ndarray) -> None:
    whole = {
        one_in: set(zip(*landmarks(noise, floor_db=FLOOR, one_in=one_in), strict=True)) for one_in in (1, 4)
    }
    codes, frames = landmarks(noise[100:300], floor_db=FLOOR, one_in=4)
    kept = set(zip(codes, frames + 100, strict=True)) & whole[4]
    assert whole[4] < whole[1]
    assert len(whole[4]) == pytest.approx(len(whole[1]) / 4, rel=0.1)
    assert len(kept) > 0.8 * len(codes)


@pytest.mark.parametrize("n_frames", [0, 2, 40])
def test_silence_and_the_shortest_sounds_have_no_landmarks(n_frames: int) -> None:
    codes, frames = landmarks(np.full((n_frames, 128), FLOOR, np.float32), floor_db=FLOOR)
    assert len(codes) == len(frames) == 0


@pytest.mark.recordings
def test_real_recordings_cut_from_one_tape_are_found(real_data: Path, tmp_path: Path) -> None:
    names = ("XC344036", "XC737279", "XC737109", "XC737119", "XC173688", "XC362032", "XC361998", "XC362005")
    paths = [real_data / "puerto_rico" / "audio" / f"{name}.mp3" for name in names]
    found = found_in(store_of(paths, tmp_path / "store"))
    assert list(found) == [("XC344036", "XC737279"), ("XC737109", "XC737119")]
