"""What stands in a sound file beside the sound: the chunks of a WAV, the tags of FLAC, Ogg and MP3.

Only heads of chunks and their texts are read, never the sound, so that a file of gigabytes costs as little as
a short one. Nothing here raises because of a file: what cannot be read is not there.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from avianvox.audio.headers import HeaderError, read_by_libsndfile, recognise, wave_chunks
from avianvox.files import open_regular

_MOST_BYTES = 1 << 20  # of a chunk; a larger one is no note
_INFO = {
    b"ICMT": "comment",
    b"IART": "artist",
    b"INAM": "title",
    b"ISFT": "software",
    b"ICRD": "date",
    b"ICOP": "copyright",
    b"IGNR": "genre",
    b"IPRD": "album",
}
"""Names of the texts in a chunk LIST/INFO, as libsndfile calls them."""


@dataclass(frozen=True, slots=True)
class Tags:
    """Notes as they stand in the file.

    ``guano`` is the text of a chunk ``guan``, ``wamd`` the bytes of a chunk ``wamd``; ``texts`` holds
    comment, artist, title and the like under lower-case names.
    """

    guano: str = ""
    wamd: bytes = b""
    texts: Mapping[str, str] = field(default_factory=dict)


def read_tags(path: Path | str) -> Tags:
    """The notes in one file; empty ones where it has none or cannot be read."""
    try:
        with open_regular(path) as stream:
            container, codec = recognise(stream)
            if container in ("WAV", "W64"):
                return _wave_tags(stream, container)
            if read_by_libsndfile(container, codec):
                from avianvox.audio.sndfile import read_texts

                return Tags(texts=read_texts(stream, container))
            return Tags()
    except (OSError, ValueError):
        return Tags()


def with_texts(content: bytes, **texts: str) -> bytes:
    """The bytes of a WAV file with a chunk LIST/INFO behind its sound; names are those of `_INFO`."""
    names = {name: code for code, name in _INFO.items()}
    body = b"INFO"
    for name, text in texts.items():
        value = text.encode() + b"\0"
        body += struct.pack("<4sI", names[name], len(value)) + value + bytes(len(value) % 2)
    whole = content + bytes(len(content) % 2) + struct.pack("<4sI", b"LIST", len(body)) + body
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


def _wave_tags(stream: BinaryIO, container: str) -> Tags:
    found: dict[str, bytes] = {}
    texts: dict[str, str] = {}
    try:
        for name, size in wave_chunks(stream, container):
            if not name.isascii() or not name.decode().isprintable():
                break  # a head that was never completed led into the sound
            if name == b"data" and not size:
                break
            if name in (b"guan", b"wamd"):
                found.setdefault(name.decode(), stream.read(min(size, _MOST_BYTES)))
            elif name.upper() == b"LIST" and stream.read(4) == b"INFO":
                texts = _info(stream.read(min(max(0, size - 4), _MOST_BYTES))) | texts
    except (struct.error, HeaderError):  # it ends within a head, or never
        pass
    return Tags(_decoded(found.get("guan", b"")), found.get("wamd", b""), texts)


def _info(body: bytes) -> dict[str, str]:
    texts = {}
    at = 0
    while at + 8 <= len(body):
        name, size = struct.unpack_from("<4sI", body, at)
        text = _decoded(body[at + 8 : at + 8 + size])
        if text and name.isalnum():
            texts[_INFO.get(name, name.decode())] = text
        at += 8 + size + size % 2
    return texts


def _decoded(text: bytes) -> str:
    """UTF-8 where it is valid, else Latin-1, which is always; devices fill up with zeros."""
    text = text.partition(b"\0")[0]
    try:
        return text.decode("utf-8").strip()
    except UnicodeDecodeError:
        return text.decode("latin-1").strip()
