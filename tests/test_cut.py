"""Spans of recordings: the samples that stand there, whatever holds them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from avianvox.audio.cut import Clip, cut, write_clip
from avianvox.audio.decode import load_waveform
from avianvox.errors import AudioError
from avianvox.types import Status

RATE = 24000


@pytest.fixture(scope="module")
def counted() -> np.ndarray:
    """Four seconds in which every sample is another number, shape (n, 2), 24 bits."""
    n = np.arange(4 * RATE, dtype=np.int32)
    return np.stack([n - 2 * RATE, 3 * (2 * RATE - n)], axis=1)


@pytest.mark.parametrize(
    ("ending", "subtype"),
    [("wav", "PCM_24"), ("flac", "PCM_24"), ("aiff", "PCM_24"), ("wav", "FLOAT"), ("rf64", "PCM_32")],
)
def test_a_span_holds_the_samples_of_its_place(
    ending: str, subtype: str, counted: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / f"sound.{ending}"
    soundfile.write(path, counted / float(1 << 23), RATE, subtype=subtype)
    spans = [(2.5, 3.0), (-1.0, 0.5), (0.25, 2.75), (3.5, 9.0), (4.5, 5.0)]
    found = dict(cut(path, spans))
    assert list(found) == [1, 2, 0, 3]  # as they end; the last one lies behind the end
    for i, (first, last) in enumerate([(2.5, 3.0), (0.0, 0.5), (0.25, 2.75), (3.5, 4.0)]):
        expected = counted[round(first * RATE) : round(last * RATE)] / np.float32(1 << 23)
        np.testing.assert_array_equal(found[i].samples, expected)
        assert (found[i].begin_s, found[i].end_s, found[i].bits) == (first, last, 24)


@pytest.mark.parametrize(("ending", "bits"), [("wav", 16), ("flac", 16), ("wav", 24), ("flac", 24)])
def test_a_written_clip_holds_the_same_numbers(
    ending: str, bits: int, counted: np.ndarray, tmp_path: Path
) -> None:
    steps = counted // 3 if bits == 16 else counted * 50
    path, out = tmp_path / "sound.wav", tmp_path / f"cut.{ending}"
    soundfile.write(path, steps.astype(np.int32) << (32 - bits), RATE, subtype=f"PCM_{bits}")
    ((_, clip),) = cut(path, [(1.0, 3.0)])
    write_clip(clip, out)
    samples, rate = soundfile.read(out, dtype="int32")
    np.testing.assert_array_equal(samples >> (32 - bits), steps[RATE : 3 * RATE])
    assert (rate, soundfile.info(out).subtype) == (RATE, f"PCM_{bits}")


def test_what_is_louder_than_full_scale_is_clipped(tmp_path: Path) -> None:
    write_clip(Clip(np.array([[2.0], [-2.0], [0.5]], np.float32), RATE, 0, 16), tmp_path / "loud.wav")
    samples, _ = soundfile.read(tmp_path / "loud.wav", dtype="int16")
    assert samples.tolist() == [32767, -32768, 16384]


def test_an_mp3_is_read_through(tmp_path: Path) -> None:
    path = tmp_path / "tones.mp3"
    t = np.arange(6 * RATE) / RATE
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * np.where(t < 3, 1000, 4000) * t), RATE)
    whole = load_waveform(path, sample_rate=RATE)[0].samples
    spans = [(4.0, 5.0), (1.0, 4.5)]
    found = dict(cut(path, spans))
    for i, (begin, end) in enumerate(spans):
        np.testing.assert_array_equal(found[i].samples[:, 0], whole[round(begin * RATE) : round(end * RATE)])
    spectrum = np.abs(np.fft.rfft(found[0].samples[:, 0]))
    assert spectrum.argmax() == 4000


def test_what_flac_does_not_hold_is_said(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="FLAC cannot hold 9 channels at 24000 Hz; use WAV"):
        write_clip(Clip(np.zeros((10, 9), np.float32), RATE, 0, 16), tmp_path / "nine.flac")
    assert list(tmp_path.iterdir()) == []


def test_a_channel_is_picked_or_missing(counted: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "two.wav", counted / float(1 << 23), RATE, subtype="PCM_24")
    ((_, clip),) = cut(tmp_path / "two.wav", [(0, 1)])
    np.testing.assert_array_equal(clip.of_channel(2).samples[:, 0], clip.samples[:, 1])
    with pytest.raises(AudioError, match="expected a channel 3, the file has 2") as caught:
        clip.of_channel(3)
    assert caught.value.status == Status.UNSUPPORTED


def test_a_cut_off_file_gives_what_is_there(counted: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, counted / float(1 << 23), RATE, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[: 44 + 4 * 2 * RATE])  # two of its four seconds
    ((i, clip),) = cut(path, [(1.5, 2.5), (3.0, 4.0)])
    assert (i, clip.end_s) == (0, 2.0)


@pytest.mark.parametrize("kind", ["wav", "ogg"])
def test_a_span_that_ends_before_it_begins_holds_nothing(
    kind: str, counted: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / f"whole.{kind}"
    soundfile.write(path, counted, 24000)
    assert list(cut(path, [(0.6, 0.2), (-3.0, -1.0)])) == []


def test_no_file_is_an_audio_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such file"):
        list(cut(tmp_path / "no.wav", [(0, 1)]))
