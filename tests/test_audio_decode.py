"""Decoding: the same samples whatever the block size, and a true status for every kind of bad file."""

import errno
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avianvox.audio.decode import load_waveform, open_audio
from avianvox.audio.mp3 import frame_bytes
from avianvox.audio.probe import probe
from avianvox.errors import AudioError, InputError
from avianvox.types import Status

RATE = 22050

old_audioread = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated:DeprecationWarning")
"""audioread imports modules of the standard library that Python 3.11 and 3.12 warn about."""


def sine(seconds: float, rate: int, hz: float = 1000.0, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def joined(path: Path, block_s: float, sample_rate: int = RATE) -> np.ndarray:
    with open_audio(path, sample_rate=sample_rate, block_s=block_s) as stream:
        return np.concatenate(list(stream))


@pytest.fixture(scope="module")
def noisy_mp3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stereo noise of 3 s. Decoded with a seek on the way it gives other samples than in one go."""
    path = tmp_path_factory.mktemp("mp3") / "noise.mp3"
    noise = np.random.default_rng(0).standard_normal((3 * 44100, 1)) * 0.2
    frames = np.repeat(noise, 2, axis=1).astype(np.float32)
    soundfile.write(path, frames, 44100, bitrate_mode="VARIABLE", compression_level=0.6)
    return path


def without_frame_count(mp3: Path, name: str) -> Path:
    """The same file with its Xing tag made unreadable."""
    data = bytearray(mp3.read_bytes())
    at = max(data.find(b"Xing"), data.find(b"Info"))
    data[at : at + 4] = b"    "
    other = mp3.with_name(name)
    other.write_bytes(data)
    return other


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(block_s=st.floats(0.003, 5.0))
def test_samples_do_not_depend_on_the_block_size(noisy_mp3: Path, block_s: float) -> None:
    whole = load_waveform(noisy_mp3, sample_rate=RATE)[0].samples
    np.testing.assert_array_equal(joined(noisy_mp3, block_s), whole)


def test_one_pass_gives_the_same_samples(noisy_mp3: Path) -> None:
    import soxr

    with soundfile.SoundFile(noisy_mp3) as file:
        stereo = file.read(dtype="float32")  # everything in one read: nothing is sought
    expected = soxr.resample((stereo[:, 0] + stereo[:, 1]) * np.float32(0.5), 44100, RATE, quality="HQ")
    np.testing.assert_array_equal(joined(noisy_mp3, 0.5), expected)


def test_blocks_have_the_length_asked_for(noisy_mp3: Path) -> None:
    with open_audio(noisy_mp3, sample_rate=RATE, block_s=1.0) as stream:
        lengths = [len(block) for block in stream]
    assert lengths == [RATE, RATE, RATE]


@pytest.mark.parametrize(
    ("format_", "subtype", "rate", "channels", "tolerance"),
    [
        ("WAV", "PCM_U8", 22050, 1, 0.01),
        ("WAV", "PCM_16", 44100, 2, 1e-3),
        ("WAV", "PCM_24", 192000, 1, 1e-3),
        ("WAV", "FLOAT", 48000, 8, 1e-3),
        ("AIFF", "PCM_16", 44100, 1, 1e-3),
        ("FLAC", "PCM_24", 44100, 2, 1e-3),
        ("OGG", "VORBIS", 44100, 1, 0.03),
        ("OGG", "OPUS", 48000, 2, 0.03),
        ("MP3", "MPEG_LAYER_III", 44100, 2, 0.03),
    ],
)
def test_a_tone_survives_every_format_under_a_wrong_name(
    tmp_path: Path, format_: str, subtype: str, rate: int, channels: int, tolerance: float
) -> None:
    path = tmp_path / 'it\'s a "søng" 鳥.mp3'
    frames = np.repeat(sine(1.0, rate)[:, None], channels, axis=1)
    soundfile.write(path, frames, rate, format=format_, subtype=subtype)
    waveform, report = load_waveform(path, sample_rate=RATE)
    assert (report.status, report.container, report.codec) == (Status.OK, format_, subtype)
    assert (report.sample_rate, report.channels) == (rate, channels)
    assert report.decoded_s == pytest.approx(1.0, abs=0.1)
    middle = slice(RATE // 4, RATE // 2)
    np.testing.assert_allclose(waveform.samples[middle], sine(1.0, RATE)[middle], atol=tolerance)


def test_channels_are_mixed_by_their_mean(tmp_path: Path) -> None:
    path = tmp_path / "three.wav"
    soundfile.write(path, np.tile(np.float32([0.3, 0.6, -0.3]), (RATE, 1)), RATE, subtype="FLOAT")
    np.testing.assert_allclose(joined(path, 1.0), 0.2, atol=1e-7)


def test_equal_rates_pass_through_untouched(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "plain.wav"
    samples = rng.uniform(-0.5, 0.5, 100_000).astype(np.float32)
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(joined(path, 0.1), samples)


def test_an_mp3_without_a_frame_count_is_read_to_its_end(tmp_path: Path) -> None:
    """libsndfile guesses the length from the first frames, which are small here, and would stop there."""
    path = tmp_path / "vbr.mp3"
    noise = np.random.default_rng(0).standard_normal(10 * 44100) * 0.2
    noise[: 44100 // 2] = 0
    soundfile.write(path, noise, 44100, bitrate_mode="VARIABLE")
    report = probe(without_frame_count(path, "uncounted.mp3"))
    assert report.status == Status.OK
    assert report.decoded_s == pytest.approx(10.0, abs=0.2)


def test_a_cut_mp3_is_truncated_and_what_is_there_decodes(noisy_mp3: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp3"
    data = noisy_mp3.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    waveform, report = load_waveform(path, sample_rate=RATE)
    assert report.status == Status.TRUNCATED
    assert report.header_s == pytest.approx(3.0, abs=0.01)
    assert 1.0 < waveform.duration_s < 2.5
    assert report.message.startswith("the header promises 3.0 s")


def test_a_cut_mp3_without_a_frame_count_ends_within_a_frame(noisy_mp3: Path, tmp_path: Path) -> None:
    whole = without_frame_count(noisy_mp3, "whole.mp3")
    data = whole.read_bytes()
    assert probe(whole).status == Status.OK
    lengths = [frame_bytes(data[at : at + 4]) for at in range(len(data))]
    ends = {at + length for at, length in enumerate(lengths) if length}
    cut = tmp_path / "cut.mp3"
    for size in range(len(data) // 2, len(data) // 2 + 1500, 97):
        cut.write_bytes(data[:size])
        report = probe(cut)
        assert report.status == (Status.OK if size in ends else Status.TRUNCATED), size
    whole.write_bytes(data + b"TAG" + bytes(125))
    assert probe(whole).status == Status.OK


def test_decoding_goes_on_behind_a_hole(tmp_path: Path) -> None:
    path = tmp_path / "hole.mp3"
    soundfile.write(path, np.random.default_rng(0).standard_normal(10 * 44100) * 0.2, 44100)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    report = probe(path)
    assert report.status == Status.TRUNCATED
    assert report.decoded_s is not None
    assert 8.0 < report.decoded_s < 10.0
    assert "damaged" in report.message


@pytest.mark.parametrize(
    ("promised", "status"), [(2.0, Status.TRUNCATED), (1.05, Status.OK), (None, Status.OK)]
)
def test_a_wav_is_held_to_the_length_in_its_header(
    tmp_path: Path, promised: float | None, status: Status
) -> None:
    path = tmp_path / "header.wav"
    soundfile.write(path, sine(1.0, RATE), RATE, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    size = 0xFFFFFFFF if promised is None else int(promised * RATE) * 2
    at = data.find(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(data)
    report = probe(path)
    assert report.status == status
    assert report.decoded_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("level", "status"),
    [(0.0, Status.SILENT), (1e-5, Status.SILENT), (0.9, Status.OK), (3.0, Status.CLIPPED)],
)
def test_level_decides_between_silent_ok_and_clipped(tmp_path: Path, level: float, status: Status) -> None:
    path = tmp_path / "level.wav"
    soundfile.write(path, np.clip(sine(1.0, RATE, level=level), -1, 1), RATE, subtype="PCM_16")
    assert probe(path).status == status


@pytest.mark.parametrize(
    ("n_full", "status"), [(49, Status.OK), (50, Status.CLIPPED), (10_000, Status.CLIPPED)]
)
def test_half_a_percent_at_full_scale_is_clipped(tmp_path: Path, n_full: int, status: Status) -> None:
    samples = sine(1.0, 10_000)
    samples[:n_full] = 0.995
    soundfile.write(path := tmp_path / "loud.wav", samples, 10_000)
    expected = "" if status == Status.OK else f"{n_full / 10_000:.1%} of the samples are at full scale"
    if n_full == 10_000:  # a constant is silence, however loud
        status, expected = Status.SILENT, "there is no sound in it"
    assert (probe(path).status, probe(path).message) == (status, expected)


@pytest.mark.parametrize("left", [0.0, 0.5])
def test_channels_that_cancel_each_other(tmp_path: Path, left: float) -> None:
    """``left`` is what the right channel has of its own, in percent of the left one."""
    heard = sine(1.0, RATE)
    frames = np.stack([heard, -heard + np.float32(left / 100) * sine(1.0, RATE, hz=700)], axis=1)
    soundfile.write(path := tmp_path / "antiphase.wav", frames, RATE)
    wanted = (
        "the channels cancel each other when they are mixed (is the polarity of one reversed?); "
        "read one of them alone, with avianvox classify --channels 1"
    )
    assert (probe(path).status, probe(path).message) == (Status.OK, wanted)
    assert load_waveform(path, sample_rate=RATE)[1].message == wanted
    with open_audio(path, sample_rate=RATE, channel=1) as stream:
        assert np.abs(np.concatenate(list(stream))).max() > 0.49
        assert stream.report.message == ""
    soundfile.write(path, np.stack([heard, 0 * heard], axis=1), RATE)  # one microphone alone cancels nothing
    assert probe(path).message == ""


@pytest.mark.parametrize(("rate", "wanted"), [(8000, 22050), (11025, 22050), (11026, 22050), (48000, 96000)])
def test_a_low_sample_rate_is_told(tmp_path: Path, rate: int, wanted: int) -> None:
    soundfile.write(path := tmp_path / "low.wav", sine(1.0, rate), rate)
    with open_audio(path, sample_rate=wanted) as stream:
        list(stream)
        report, highest_hz = stream.report, stream.highest_hz
    told = f"there is nothing above {rate / 2000:g} kHz in it, and {wanted / 2000:g} kHz are listened to"
    assert report.status == Status.OK
    assert report.message == (f"{told}: answers may be wrong" if rate * 2 <= wanted else "")
    assert highest_hz == rate / 2
    assert probe(path).message == ""


def test_samples_that_are_no_sound_become_zero(tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    samples = sine(1.0, RATE)
    samples[[10, 20, 30]] = np.nan, np.inf, -1e30
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    waveform, report = load_waveform(path, sample_rate=RATE)
    assert report.status == Status.OK
    assert report.message == "3 samples are not finite or far too large, and were set to zero"
    expected = sine(1.0, RATE)
    expected[[10, 20, 30]] = 0
    np.testing.assert_array_equal(waveform.samples, expected)


def bad_files(folder: Path) -> dict[str, tuple[Path, Status]]:
    empty, text, no_samples, aac = (folder / n for n in ("empty.mp3", "text.mp3", "none.wav", "a.wav"))
    empty.touch()
    text.write_text("this is not music\n" * 50)
    soundfile.write(no_samples, np.empty(0, np.float32), RATE)
    aac.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(200))
    damaged = folder / "damaged.flac"
    damaged.write_bytes(b"fLaC" + bytes(100))
    return {
        "empty": (empty, Status.EMPTY),
        "text": (text, Status.UNDECODABLE),
        "no samples": (no_samples, Status.EMPTY),
        "damaged": (damaged, Status.UNDECODABLE),
        "aac": (aac, Status.UNSUPPORTED),
        "absent": (folder / "absent.mp3", Status.MISSING),
        "folder": (folder, Status.MISSING),
    }


@old_audioread
@pytest.mark.parametrize("kind", ["empty", "text", "no samples", "damaged", "aac", "absent", "folder"])
def test_bad_input_has_its_status_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg there
    path, status = bad_files(tmp_path)[kind]
    report = probe(path)
    assert report.status == status
    assert report.message
    assert "\n" not in report.message
    with pytest.raises(AudioError) as caught:
        load_waveform(path, sample_rate=RATE)
    assert caught.value.status == status
    assert str(path) in str(caught.value)
    if kind == "aac":
        assert "AAC in MP4/M4A; install ffmpeg" in report.message


def test_a_file_without_read_permission_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is played, because the user who runs the tests may be allowed to read everything."""

    def refuse(*_args: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("avianvox.files.open", refuse, raising=False)
    (tmp_path / "locked.wav").touch()
    report = probe(tmp_path / "locked.wav")
    assert (report.status, report.message) == (Status.MISSING, "no permission to read it")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    report = probe(tmp_path / "pipe.wav")
    assert (report.status, report.message) == (Status.UNDECODABLE, "not a regular file")


@pytest.mark.parametrize("stumbles", ["open", "read"])
def test_whatever_a_decoder_stumbles_over_is_one_file_s_fault(
    noisy_mp3: Path, monkeypatch: pytest.MonkeyPatch, stumbles: str
) -> None:
    def stumble(*_args: object) -> None:
        raise struct.error("unpack requires 6 bytes")

    where = "sources.recognise" if stumbles == "open" else "sndfile.SndfileSource.chunks"
    monkeypatch.setattr(f"avianvox.audio.{where}", stumble)
    report = probe(noisy_mp3)
    assert report.status == Status.UNDECODABLE
    assert report.message == "cannot be decoded (error: unpack requires 6 bytes)"
    with pytest.raises(AudioError, match=r"noise\.mp3") as caught:
        load_waveform(noisy_mp3, sample_rate=RATE)
    assert isinstance(caught.value.__cause__, struct.error)


def test_a_cut_flac_gives_what_lies_before_the_cut(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "cut.flac"
    samples = (rng.integers(-8000, 8000, 4 * RATE) / 32768).astype(np.float32)
    soundfile.write(path, samples, RATE)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    waveform, report = load_waveform(path, sample_rate=RATE)
    assert report.status == Status.TRUNCATED
    assert waveform.duration_s == pytest.approx(2.0, abs=0.25)  # FLAC comes in frames of 4,096 samples
    np.testing.assert_array_equal(waveform.samples, samples[: len(waveform.samples)])


def test_settings_that_make_no_sense_are_refused(noisy_mp3: Path) -> None:
    with pytest.raises(InputError, match="positive rate and block"):
        open_audio(noisy_mp3, sample_rate=RATE, block_s=0)


@old_audioread
@pytest.mark.recordings
def test_real_recordings_in_any_block_size_and_as_librosa_loads_them(real_data: Path) -> None:
    librosa = pytest.importorskip("librosa")
    folder = real_data / "puerto_rico" / "audio"
    for name in ("XC173686.mp3", "XC171392.mp3", "XC259522.mp3", "XC9414.mp3"):
        whole = joined(folder / name, 1000.0)
        np.testing.assert_array_equal(joined(folder / name, 0.37), whole)
        expected, _ = librosa.load(folder / name, sr=RATE, mono=True)
        n = min(len(expected), len(whole))
        assert len(whole) >= len(expected)
        np.testing.assert_allclose(whole[:n][: n - RATE // 10], expected[: n - RATE // 10], atol=1e-4)


@pytest.mark.recordings
def test_no_real_recording_is_accused_wrongly(real_data: Path) -> None:
    """Headers that guess too much are no loss: each of these decodes to its last frame."""
    folder = real_data / "puerto_rico" / "audio"
    for name in ("XC173686.mp3", "XC682521.mp3", "XC156985.mp3", "XC171396.mp3"):
        assert probe(folder / name).status == Status.OK
    assert probe(folder / "XC259522.mp3").decoded_s == pytest.approx(25.3, abs=0.1)


def test_a_recorder_that_lost_power_counted_no_samples(tmp_path: Path) -> None:
    """What it recorded is there, so the file is not called empty."""
    path = tmp_path / "lost.wav"
    soundfile.write(path, np.full(22050, 0.1), 22050)
    content = bytearray(path.read_bytes())
    content[4:8], content[40:44] = (36).to_bytes(4, "little"), bytes(4)
    path.write_bytes(content)
    found = probe(path)
    assert found.status is Status.UNDECODABLE
    assert "its header counts no samples, but data follow it" in found.message
    path.write_bytes(content[:44])
    assert probe(path).status is Status.EMPTY
