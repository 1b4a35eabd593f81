"""What a broken header can make us read, do and keep has an end, and the file gets its one line."""

import os
import struct
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from avianvox.audio.decode import open_audio
from avianvox.audio.field_notes import read_field_notes
from avianvox.audio.probe import probe
from avianvox.audio.resample import Resampler
from avianvox.types import Status

GIGABYTE = 1 << 30
MOST_BYTES = 70 << 20
MOST_CALLS = 70_000


class Counted(FileIO):
    """A file that counts what is read of it."""

    n_bytes = n_calls = 0

    def readinto(self, buffer: Any) -> int:
        return self._counted(super().readinto(buffer) or 0)

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(-1 if size is None else size) or b""
        self._counted(len(content))
        return content

    def _counted(self, n: int) -> int:
        Counted.n_bytes += n
        Counted.n_calls += 1
        return n


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    Counted.n_bytes = Counted.n_calls = 0
    for room in ("sources", "tags"):
        monkeypatch.setattr(f"avianvox.audio.{room}.open_regular", lambda path: Counted(path))
    return Counted


def wave_head(rate: int = 22050, channels: int = 1) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, 2 * rate * channels & 0xFFFFFFFF, 2 * channels, 16)
    return b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0" + form


def sound(container: str, path: Path) -> bytes:
    noise = np.random.default_rng(0).standard_normal(22050) * 0.1
    soundfile.write(path, noise, 22050, format=container)
    return path.read_bytes()


def up_to(mark: bytes, content: bytes) -> bytes:
    return content[: content.index(mark)]


def sparse(path: Path, head: bytes, size: int) -> Path:
    """``head`` and then zeros; they take no room on most disks."""
    with open(path, "wb") as stream:
        stream.write(head)
        stream.truncate(size)
    return path


LOST_POWER = "only zeros follow its header, no sound (did the recorder lose power?)"
ENDLESS = "its header leads from one place to the next and never to the sound"


@pytest.mark.parametrize(
    ("container", "mark", "wanted"),
    [
        ("WAV", b"data", LOST_POWER),
        ("RF64", b"data", LOST_POWER),
        ("W64", b"data", LOST_POWER),
        ("AIFF", b"COMM", LOST_POWER),
        ("AIFF", b"SSND", "damaged AIFF file"),
        ("CAF", b"data", "damaged CAF file"),
        ("OGG", b"\x03vorbis", ENDLESS),
        ("FLAC", b"\x84", "more than 10,000 blocks of metadata"),
    ],
)
def test_a_header_that_zeros_follow(
    tmp_path: Path, counted: type[Counted], container: str, mark: bytes, wanted: str
) -> None:
    path = sparse(tmp_path / "zeros", up_to(mark, sound(container, tmp_path / "sound")), GIGABYTE)
    report = probe(path)
    read_field_notes(path)
    assert report.status is Status.UNDECODABLE
    assert wanted in report.message
    assert counted.n_bytes < 2 * MOST_BYTES
    assert counted.n_calls < 2 * MOST_CALLS


def test_an_mp3_that_zeros_follow(tmp_path: Path, counted: type[Counted]) -> None:
    head = sound("MP3", tmp_path / "sound")[:1500]
    report = probe(sparse(tmp_path / "zeros.mp3", head, GIGABYTE))
    assert report.status.failed
    assert counted.n_bytes < 8 << 20


@pytest.mark.parametrize(
    ("head", "piece", "wanted"),
    [
        (wave_head(), b"cue \0\0\0\0", "more than 10,000 chunks"),
        (b"", b"ID3\x04\0\0\0\0\0\0", "more than 64 ID3 tags"),
        (b"fLaC", b"\x01\0\0\0", "more than 10,000 blocks of metadata"),
    ],
)
def test_a_header_that_repeats_itself(
    tmp_path: Path, counted: type[Counted], head: bytes, piece: bytes, wanted: str
) -> None:
    (path := tmp_path / "again").write_bytes(head + piece * 1_000_000)
    report = probe(path)
    read_field_notes(path)
    assert report.status is Status.UNDECODABLE
    assert wanted in report.message
    assert counted.n_bytes < 1 << 20


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5])
def test_a_list_that_is_shorter_than_its_own_name(tmp_path: Path, counted: type[Counted], size: int) -> None:
    head = wave_head() + struct.pack("<4sI4s", b"LIST", size, b"INFO")
    read_field_notes(sparse(tmp_path / "list.wav", head + b"x" * 100, 100 << 20))
    assert counted.n_bytes < 1 << 20


def test_a_chunk_of_w64_that_is_shorter_than_its_own_head(tmp_path: Path, counted: type[Counted]) -> None:
    content = up_to(b"data", sound("W64", tmp_path / "sound"))
    head = content + b"guan" + content[44:56] + struct.pack("<Q", 1)
    read_field_notes(sparse(tmp_path / "notes.w64", head + b"x" * 100, 100 << 20))
    assert counted.n_bytes < 1 << 20


@pytest.mark.parametrize("rate", [1, 99, 10_000_001, 2_147_483_647])
def test_rates_of_no_recorder_are_unsupported(tmp_path: Path, rate: int) -> None:
    data = np.random.default_rng(0).integers(-9000, 9000, 1000).astype("<i2").tobytes()
    (path := tmp_path / "odd.wav").write_bytes(wave_head(rate) + struct.pack("<4sI", b"data", 2000) + data)
    report = probe(path)
    assert (report.status, report.message) == (
        Status.UNSUPPORTED,
        f"expected a sample rate from 100 to 10,000,000 Hz, its header says {rate:,} Hz",
    )


@pytest.mark.parametrize("rate", [100, 200, 500_000])
def test_low_rates_come_out_in_pieces(tmp_path: Path, rate: int) -> None:
    samples = np.random.default_rng(0).standard_normal(70_000).astype(np.float32)
    resampler = Resampler(rate, 22050)
    pieces = [*resampler.push(samples), resampler.finish()]
    assert max(len(piece) for piece in pieces) < 2**20
    assert sum(len(piece) for piece in pieces) == round(70_000 * 22050 / rate)
    soundfile.write(path := tmp_path / "low.wav", samples[:1000] * 0.1, rate)
    with open_audio(path, sample_rate=22050) as audio:
        assert sum(len(block) for block in audio) == round(1000 * 22050 / rate)


def test_kinds_that_nobody_records_in_are_not_given_to_libsndfile(tmp_path: Path) -> None:
    """It reads them, and prints thousands of lines about damaged ones."""
    for container in {"VOC", "PAF", "SVX", "NIST", "IRCAM", "MAT4", "SDS"} & set(
        soundfile.available_formats()
    ):
        soundfile.write(path := tmp_path / container, np.zeros(1000), 8000, format=container)
        report = probe(path)
        assert report.status is Status.UNDECODABLE
        assert report.message.startswith("not an audio file: expected WAV, ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_no_recording(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    assert probe(tmp_path / "a.wav").message == "not a regular file"
    assert read_field_notes(tmp_path / "a.wav").begin is None
