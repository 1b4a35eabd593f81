"""What libsndfile doesn't read: ffmpeg and audioread, both played, and who is asked for what."""

import errno
import os
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import audioread
import numpy as np
import pytest
import soundfile

from avianvox.audio.decode import load_waveform
from avianvox.audio.foreign import FfmpegSource
from avianvox.audio.probe import probe
from avianvox.types import Status

RATE = 22050

posix = pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for ffmpeg")
old_audioread = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated:DeprecationWarning")
"""audioread imports modules of the standard library that Python 3.11 and 3.12 warn about."""


def sine(seconds: float, rate: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 1000 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def m4a(folder: Path) -> Path:
    path = folder / "a.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(200))
    return path


def play_ffmpeg(folder: Path, complaint: str, code: int, duration: str = "00:00:01.00") -> None:
    """A script for ffmpeg: one second of sound, but none where it complains of invalid data."""
    sound = folder / "sound.au"
    soundfile.write(sound, np.repeat(sine(1.0, 44100)[:, None], 2, axis=1), 44100, subtype="FLOAT")
    script = folder / "ffmpeg"
    script.write_text(
        f"#!/bin/sh\nprintf '[info]   Duration: {duration}, start: 0.0\\n' >&2\n"
        + ("" if "Invalid" in complaint else f"/bin/cat '{sound}'\n")
        + f"printf '[mov @ 0x5] {complaint}\\n[info] size: 3 KiB\\n' >&2\nexit {code}\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


@posix
@pytest.mark.parametrize(
    ("complaint", "code", "duration", "status", "message"),
    [
        ("", 0, "00:00:01.00", Status.OK, ""),
        ("", 0, "00:01:00.00", Status.OK, ""),  # of a film
        ("[error] odd tag", 0, "00:00:01.00", Status.OK, "ffmpeg says: odd tag"),
        ("[error] odd tag", 0, "N/A", Status.OK, "ffmpeg says: odd tag"),
        (
            "[error] partial file",
            0,
            "00:00:04.00",
            Status.TRUNCATED,
            "1.0 s decode; 4.0 s were announced; ffmpeg says: partial file",
        ),
        ("[fatal] broken", 1, "00:00:01.00", Status.TRUNCATED, "1.0 s decode; broken"),
        ("[error] Invalid data", 1, "N/A", Status.UNDECODABLE, "ffmpeg cannot decode it: Invalid data"),
    ],
)
def test_ffmpeg_reads_what_libsndfile_cannot(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    complaint: str,
    code: int,
    duration: str,
    status: Status,
    message: str,
) -> None:
    play_ffmpeg(tmp_path, complaint, code, duration)
    monkeypatch.setenv("PATH", str(tmp_path))
    report = probe(m4a(tmp_path))
    assert (report.status, report.message) == (status, message)
    if status != Status.UNDECODABLE:
        assert (report.codec, report.sample_rate, report.channels) == ("AAC", 44100, 2)
        samples = load_waveform(m4a(tmp_path), sample_rate=44100)[0].samples
        np.testing.assert_allclose(samples, sine(1.0, 44100), atol=1e-7)


@posix
def test_ffmpeg_needs_nothing_that_only_posix_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows there is no pread, and an open file cannot be removed."""
    monkeypatch.delattr(os, "pread")
    temporary, unlink = tmp_path / "temporary", os.unlink
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    refused: list[str] = []

    def refuse_once(path: str) -> None:
        if path not in refused:
            refused.append(path)
            raise PermissionError(errno.EACCES, "it is open", path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", refuse_once)
    play_ffmpeg(tmp_path, "[error] odd tag", 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    report = probe(m4a(tmp_path))
    assert (report.status, report.header_s, report.message) == (Status.OK, 1.0, "ffmpeg says: odd tag")
    assert len(refused) == 1
    assert list(temporary.iterdir()) == []


@posix
def test_ctrl_c_at_the_terminal_does_not_reach_ffmpeg(tmp_path: Path) -> None:
    """It would end, and the file would look as if it ended there."""
    play_ffmpeg(tmp_path, "", 0)
    source = FfmpegSource(str(tmp_path / "ffmpeg"), m4a(tmp_path), "MP4/M4A", "AAC")
    assert os.getpgid(source._process.pid) != os.getpgid(0)
    source.close()


@posix
def test_millions_of_complaints_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complaint = "[error] again\\n[mov @ 0x5] " * 20_000 + "[error] the last"
    play_ffmpeg(tmp_path, complaint, 0, "00:00:04.00")
    monkeypatch.setenv("PATH", str(tmp_path))
    source = FfmpegSource(str(tmp_path / "ffmpeg"), m4a(tmp_path), "MP4/M4A", "AAC")
    assert sum(len(chunk) for chunk in source.chunks()) == 44100
    assert len(source._printed()) <= 1 << 17
    assert source.damage == "4.0 s were announced; ffmpeg says: the last"
    source.close()


def wave(tag: int) -> bytes:
    fmt = struct.pack("<HHIIHH", tag, 1, RATE, 8000, 1, 0)
    return b"RIFF\xff\0\0\0WAVEfmt \x10\0\0\0" + fmt + b"data\xc8\0\0\0" + bytes(200)


FOREIGN = {
    "AAC in ADTS": b"ID3\4\0\0\0\0\0\x14" + bytes(20) + b"\xff\xf1\x50\x80\x02\x1f\xfc" * 30,
    "AAC in WAV": wave(0xFF),
    "WMA in WAV": wave(0x161),
    "codec 0x7777 in WAV": wave(0x7777),
    "AAC in CAF": b"caff\0\1\0\0desc" + struct.pack(">Qd4s5I", 32, RATE, b"aac ", 0, 0, 1024, 1, 0),
    "MAC6 in AIFF": b"FORM\0\0\1\0AIFCCOMM\0\0\0\x18\0\1\0\0\1\0\0\x10"
    b"\x40\x0d\xac\x44\0\0\0\0\0\0MAC6\0\0SSND\0\0\0\x20" + bytes(32),
}


@posix
@old_audioread
@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_codecs_in_known_containers_reach_ffmpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(FOREIGN[kind])
    monkeypatch.setenv("PATH", str(tmp_path))
    report = probe(path)
    assert report.status == Status.UNSUPPORTED
    assert f"decodes {kind}; install ffmpeg" in report.message
    play_ffmpeg(tmp_path, "", 0)
    assert probe(path).status == Status.OK


class PlayedBackend:
    """Stands for what audioread finds on other systems."""

    samplerate, channels, duration = RATE, 2, 1.0

    def __init__(self, breaks: bool) -> None:
        self.breaks = breaks

    def __iter__(self) -> Iterator[bytes]:
        block = (np.repeat(sine(0.5, RATE)[:, None], 2, axis=1) * 32768).astype("<i2").tobytes()
        yield block
        if self.breaks:
            raise audioread.DecodeError
        yield block

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("breaks", "status"), [(False, Status.OK), (True, Status.TRUNCATED)])
def test_audioread_is_asked_where_there_is_no_ffmpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: bool, status: Status
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(audioread, "audio_open", lambda _path: PlayedBackend(breaks))
    path = m4a(tmp_path)
    waveform, report = load_waveform(path, sample_rate=RATE)
    assert report.status == status
    np.testing.assert_allclose(waveform.samples[: RATE // 2], sine(0.5, RATE), atol=1e-4)
