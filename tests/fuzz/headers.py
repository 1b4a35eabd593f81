"""Headers and tags of sound files with something wrong in them, looked at and read as a user does."""

import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from recorder_files import guan, info, wave

from avianvox.audio.decode import open_audio
from avianvox.audio.field_notes import read_field_notes
from avianvox.audio.probe import probe
from avianvox.audio.sndfile import encode_samples

_RATE = 22050
_HEAD = 400  # bytes at the front of a file, where most is said about it
_SPARSE = 200 << 20
_REPEATED = 2 << 20  # bytes
_NUMBERS = (0, 1, 2, 3, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
_NAMES = (b"LIST", b"guan", b"wamd", b"data", b"fact", b"ds64", b"cue ", b"\0\0\0\0", b"ID3\4", b"fmt ")
_ID3 = b"ID3\x04\0\0\0\0\0\0"


def cases(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    whole = _files(rng, folder)
    number = 0
    while True:
        for name, content in whole.items():
            number += 1
            how = (_bytes, _numbers, _cut, _again, _sparse, _chunk, _zeros)[rng.integers(7)]
            path = folder / f"{number}{Path(name).suffix}"
            size = how(rng, content, path)
            read = (_probe, _notes, _open)[rng.integers(3) if size < _SPARSE else rng.integers(2)]
            yield f"{name}, {how.__name__.strip('_')}, {read.__name__.strip('_')}", partial(read, path)


def _files(rng: np.random.Generator, folder: Path) -> dict[str, bytes]:
    """Whole files of all kinds, short ones."""
    noise = rng.standard_normal((_RATE // 4, 2)) * 0.1
    kinds = {
        "a.wav": ("WAV", "PCM_16"),
        "float.wav": ("WAV", "FLOAT"),
        "adpcm.wav": ("WAV", "IMA_ADPCM"),
        "rf64.wav": ("RF64", "PCM_16"),
        "a.w64": ("W64", "PCM_16"),
        "a.aif": ("AIFF", "PCM_16"),
        "a.caf": ("CAF", "PCM_16"),
        "alac.caf": ("CAF", "ALAC_16"),
        "a.au": ("AU", "PCM_16"),
        "a.flac": ("FLAC", "PCM_16"),
        "a.ogg": ("OGG", "VORBIS"),
        "a.opus": ("OGG", "OPUS"),
        "a.mp3": ("MP3", "MPEG_LAYER_III"),
    }
    files = {}
    for name, (container, codec) in kinds.items():
        rate = 48000 if codec == "OPUS" else _RATE
        files[name] = encode_samples(noise, rate, container=container, codec=codec)
    wamd = b"wamd", struct.pack("<HI19s", 5, 19, b"2024-06-02 01:00:00")
    noted = guan("Timestamp: 2024-06-01T22:00:00+02:00", "Loc Position: 17.9 -66.9"), wamd
    comment = info(
        ICMT="Recorded at 02:00:00 01/06/2024 (UTC-4) by AudioMoth 24E1440360371ACA at medium gain"
    )
    files["noted.wav"] = wave(folder / "noted.wav", *noted, comment).read_bytes()
    files["tagged.mp3"] = _ID3 * 3 + b"ID3\x04\0\0\0\0\2\0" + bytes(256) + files["a.mp3"]
    files["a.m4a"] = b"\0\0\0\x20ftypM4A \0\0\2\0M4A mp42isom\0\0\0\0\0\0\0\x08free\0\0\1\0mdat" + bytes(300)
    return files


def _probe(path: Path) -> object:
    return probe(path)


def _notes(path: Path) -> object:
    return read_field_notes(path).time_at(1.0)


def _open(path: Path) -> object:
    with open_audio(path, sample_rate=_RATE) as audio:
        n = sum(len(block) for block in audio)
    return n, audio.report


def _bytes(rng: np.random.Generator, content: bytes, path: Path) -> int:
    """Bytes of the head, and now and then of the rest, hold something else."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 12)):
        data[rng.integers(min(len(data), _HEAD) if rng.integers(3) else len(data))] = rng.integers(256)
    return path.write_bytes(data)


def _numbers(rng: np.random.Generator, content: bytes, path: Path) -> int:
    """A number of the head is one that nobody expects."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(min(len(data) - 8, _HEAD)))
        order, kind = "<>"[rng.integers(2)], "HIQ"[rng.integers(3)]
        size = struct.calcsize(kind)
        number = _NUMBERS[rng.integers(len(_NUMBERS))] & ((1 << 8 * size) - 1)
        data[at : at + size] = struct.pack(order + kind, number)
    return path.write_bytes(data)


def _cut(rng: np.random.Generator, content: bytes, path: Path) -> int:
    return path.write_bytes(content[: rng.integers(len(content))])


def _again(rng: np.random.Generator, content: bytes, path: Path) -> int:
    """A piece of the head comes again and again; of an MP3 it may be sound, a minute in 300 kB."""
    first = int(rng.integers(min(len(content), _HEAD)))
    piece = content[first : first + int(rng.integers(1, 64))] if rng.integers(4) else _ID3
    again = piece * int(rng.integers(1, _REPEATED // len(piece)))
    return path.write_bytes(content[:first] + again + content[first:])


def _sparse(rng: np.random.Generator, content: bytes, path: Path) -> int:
    """Zeros for a long time, from somewhere on."""
    with open(path, "wb") as stream:
        stream.write(content[: rng.integers(min(len(content), _HEAD) if rng.integers(2) else len(content))])
        stream.truncate(_SPARSE)
    return _SPARSE


def _chunk(rng: np.random.Generator, content: bytes, path: Path) -> int:
    """Chunks that lie about their size, in the midst of the head."""
    at = 4 * int(rng.integers(min(len(content), _HEAD) // 4))
    data = content[:at]
    for _ in range(rng.integers(1, 4)):
        name, size = _NAMES[rng.integers(len(_NAMES))], _NUMBERS[rng.integers(len(_NUMBERS))]
        text = bytes(rng.integers(32, 127, rng.integers(64), np.uint8))
        data += name + struct.pack("<>"[rng.integers(2)] + "I", size) + b"INFO"[: rng.integers(5)] + text
    return path.write_bytes(data + content[at:])


def _zeros(rng: np.random.Generator, content: bytes, path: Path) -> int:
    """A place of the head, or all that follows it, is zero."""
    first = int(rng.integers(min(len(content), _HEAD)))
    last = len(content) if rng.integers(2) else first + int(rng.integers(1, 64))
    return path.write_bytes(content[:first] + bytes(last - first) + content[last:])
