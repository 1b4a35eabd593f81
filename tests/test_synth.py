"""Synthetic voices: exact boxes, species that differ, the same bytes for the same seed."""

import csv
import io
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from avianvox.audio.synth import (
    KINDS,
    background,
    coloured_noise,
    read_annotations,
    species,
    synthesize_dataset,
    synthesize_recording,
    voice,
)
from avianvox.audio.synth.dataset import SynthSettings, draw_session
from avianvox.audio.synth.encode import _MIRRORED, FORMATS, _ogg_checksum, encode
from avianvox.audio.synth.scene import Place, at_distance, draw_place, impulse_response, sing
from avianvox.audio.synth.species import MAX_SPECIES
from avianvox.cli.synth import synth
from avianvox.errors import ConfigError, InputError, UnknownNameError
from avianvox.files import sha256_file
from avianvox.randomness import derive_rng
from avianvox.types import NO_BIRD, Waveform

RATE = 22050
SMALL = {"n_species": 2, "n_recordings": 3, "duration_s": (2.0, 3.0), "no_bird": 1, "n_sessions": 2}


def power_spectrum(samples: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    return np.fft.rfftfreq(len(samples), 1 / rate), np.abs(np.fft.rfft(samples)) ** 2


def share_in_band(samples: np.ndarray, rate: int, low_hz: float, high_hz: float) -> float:
    hz, power = power_spectrum(samples, rate)
    return float(power[(hz >= low_hz) & (hz <= high_hz)].sum() / power.sum())


def hashes(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): sha256_file(p) for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize_dataset(tmp_path_factory.mktemp("synth") / "a", **SMALL)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 48000])
@pytest.mark.parametrize("kind", KINDS)
def test_a_box_holds_the_energy_of_a_clean_voice(kind: str, rate: int) -> None:
    for k in range(8):
        samples, (box,) = voice(kind, derive_rng(k, "test", kind), rate)
        assert (box.begin_s, box.end_s) == (0.0, len(samples) / rate)
        assert abs(samples).max() <= 1.0
        assert 0 <= box.low_hz < box.high_hz <= rate / 2
        assert share_in_band(samples, rate, box.low_hz, box.high_hz) > 0.95


def test_a_whistle_peaks_in_its_narrow_box() -> None:
    for k in range(8):
        samples, (box,) = voice("whistle", derive_rng(k, "peak"), RATE)
        hz, power = power_spectrum(samples, RATE)
        assert box.low_hz < hz[power.argmax()] < box.high_hz
        assert np.log2(box.high_hz / box.low_hz) < 1.2


def test_an_element_is_where_its_parameters_say() -> None:
    """A level element of 2 kHz with one overtone: two lines, at 2 and 4 kHz, and a box just around them."""
    from avianvox.audio.synth.voices import Element, render_element

    samples, low, high = render_element(Element(0.5, 2000.0, 2000.0, 2000.0, harmonics=(1.0, 0.5)), RATE)
    hz, power = power_spectrum(samples, RATE)
    assert hz[power.argmax()] == pytest.approx(2000, abs=3)
    overtone = hz > 3000
    assert hz[overtone][power[overtone].argmax()] == pytest.approx(4000, abs=3)
    assert 1850 < low < 2000
    assert 4000 < high < 4150


def test_calls_of_a_recording_never_overlap_and_silence_lies_between() -> None:
    for number in range(8):
        clean, calls = sing(
            species(number), 10 * RATE, RATE, individual=derive_rng(0, "bird"), rng=derive_rng(number, "song")
        )
        inside = np.zeros(len(clean), bool)
        for call in calls:
            begin, end = round(call.box.begin_s * RATE), round(call.box.end_s * RATE)
            assert not inside[begin:end].any()
            inside[begin:end] = True
            energy = share_in_band(clean[begin:end], RATE, call.box.low_hz, call.box.high_hz)
            assert energy > 0.9
            assert call.label == species(number).name
        assert len(calls) >= 2
        assert not clean[~inside].any()


def test_species_differ_from_each_other_more_than_their_calls_do() -> None:
    """Nearest mean spectrum finds the species of a clean song by another individual."""

    def profile(number: int, bird: int) -> np.ndarray:
        clean, _ = sing(
            species(number),
            10 * RATE,
            RATE,
            individual=derive_rng(bird, "i"),
            rng=derive_rng(bird, "s", number),
        )
        frames = clean[: len(clean) // 1024 * 1024].reshape(-1, 1024)
        power = (np.abs(np.fft.rfft(frames * np.hanning(1024))) ** 2).mean(0)
        bands = np.sqrt(np.add.reduceat(power, np.unique(np.geomspace(20, 500, 30).astype(int))))
        return bands / np.linalg.norm(bands)

    numbers = range(8)
    known = np.array([np.mean([profile(n, bird) for bird in range(4)], axis=0) for n in numbers])
    right = [(known @ profile(n, bird)).argmax() == n for n in numbers for bird in range(4, 8)]
    assert np.mean(right) > 0.75


def test_species_have_unique_names_and_depend_on_their_number_alone() -> None:
    everyone = [species(n) for n in range(MAX_SPECIES)]
    assert (
        len({bird.name for bird in everyone}) == len({bird.common_name for bird in everyone}) == MAX_SPECIES
    )
    assert species(3) == everyone[3]
    with pytest.raises(InputError, match="numbered 0 to 143, got 144"):
        species(MAX_SPECIES)


@pytest.mark.parametrize(("exponent", "slope_db"), [(0.0, 0.0), (1.0, -3.01), (2.0, -6.02)])
def test_coloured_noise_falls_by_its_exponent(exponent: float, slope_db: float) -> None:
    noise = coloured_noise(1 << 17, exponent, derive_rng(0, "noise"))
    hz, power = power_spectrum(noise, RATE)
    octaves = [power[(hz > f) & (hz <= 2 * f)].mean() for f in (200, 400, 800, 1600, 3200)]
    assert noise.std() == pytest.approx(1.0)
    assert np.diff(10 * np.log10(octaves)).mean() == pytest.approx(slope_db, abs=0.3)


def test_a_background_has_its_levels_and_lines() -> None:
    quiet = Place(-50, -np.inf, -np.inf, 50, -np.inf, 6000, 0.3, 0.2, 0.0)
    noise = background(RATE * 8, RATE, quiet, derive_rng(0, "b"))
    assert 20 * np.log10(noise.std()) == pytest.approx(-50, abs=0.1)
    humming = Place(-90, -np.inf, -40, 50, -40, 6000, 0.3, 0.2, 0.0)
    hz, power = power_spectrum(background(RATE * 8, RATE, humming, derive_rng(0, "b")), RATE)
    assert hz[power[hz < 1000].argmax()] == pytest.approx(50, abs=0.2)
    high = hz > 1000
    assert hz[high][power[high].argmax()] == pytest.approx(6000, abs=150)


def test_distance_takes_level_and_high_frequencies_and_keeps_the_onset() -> None:
    click_sound = np.zeros(RATE)
    click_sound[1000] = 1.0
    dry = np.array([1.0, 0.0])
    near, far = (at_distance(click_sound, RATE, metres, dry) for metres in (10.0, 100.0))
    assert near.argmax() == far.argmax() == 1000
    hz, ratio = np.fft.rfftfreq(RATE, 1 / RATE), np.abs(np.fft.rfft(far)) / np.abs(np.fft.rfft(near))
    assert 20 * np.log10(ratio[hz == 100.0][0]) == pytest.approx(-20.0, abs=0.1)
    assert 20 * np.log10(ratio[hz == 8000.0][0]) == pytest.approx(-20.0 - 0.003 * 90 * 64, abs=0.3)


def test_reverberation_falls_by_60_db_in_its_decay_time() -> None:
    response = impulse_response(RATE, 0.5, 0.3, derive_rng(0, "r"))
    assert response[0] == 1.0
    assert np.linalg.norm(response[1:]) == pytest.approx(0.3)
    early, late = (np.std(response[round(s * RATE) :][: RATE // 50]) for s in (0.05, 0.25))
    assert 20 * np.log10(late / early) == pytest.approx(-60 * 0.2 / 0.5, abs=2)


def test_the_same_settings_give_the_same_bytes(dataset: Path, tmp_path: Path) -> None:
    assert hashes(synthesize_dataset(tmp_path / "same", **SMALL)) == hashes(dataset)
    other = hashes(synthesize_dataset(tmp_path / "other", **SMALL, seed=1))
    assert not set(other.values()) & set(hashes(dataset).values())


@pytest.mark.parametrize("audio_format", FORMATS)
def test_every_format_is_the_same_twice_and_decodes(audio_format: str) -> None:
    sound = synthesize_recording(0, 0, 0, SynthSettings(duration_s=(2.0, 2.0))).waveform
    content = encode(sound, audio_format)
    assert encode(sound, audio_format) == content
    decoded, rate = soundfile.read(io.BytesIO(content))
    assert rate == RATE
    assert len(decoded) == len(sound.samples)
    lag = np.abs(np.fft.irfft(np.fft.rfft(decoded) * np.conj(np.fft.rfft(sound.samples)))).argmax()
    assert lag == 0, "an encoder's delay would move every annotation"


def test_the_ogg_checksum_is_the_one_of_the_format() -> None:
    """Bit by bit, as RFC 3533 defines it: polynomial 0x04c11db7, start 0, no inversion."""

    def slow(page: bytes) -> int:
        register = 0
        for byte in page:
            register ^= byte << 24
            for _ in range(8):
                register = (register << 1 ^ (0x04C11DB7 if register >> 31 else 0)) & 0xFFFFFFFF
        return register

    page = bytes(range(256)) + b"OggS"
    assert _ogg_checksum(page) == slow(page)
    assert _MIRRORED[1] == 128


def test_a_dataset_is_described_completely(dataset: Path) -> None:
    with open(dataset / "recordings.csv", encoding="utf-8") as stream:
        catalog = {row["id"]: row for row in csv.DictReader(stream)}
    calls = defaultdict(list)
    with open(dataset / "annotations.csv", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            calls[row["recording_id"]].append(row)
    assert len(catalog) == 7
    boxes = read_annotations(dataset)
    assert {name: len(rows) for name, rows in boxes.items()} == {k: len(v) for k, v in calls.items()}
    name, ((box, label), *_) = next(iter(boxes.items()))
    assert (f"{box.begin_s:.6f}", f"{box.high_hz:.1f}") == (
        calls[name][0]["begin_s"],
        calls[name][0]["high_hz"],
    )
    assert label == calls[name][0]["label"]
    assert {p.name for p in dataset.iterdir()} == {
        *(species(0).name, species(1).name, NO_BIRD, "recordings.csv", "annotations.csv")
    }
    for row in catalog.values():
        info = soundfile.info(dataset / row["path"])
        assert Path(row["path"]).parent.name == row["label"]
        assert float(row["duration_s"]) == pytest.approx(info.duration, abs=1e-3)
        assert 2.0 <= info.duration <= 3.0
        assert row["licence"] == "synthetic"
        heard = {call["label"] for call in calls[row["id"]]}
        assert heard == {name for name in (row["label"], *row["background"].split(";")) if name} - {NO_BIRD}
        for call in calls[row["id"]]:
            assert 0 <= float(call["begin_s"]) < float(call["end_s"]) <= info.duration + 1e-6
            assert float(call["low_hz"]) < float(call["high_hz"])


def test_sessions_have_a_sound_of_their_own_and_each_species_several_of_them(tmp_path: Path) -> None:
    assert len({draw_session(0, k).place for k in range(4)}) == 4
    assert draw_session(0, 2) == draw_session(0, 2) != draw_session(1, 2)
    out = synthesize_dataset(tmp_path / "x", n_species=2, n_recordings=12, duration_s=(2.0, 2.0), no_bird=0)
    sessions = defaultdict(list)
    with open(out / "recordings.csv", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            sessions[row["label"]].append((row["recordist"], row["date"], row["site"]))
    for kept in sessions.values():
        counts = sorted(kept.count(session) for session in set(kept))
        assert len(counts) == 4
        assert counts[-1] > counts[0]


def test_recordings_stand_out_from_noise_and_do_not_clip() -> None:
    settings = SynthSettings()
    found = [synthesize_recording(k, k % 5, k % 4, settings) for k in range(12)]
    assert np.median([r.snr_db for r in found]) > 5
    for recording in found:
        samples = recording.waveform.samples
        assert isinstance(recording.waveform, Waveform)
        assert abs(samples).max() <= 0.981
    silent = synthesize_recording(99, None, 0, settings)
    assert (silent.label, silent.calls, silent.snr_db) == (NO_BIRD, (), -np.inf)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_species": 0}, "n_species: expected 1 to 144, got 0"),
        ({"duration_s": (3.0, 2.0)}, "duration_s: expected shortest and longest"),
        ({"duration_s": (1.0, 2.0)}, "2 s or more"),
        ({"duration_s": (2.0, float("inf"))}, "2 s or more"),
        ({"sample_rate": 4000}, "at least 8000 Hz, got 4000"),
        ({"sample_rate": 96000, "audio_format": "mp3"}, "mp3: expected .* one of 8000, .*, got 96000"),
        ({"sample_rate": 700_000, "audio_format": "flac"}, "flac: expected .* at most 655350 Hz"),
        ({"sample_rate": 65_536, "audio_format": "flac"}, "a multiple of 10, got 65536"),
        ({"sample_rate": 300_000, "audio_format": "ogg"}, "ogg: expected .* at most 200000 Hz"),
        ({"audio_format": "m4a"}, "expected one of wav, flac, mp3, ogg, got 'm4a'"),
        ({"n_sessions": 0}, "n_sessions=0"),
    ],
)
def test_settings_outside_their_range(settings: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        synthesize_dataset(tmp_path / "x", **settings)


@pytest.mark.parametrize(("audio_format", "rate"), [("flac", 192_000), ("ogg", 200_000), ("mp3", 11_025)])
def test_rates_at_the_limits_are_written(audio_format: str, rate: int) -> None:
    content = encode(Waveform(np.zeros(rate, np.float32), rate), audio_format)
    assert soundfile.info(io.BytesIO(content)).samplerate == rate


def test_seconds_are_finite(tmp_path: Path) -> None:
    for longest in ("inf", "nan"):
        result = CliRunner().invoke(synth, [str(tmp_path / "x"), "--seconds", "2", longest])
        assert (result.exit_code, result.stderr.count("not a finite number")) == (2, 1)


def test_wrong_names_and_full_folders(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'n_species'"):
        synthesize_dataset(tmp_path / "x", n_specie=2)
    with pytest.raises(InputError, match="already holds files"):
        synthesize_dataset(dataset, **SMALL)
    with pytest.raises(UnknownNameError, match="did you mean 'trill'"):
        voice("tril", derive_rng(0), RATE)


def test_places_differ() -> None:
    assert draw_place(derive_rng(0, "p")) != draw_place(derive_rng(1, "p"))


def test_the_example_of_the_help_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert synth.epilog is not None
    words = synth.epilog.split("avianvox synth ")[1].split()
    result = CliRunner().invoke(synth, words)
    assert result.exit_code == 0, result.output
    assert result.stdout == "voices/recordings.csv\n"
    assert len(list(Path("voices").rglob("*.wav"))) == 3 * 4 + 6
    options = ["x", "--species", "1", "--recordings", "1", "--no-bird", "0", "--seconds", "2", "2"]
    result = CliRunner().invoke(synth, [*options, "--format", "mp3", "--sample-rate", "16000"])
    assert result.exit_code == 0, result.output
    (path,) = Path("x").rglob("*.mp3")
    assert (soundfile.info(path).samplerate, soundfile.info(path).duration) == (16000, pytest.approx(2.0))
