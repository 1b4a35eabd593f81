"""Small WAV files with the chunks that recorders write."""

import struct
from pathlib import Path

Chunk = tuple[bytes, bytes]


def wave(path: Path, *chunks: Chunk, form: bytes = b"RIFF", tail: tuple[Chunk, ...] = ()) -> Path:
    """A WAV of eight samples with ``chunks`` before the sound and ``tail`` behind it."""
    order = ">" if form == b"RIFX" else "<"
    head = (b"fmt ", struct.pack(order + "HHIIHH", 1, 1, 8000, 16000, 2, 16))
    body = b"".join(
        name + struct.pack(order + "I", len(data)) + data + b"\0" * (len(data) % 2)
        for name, data in (head, *chunks, (b"data", bytes(16)), *tail)
    )
    path.write_bytes(form + struct.pack(order + "I", len(body) + 4) + b"WAVE" + body)
    return path


def info(**texts: str) -> Chunk:
    """A chunk LIST/INFO; devices fill comments up with zeros."""
    body = b"INFO"
    for name, text in texts.items():
        data = text.encode().ljust(384, b"\0")
        body += name.encode() + struct.pack("<I", len(data)) + data
    return b"LIST", body


def guan(*lines: str) -> Chunk:
    return b"guan", "\n".join(("GUANO|Version: 1.0", *lines)).encode()
