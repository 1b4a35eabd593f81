"""Headers: what they promise, and that a cut anywhere in one does no harm."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avianvox.audio.headers import Header, read_header, recognise
from avianvox.audio.probe import probe
from avianvox.types import Status

RATE = 8000
ID3 = b"ID3\4\0\0\0\0\0\x64" + bytes(100)
KINDS = {
    "WAV": ("PCM_16", "FLOAT", "ULAW", "IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32"),
    "WAVEX": ("PCM_16", "PCM_24"),
    "RF64": ("PCM_16",),
    "W64": ("PCM_16", "IMA_ADPCM"),
    "AIFF": ("PCM_16", "FLOAT", "IMA_ADPCM"),
    "AU": ("PCM_16", "DOUBLE", "ALAW"),
}


def sound(container: str, codec: str, seconds: int = 4) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, seconds * RATE)
    soundfile.write(file, noise, RATE, format=container, subtype=codec)
    return file.getvalue()


@pytest.mark.parametrize(("container", "codec"), [(c, k) for c, kinds in KINDS.items() for k in kinds])
def test_a_whole_file_is_ok_and_half_of_it_is_truncated(tmp_path: Path, container: str, codec: str) -> None:
    data = sound(container, codec)
    path = tmp_path / "sound"
    path.write_bytes(data)
    whole = probe(path)
    assert whole.status == Status.OK
    assert whole.header_s == pytest.approx(4.0, abs=0.1)
    path.write_bytes(data[: len(data) // 2])
    half = probe(path)
    assert half.status == Status.TRUNCATED
    assert (half.header_s, half.decoded_s) == pytest.approx((4.0, 2.0), abs=0.1)


@pytest.mark.parametrize("container", ["WAV", "RF64", "W64", "AIFF", "AU", "CAF"])
def test_a_cut_anywhere_in_a_header_does_no_harm(tmp_path: Path, container: str) -> None:
    path = tmp_path / "sound"
    data = sound(container, "PCM_16", 1)
    for length in range(1, 150):
        path.write_bytes(data[:length])
        report = probe(path)
        assert report.status.failed
        assert "cannot be decoded" not in report.message  # it was foreseen, not caught at the last moment
    for length in range(150):
        assert read_header(io.BytesIO(data[:length]), container).codec == ""


def test_a_length_that_was_not_known_is_not_promised() -> None:
    for container, mark, sizes in (
        ("WAV", b"data", [b"\0\0\0\0", b"\xff\xff\xff\xff"]),
        ("W64", b"data\xf3\xac\xd3\x11\x8c\xd1\0\xc0\x4f\x8e\xdb\x8a", [bytes(8), b"\xff" * 7 + b"\x7f"]),
        ("AU", b".snd\0\0\0\x18", [b"\xff\xff\xff\xff"]),
    ):
        data = sound(container, "PCM_16")
        at = data.index(mark) + len(mark)
        for size in sizes:
            streamed = data[:at] + size + data[at + len(size) :]
            assert read_header(io.BytesIO(streamed), container) == Header()


def test_a_chunk_smaller_than_its_own_head_ends_nothing() -> None:
    data = bytearray(sound("W64", "PCM_16"))
    data[56:64] = bytes(8)  # the size of the chunk "fmt "
    assert read_header(io.BytesIO(data), "W64").frames is None


def test_a_tag_in_front_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tagged.mp3"
    path.write_bytes(ID3 + sound("FLAC", "PCM_16"))
    report = probe(path)
    assert (report.status, report.container) == (Status.OK, "FLAC")
    assert report.header_s == report.decoded_s == 4.0
    assert recognise(io.BytesIO(ID3 + ID3 + sound("MP3", "MPEG_LAYER_III"))) == ("MP3", "MPEG_LAYER_III")
    assert recognise(io.BytesIO(ID3[:50])) == ("MP3", "MPEG_LAYER_III")
