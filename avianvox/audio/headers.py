"""What the first bytes of a file say: its container, its codec, and the length that it promises.

Extensions are never looked at: ten of the ``.mp3`` files that we develop with are WAV inside.
"""

import struct
from typing import BinaryIO

HEAD_BYTES = 4096

_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"fLaC", "FLAC", "FLAC"),
    (0, b"caff", "CAF", ""),
    (0, b".snd", "AU", ""),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF", "WMA"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska/WebM", "Opus or Vorbis"),
    (0, b"#!AMR", "AMR", "AMR"),
    (0, b"MAC ", "APE", "Monkey's Audio"),
    (0, b"wvpk", "WavPack", "WavPack"),
    (0, b"TTA1", "TTA", "True Audio"),
    (0, b"DSD ", "DSF", "DSD"),
    (0, b".RMF", "RealMedia", "RealAudio"),
    (0, b"\x0b\x77", "AC-3", "AC-3"),
    (0, b"ADIF", "ADIF", "AAC"),
    (4, b"ftyp", "MP4/M4A", "AAC"),
)
_OGG_CODECS = (
    (b"OpusHead", "OPUS"),
    (b"\x01vorbis", "VORBIS"),
    (b"\x7fFLAC", "FLAC"),
    (b"Speex   ", "Speex"),
)
_UNKNOWN_LENGTHS = (0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF)  # written by programs that stream into a pipe
_READ_BY_LIBSNDFILE = ("FLAC", "AIFF", "WAV", "MP3", "VORBIS", "OPUS", "AU", "CAF")


def recognise(head: bytes) -> tuple[str, str]:
    """Container and codec that the first bytes of a file tell of.

    Returns
    -------
    tuple of str
        For example ``("MP4/M4A", "AAC")``; two empty strings for bytes that are no known kind of audio.
    """
    for offset, magic, container, codec in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return container, "ALAC" if codec == "AAC" and b"alac" in head else codec
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return "WAV", ""
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF", ""
    if head[:4] == b"OggS":
        return "OGG", next((codec for mark, codec in _OGG_CODECS if mark in head[:128]), "")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "ADTS", "AAC"
    if head[:3] == b"ID3" or (len(head) > 2 and _is_mp3_frame(head)):
        return "MP3", "MPEG_LAYER_III"
    return "", ""


def read_by_libsndfile(container: str, codec: str) -> bool:
    """Whether libsndfile reads this kind, so that a file that it refuses is damaged and not just foreign."""
    return codec in _READ_BY_LIBSNDFILE or (container in _READ_BY_LIBSNDFILE)


def _is_mp3_frame(head: bytes) -> bool:
    layer_is_valid = head[1] & 0x06 != 0
    return head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and layer_is_valid and head[2] & 0xF0 != 0xF0


def mp3_counts_frames(stream: BinaryIO) -> bool:
    """Whether an MP3 opens with a Xing or Info tag that counts its frames.

    Without one the length can only be guessed from the size of the file.
    """
    stream.seek(0)
    offset = 0
    while (head := stream.read(10))[:3] == b"ID3" and len(head) == 10:
        size = (head[6] & 127) << 21 | (head[7] & 127) << 14 | (head[8] & 127) << 7 | head[9] & 127
        offset += 10 + size
        stream.seek(offset)
    stream.seek(offset)
    frame = stream.read(HEAD_BYTES)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    return at >= 0 and len(frame) >= at + 8 and bool(frame[at + 7] & 1)


def chunk_frames(stream: BinaryIO) -> int | None:
    """Sample frames that the header of a WAV or AIFF promises; None where it doesn't say.

    libsndfile cuts the promise down to what the file holds, so a file that was cut has to be asked itself.
    """
    stream.seek(0)
    head = stream.read(12)
    order = "<" if head[:4] == b"RIFF" else ">"
    bytes_per_frame = 0
    while len(chunk := stream.read(8)) == 8:
        name, size = chunk[:4], struct.unpack(order + "I", chunk[4:])[0]
        if name == b"COMM" and size >= 18:
            return int(struct.unpack(">hI", stream.read(6))[1])
        if name == b"fmt " and size >= 16:
            body = stream.read(14)
            bytes_per_frame = int(struct.unpack(order + "H", body[12:14])[0]) if len(body) == 14 else 0
            stream.seek(size - 14 + size % 2, 1)
        elif name == b"data":
            known = bytes_per_frame and size not in _UNKNOWN_LENGTHS and head[:4] != b"RF64"
            return size // bytes_per_frame if known else None
        else:
            stream.seek(size + size % 2, 1)
    return None
