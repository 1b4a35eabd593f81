"""Recorders with several channels: all of them mixed, or one picked."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from avianvox.audio.decode import count_channels, open_audio
from avianvox.errors import AudioError, InputError
from avianvox.types import Status

RATE = 16000
TONES_HZ = (500.0, 1000.0, 2000.0, 4000.0)


@pytest.fixture(scope="module")
def four_tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds, a tone of its own on each channel."""
    path = tmp_path_factory.mktemp("channels") / "four.wav"
    seconds = np.arange(2 * RATE)[:, None] / RATE
    soundfile.write(path, 0.4 * np.sin(2 * np.pi * np.array(TONES_HZ) * seconds), RATE)
    return path


def read(path: Path, channel: int | None, sample_rate: int = RATE) -> np.ndarray:
    with open_audio(path, sample_rate=sample_rate, channel=channel) as stream:
        return np.concatenate(list(stream))


def peak_hz(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * RATE / len(samples))


@pytest.mark.parametrize(("channel", "hz"), list(enumerate(TONES_HZ, start=1)))
def test_a_channel_that_is_picked_is_heard_alone(four_tones: Path, channel: int, hz: float) -> None:
    samples = read(four_tones, channel)
    expected, _ = soundfile.read(four_tones, dtype="float32")
    np.testing.assert_array_equal(samples, expected[:, channel - 1])
    assert peak_hz(samples) == hz


def test_none_is_the_mean_of_all(four_tones: Path) -> None:
    picked = np.mean([read(four_tones, channel) for channel in (1, 2, 3, 4)], axis=0)
    np.testing.assert_allclose(read(four_tones, None), picked, atol=1e-7)


def test_resampling_hears_only_the_channel_that_was_picked(four_tones: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.wav"
    soundfile.write(alone, read(four_tones, 3), RATE, subtype="FLOAT")
    np.testing.assert_array_equal(read(four_tones, 3, 22050), read(alone, None, 22050))


def test_channels_are_counted(four_tones: Path, tmp_path: Path) -> None:
    assert count_channels(four_tones) == 4
    with pytest.raises(AudioError) as error:
        count_channels(tmp_path / "none.wav")
    assert error.value.status == Status.MISSING


def test_a_channel_that_is_not_there_is_said_in_one_line(four_tones: Path, tmp_path: Path) -> None:
    with pytest.raises(AudioError) as error:
        read(four_tones, 5)
    assert str(error.value) == (
        f"{four_tones}: expected a channel 5, the file has channels 1 to 4; pick another, or mix them"
    )
    assert error.value.status == Status.UNSUPPORTED
    mono = tmp_path / "mono.wav"
    soundfile.write(mono, np.zeros(8), RATE)
    with pytest.raises(AudioError, match="the file has one channel"):
        read(mono, 2)
    with pytest.raises(InputError, match="counted from 1"):
        read(mono, 0)


def test_the_status_speaks_of_the_channel_that_was_picked(tmp_path: Path) -> None:
    path = tmp_path / "one_dead_microphone.wav"
    frames = np.zeros((RATE, 2))
    frames[:, 0] = 0.3 * np.sin(np.arange(RATE))
    soundfile.write(path, frames, RATE)
    statuses = {}
    for channel in (None, 1, 2):
        with open_audio(path, sample_rate=RATE, channel=channel) as stream:
            list(stream)
            statuses[channel] = stream.report.status
    assert statuses == {None: Status.OK, 1: Status.OK, 2: Status.SILENT}
