"""The fast extractor against librosa and SciPy, and against signals with known answers."""

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal
from librosa_oracle import librosa_features

from avianvox.errors import InputError
from avianvox.features.extract import FeatureStream, extract_features, stream_features
from avianvox.features.filters import (
    band_edges_hz,
    dct_matrix,
    hann_window,
    hz_to_mel,
    mel_matrix,
    mel_to_hz,
)
from avianvox.features.spec import SPECS, FeatureSpec
from avianvox.types import Waveform

TOLERANCE_DB = 1e-3  # above -60 dB of the peak: the transform rounds to float32, librosa's to float64
SPEC = SPECS["published_v1"]


def signals(sample_rate: int) -> dict[str, np.ndarray]:
    t = np.arange(2 * sample_rate) / sample_rate
    impulse = np.zeros(sample_rate, np.float32)
    impulse[sample_rate // 3] = 1.0
    rng = np.random.default_rng(0)
    return {
        "chirp": (0.5 * scipy.signal.chirp(t, 300, 2, 0.45 * sample_rate)).astype(np.float32),
        "noise": (0.1 * rng.standard_normal(len(t))).astype(np.float32),
        "silence": np.zeros(sample_rate, np.float32),
        "impulse": impulse,
    }


def tone(hz: float, *, amplitude: float = 0.25, seconds: float = 1.0) -> np.ndarray:
    t = np.arange(int(seconds * SPEC.sample_rate)) / SPEC.sample_rate
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def rows_of(samples: np.ndarray, spec: FeatureSpec = SPEC) -> np.ndarray:
    return extract_features(Waveform(samples, spec.sample_rate), spec).values


def assert_equals_librosa(samples: np.ndarray, spec: FeatureSpec) -> None:
    rows = rows_of(samples, spec)
    log_mel, mfcc = np.split(librosa_features(samples, spec), [spec.n_mels], axis=1)
    assert rows.shape == (len(log_mel), spec.n_features)
    loud = log_mel >= log_mel.max() - 60
    assert np.abs(rows[:, : spec.n_mels] - log_mel)[loud].max() < TOLERANCE_DB
    if loud.all(axis=1).any():  # an MFCC sums all bands, the quiet ones too
        whole = loud.all(axis=1)
        assert rows[whole, spec.n_mels :] == pytest.approx(mfcc[whole], abs=1e-3, rel=2e-6)


@pytest.mark.parametrize("spec_name", SPECS)
@pytest.mark.parametrize("name", ["chirp", "noise", "silence", "impulse"])
def test_equals_librosa(spec_name: str, name: str) -> None:
    spec = SPECS[spec_name]
    assert_equals_librosa(signals(spec.sample_rate)[name], spec)


@pytest.mark.recordings
@pytest.mark.parametrize("spec_name", SPECS)
def test_equals_librosa_on_real_recordings(real_data, spec_name: str) -> None:
    from avianvox.audio.decode import load_waveform

    spec = SPECS[spec_name]
    for path in sorted((real_data / "puerto_rico" / "audio").iterdir())[::60]:
        waveform, _ = load_waveform(path, sample_rate=spec.sample_rate)
        assert_equals_librosa(waveform.samples[: 5 * spec.sample_rate], spec)


@pytest.mark.parametrize("spec_name", SPECS)
def test_matrices_equal_librosa_and_scipy(spec_name: str) -> None:
    spec = SPECS[spec_name]
    mel = librosa.filters.mel(
        sr=spec.sample_rate, n_fft=spec.n_fft, n_mels=spec.n_mels, fmin=spec.fmin_hz, fmax=spec.fmax_hz
    )
    assert mel_matrix(spec) == pytest.approx(mel.T, abs=1e-8)
    cosine = scipy.fft.dct(np.eye(spec.n_mels), type=2, norm="ortho")[:, : spec.n_mfcc]
    assert dct_matrix(spec) == pytest.approx(cosine, abs=1e-7)
    assert hann_window(spec) == pytest.approx(scipy.signal.get_window("hann", spec.n_fft), abs=1e-7)


def test_mel_scale_round_trip() -> None:
    hz = np.concatenate([[0.0, 999.9, 1000.0, 1000.1], np.geomspace(1, 24000, 500)])
    assert mel_to_hz(hz_to_mel(hz)) == pytest.approx(hz, rel=1e-12, abs=1e-12)
    assert hz_to_mel(hz) == pytest.approx(librosa.hz_to_mel(hz), rel=1e-12)


def test_tone_peaks_in_the_band_that_holds_it() -> None:
    edges = band_edges_hz(SPEC)
    for hz in (440.0, 1234.0, 4000.0, 9000.0):
        band = int(rows_of(tone(hz))[20, : SPEC.n_mels].argmax())
        bin_hz = SPEC.sample_rate / SPEC.n_fft  # low bands are narrower than a bin
        assert edges[band] - bin_hz <= hz <= edges[band + 2] + bin_hz


def test_doubling_the_amplitude_adds_6_02_db() -> None:
    noise = signals(SPEC.sample_rate)["noise"]
    difference = rows_of(2 * noise) - rows_of(noise)
    assert difference[:, : SPEC.n_mels] == pytest.approx(20 * np.log10(2), abs=1e-4)
    assert difference[:, SPEC.n_mels + 1 :] == pytest.approx(0, abs=2e-3)  # all but the first MFCC


def test_a_shift_by_one_hop_shifts_one_frame() -> None:
    noise = signals(SPEC.sample_rate)["noise"]
    shifted = np.concatenate([np.zeros(SPEC.hop_length, np.float32), noise])
    assert rows_of(shifted)[3:40] == pytest.approx(rows_of(noise)[2:39], abs=1e-5)


@pytest.mark.parametrize("n_samples", [1, 511, 512, 2047, 66_000, 88_200, 131_072 + 5])
def test_frame_count_is_librosas(n_samples: int) -> None:
    rows = rows_of(np.full(n_samples, 0.1, np.float32))
    assert len(rows) == SPEC.frames_of(n_samples) == 1 + n_samples // SPEC.hop_length


@pytest.mark.parametrize("size", [1_000, 4_096, 65_537, 88_200])
def test_bits_do_not_depend_on_block_sizes(rng, size: int) -> None:
    samples = rng.standard_normal(200_000).astype(np.float32)
    pieces = [samples[i : i + size] for i in range(0, len(samples), size)]
    rows = np.concatenate(list(stream_features(pieces, SPEC)))
    assert rows.tobytes() == rows_of(samples).tobytes()


def test_bits_do_not_depend_on_uneven_blocks(rng) -> None:
    samples = rng.standard_normal(150_000).astype(np.float32)
    cuts = np.sort(rng.integers(0, len(samples), 60))
    stream = FeatureStream(SPEC)
    for _ in range(2):  # the stream takes the next recording after the first
        pieces = [row for piece in np.split(samples, cuts) for row in stream.push(piece)]
        rows = np.concatenate([*pieces, *stream.finish()])
        assert rows.tobytes() == rows_of(samples).tobytes()


def test_nothing_gives_no_frames_and_a_wrong_rate_is_refused() -> None:
    assert rows_of(np.empty(0, np.float32)).shape == (0, SPEC.n_features)
    with pytest.raises(InputError, match="expected sound at 22050 Hz, got 44100 Hz"):
        extract_features(Waveform(np.zeros(10, np.float32), 44100), SPEC)
