"""What the first bytes of a file say: its container, its codec, and the length that it promises.

Extensions are never looked at: ten of the ``.mp3`` files that we develop with are WAV inside.
"""

import struct
from collections.abc import Iterator
from itertools import count
from typing import BinaryIO, NamedTuple

HEAD_BYTES = 4096

_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"fLaC", "FLAC", "FLAC"),
    (0, b"caff", "CAF", ""),
    (0, b".snd", "AU", ""),
    (0, b"dns.", "AU", ""),
    (0, b"riff\x2e\x91\xcf\x11", "W64", ""),
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
_MOST_CHUNKS = 10_000  # of a WAV; the longest list of cues and notes has some hundreds
_MOST_TAGS = 64
_MOST_ZEROS = 512  # empty chunks without a name, 4 kB
_UNKNOWN_LENGTHS = (0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF)  # written by programs that stream into a pipe
_ABSURD_BYTES = 1 << 48  # the like, in 64 bits
_READ_BY_LIBSNDFILE = ("FLAC", "VORBIS", "OPUS")
FOR_LIBSNDFILE = frozenset({"WAV", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"})
"""What libsndfile is asked to read. It knows more kinds, old ones, and reads those less safely."""

LIKELY_HZ = (100, 10_000_000)
"""Sample rates of a sound that somebody recorded: from infrasound to the highest of hydrophones."""


_PCM_TAGS = (1, 3, 6, 7)  # integers, floats, A-law, mu-law: a block is a sample frame
_WAVE_TAGS = (*_PCM_TAGS, 2, 0x11, 0x14, 0x31, 0x38, 0x40, 0x55)  # what libsndfile reads
_WAVE_NAMES = {0x50: "MP2", 0xFF: "AAC", 0x2000: "AC-3", 0x2001: "DTS"}
_WAVE_NAMES |= dict.fromkeys(range(0x160, 0x164), "WMA") | dict.fromkeys(range(0x1600, 0x1611), "AAC")
_AIFF_PCM = frozenset(
    b"NONE twos sowt in24 42ni in32 23ni fl32 FL32 fl64 FL64 ulaw ULAW alaw ALAW".split()
) | {b"raw "}
_AIFF_TYPES = _AIFF_PCM | {b"ima4", b"GSM ", b"DWVW"}
_CAF_TYPES = (b"lpcm", b"alaw", b"ulaw", b"alac")
_AU_SAMPLE_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}


LOST_POWER = (
    "only zeros follow its header, no sound (did the recorder lose power?); nothing can be recovered from it"
)


class HeaderError(ValueError):
    """A header that leads nowhere; the message says of the file what is wrong."""


class Header(NamedTuple):
    """What a header says.

    ``codec`` is named only where libsndfile doesn't read it; ``frames`` is the number of sample frames that
    it promises, None where it doesn't say.
    """

    codec: str = ""
    frames: int | None = None


def recognise(stream: BinaryIO) -> tuple[str, str]:
    """Container and codec that the first bytes of a file tell of; an ID3 tag in front is passed over.

    Returns
    -------
    tuple of str
        For example ``("MP4/M4A", "AAC")``; two empty strings for bytes that are no known kind of audio.

    Raises
    ------
    HeaderError
        Tags without end.
    """
    tag_bytes = _skip_id3(stream)
    container, codec = _by_magic(stream.read(HEAD_BYTES))
    return ("MP3", "MPEG_LAYER_III") if tag_bytes and not container else (container, codec)


def _by_magic(head: bytes) -> tuple[str, str]:
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
    return ("MP3", "MPEG_LAYER_III") if len(head) > 2 and _is_mp3_frame(head) else ("", "")


def read_by_libsndfile(container: str, codec: str) -> bool:
    """Whether libsndfile reads this kind, so that a file that it refuses is damaged and not just foreign."""
    if container not in FOR_LIBSNDFILE:
        return False
    return container == "MP3" or codec in _READ_BY_LIBSNDFILE or (container != "OGG" and not codec)


def _is_mp3_frame(head: bytes) -> bool:
    layer_is_valid = head[1] & 0x06 != 0
    return head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and layer_is_valid and head[2] & 0xF0 != 0xF0


def _skip_id3(stream: BinaryIO) -> int:
    """Go to where the sound begins, behind all ID3 tags; their size in bytes. Raises `HeaderError`."""
    offset = stream.seek(0)
    for n_tags in count():
        head = stream.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            break
        if n_tags == _MOST_TAGS:
            raise HeaderError(f"more than {_MOST_TAGS} ID3 tags stand in front of the sound")
        offset += 10 + ((head[6] & 127) << 21 | (head[7] & 127) << 14 | (head[8] & 127) << 7 | head[9] & 127)
        stream.seek(offset)
    return stream.seek(offset)


def mp3_counts_frames(stream: BinaryIO) -> bool:
    """Whether an MP3 opens with a Xing or Info tag that counts its frames.

    Without one the length can only be guessed from the size of the file.
    """
    _skip_id3(stream)
    frame = stream.read(HEAD_BYTES)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    return at >= 0 and len(frame) >= at + 8 and bool(frame[at + 7] & 1)


def read_header(stream: BinaryIO, container: str) -> Header:
    """What the header of a WAV, W64, AIFF, AU or CAF says; of other containers nothing.

    That of a FLAC is looked at, too, because it must lead to the sound.

    libsndfile cuts the promise down to what the file holds, so a file that was cut has to be asked itself.

    Raises
    ------
    HeaderError
        It leads nowhere.
    """
    stream.seek(0)
    try:
        return _READERS[container](stream) if container in _READERS else Header()
    except struct.error:  # it ends within the header
        return Header()


def wave_chunks(stream: BinaryIO, container: str) -> Iterator[tuple[bytes, int]]:
    """Name and size of one chunk of a WAV or W64 after the other, with the stream at its content.

    Those behind the sound come too, of RF64 files as well. Ends where the file ends, even within a chunk.
    Raises `HeaderError` where there is no end of chunks.
    """
    stream.seek(0)
    if container == "W64":
        stream.seek(40)
        return _chunks(stream, "<4s12xQ", align=8)
    order = ">" if stream.read(12)[:4] == b"RIFX" else "<"
    return _chunks(stream, order + "4sI")


def _chunks(stream: BinaryIO, layout: str, align: int = 2) -> Iterator[tuple[bytes, int]]:
    n_head = struct.calcsize(layout)
    here = stream.tell()
    end = stream.seek(0, 2)
    size_of_data = None  # of an RF64 stands in the chunk ds64
    n_chunks = n_zeros = 0
    while here + n_head <= end:
        n_chunks += 1
        if n_chunks > _MOST_CHUNKS:
            raise HeaderError(f"it has more than {_MOST_CHUNKS:,} chunks")
        stream.seek(here)
        name, size = struct.unpack(layout, stream.read(n_head))
        n_zeros = 0 if name.strip(b"\0") or size else n_zeros + 1
        if n_zeros > _MOST_ZEROS:
            raise HeaderError(LOST_POWER)
        if align == 8:  # W64 counts the head of a chunk
            size = max(0, size - n_head)
        if name == b"ds64":
            size_of_data = struct.unpack("<8xQ", stream.read(16))[0]
            stream.seek(here + n_head)
        elif name == b"data" and size == 0xFFFFFFFF and size_of_data:
            size = size_of_data
        yield name, size
        here += n_head + size + -size % align


def _wave(stream: BinaryIO) -> Header:
    return _wave_header(stream, "WAV", ">" if stream.read(4) == b"RIFX" else "<")


def _wave64(stream: BinaryIO) -> Header:
    return _wave_header(stream, "W64", "<")


def _wave_header(stream: BinaryIO, container: str, order: str) -> Header:
    tag, frame_bytes, codec = 0, 0, ""
    counted = None  # by the chunk fact
    for name, size in wave_chunks(stream, container):
        if name == b"fmt ":
            body = stream.read(26)
            tag, frame_bytes = struct.unpack_from(order + "H10xH", body)
            if tag == 0xFFFE:  # the true one follows
                tag = struct.unpack_from(order + "H", body, 24)[0]
            codec = "" if tag in _WAVE_TAGS else _WAVE_NAMES.get(tag, f"codec 0x{tag:04x}")
        elif name == b"fact":
            counted = struct.unpack(order + "I", stream.read(4))[0]
        elif name == b"data":
            if tag not in _PCM_TAGS:
                return Header(codec, None if counted in _UNKNOWN_LENGTHS else counted)
            known = frame_bytes and size not in _UNKNOWN_LENGTHS and 0 < size < _ABSURD_BYTES
            return Header(codec, size // frame_bytes if known else None)
    return Header(codec)


def _aiff(stream: BinaryIO) -> Header:
    form = stream.read(12)
    for name, _size in _chunks(stream, ">4sI"):
        if name == b"COMM":
            body = stream.read(22)
            frames = struct.unpack_from(">2xI", body)[0]
            kind = body[18:22] if form[8:] == b"AIFC" else b"NONE"
            codec = "" if kind in _AIFF_TYPES else _tag_name(kind)
            if kind == b"ima4":
                frames *= 64  # it counts packets
            return Header(codec, frames if kind in _AIFF_PCM or kind == b"ima4" else None)
    return Header()


def _au(stream: BinaryIO) -> Header:
    order = ">" if stream.read(4) == b".snd" else "<"
    size, encoding, channels = struct.unpack(order + "4xII4xI", stream.read(20))
    frame_bytes = _AU_SAMPLE_BYTES.get(encoding, 0) * channels
    known = frame_bytes and size not in _UNKNOWN_LENGTHS
    return Header(frames=size // frame_bytes if known else None)


def _caf(stream: BinaryIO) -> Header:
    head = stream.read(32)
    described = head[8:12] == b"desc" and len(head) == 32
    return Header(_tag_name(head[28:]) if described and head[28:] not in _CAF_TYPES else "")


def _tag_name(tag: bytes) -> str:
    name = tag.decode("latin-1").strip().upper()
    return name if name.isprintable() else f"codec {tag!r}"


def _flac(stream: BinaryIO) -> Header:
    """Nothing but that its blocks of metadata come to an end: libFLAC would follow millions of empty ones."""
    here = _skip_id3(stream) + 4
    for _ in range(_MOST_CHUNKS):
        stream.seek(here)
        head = struct.unpack(">I", stream.read(4))[0]
        if head >> 31:  # the last one
            return Header()
        here += 4 + (head & 0xFFFFFF)
    raise HeaderError(f"it has more than {_MOST_CHUNKS:,} blocks of metadata")


_READERS = {"WAV": _wave, "W64": _wave64, "AIFF": _aiff, "AU": _au, "CAF": _caf, "FLAC": _flac}
