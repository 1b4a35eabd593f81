"""Silence has no name: also where a constant is added to it, at any level, with any sample rate."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from avianvox.features.extract import extract_features
from avianvox.features.silence import SILENCE_DB, SilenceTest
from avianvox.features.spec import FeatureSpec
from avianvox.inference.classifier import Classifier
from avianvox.types import Waveform

SPEC = FeatureSpec()
RATE = SPEC.sample_rate
WINDOW = SPEC.n_frames * SPEC.hop_length


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


def dither(n: int, steps: float) -> np.ndarray:
    return np.round(np.random.default_rng(0).standard_normal(n) * steps) / 32768


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
@pytest.mark.parametrize("offset", [1e-4, 1e-3, -0.02, 0.3, -0.95])
@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize("seconds", [0.5, 7])
def test_a_constant_is_never_named(
    classifier: Classifier, tmp_path: Path, rate: int, offset: float, steps: int, seconds: float
) -> None:
    n = round(seconds * rate)
    soundfile.write(path := tmp_path / "offset.wav", offset + dither(n, steps), rate, subtype="PCM_16")
    assert classifier.classify(path).windows == ()


def test_windows_of_a_constant_beside_sound(classifier: Classifier) -> None:
    length = classifier.spec.n_frames * classifier.spec.hop_length
    samples = np.full(5 * length - 1, 0.2, np.float32)
    samples[length : 2 * length] += 0.1 * np.random.default_rng(0).standard_normal(length, np.float32)
    stream = classifier.windows([samples], overlap_s=0.0)
    assert [window.first_sample for window in stream] == [length]
    assert (stream.n_scored, stream.n_silent) == (1, 4)


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_a_voice_is_heard_whatever_is_added_to_it(classifier: Classifier, offset: float) -> None:
    voice = np.zeros(WINDOW - 1)
    voice[WINDOW // 2 : WINDOW // 2 + 2000] = 0.002 * np.sin(2 * np.pi * 3000 / RATE * np.arange(2000))
    assert len(list(classifier.windows([(voice + offset).astype(np.float32)]))) == 1


def test_the_shortest_voice_at_the_edge_of_digital_silence_is_heard(classifier: Classifier) -> None:
    samples = np.zeros(WINDOW - 1, np.float32)
    samples[:200] = np.sin(2 * np.pi * 3000 / RATE * np.arange(200))
    assert len(list(classifier.windows([samples]))) == 1


@pytest.mark.parametrize(("steps", "silent"), [(1, True), (2, True), (20, False)])
@pytest.mark.parametrize("offset", [0.0, 0.1])
def test_noise_is_judged_by_its_level_alone(steps: float, silent: bool, offset: float) -> None:
    samples = (dither(3 * RATE, steps) + offset).astype(np.float32)
    rows = extract_features(Waveform(samples, RATE), SPEC).values
    assert bool(rows[:, 1 : SPEC.n_mels][8:-8].max() <= SILENCE_DB) == silent
    assert SilenceTest(SPEC)(rows) == silent


def test_bands_above_the_constant_need_no_exception() -> None:
    """A spec that begins at 500 Hz has no band that a constant reaches."""
    spec = SPEC.with_changes(fmin_hz=500.0)
    assert not SilenceTest(spec)(np.full((spec.n_frames, spec.n_features), -40.0, np.float32))
