"""Sound to bytes of a file, the same bytes every time."""

import zlib
from io import BytesIO

import soundfile

from avianvox.types import Waveform

FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
}
"""File extension -> libsndfile's container and codec."""

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def encode(waveform: Waveform, audio_format: str) -> bytes:
    """The bytes of a sound file; ``audio_format`` is one of `FORMATS`."""
    container, codec = FORMATS[audio_format]
    stream = BytesIO()
    soundfile.write(stream, waveform.samples, waveform.sample_rate, format=container, subtype=codec)
    content = stream.getvalue()
    return _with_ogg_serial(content, 1) if container == "OGG" else content


def _with_ogg_serial(content: bytes, serial: int) -> bytes:
    """Give every page of an Ogg stream the serial number ``serial``; libsndfile draws one at random.

    References
    ----------
    RFC 3533, section 6 (page header) and the checksum's definition there.
    """
    out = bytearray(content)
    begin = 0
    while begin < len(out):
        header = begin + 27 + out[begin + 26]
        end = header + sum(out[begin + 27 : header])
        out[begin + 14 : begin + 18] = serial.to_bytes(4, "little")
        out[begin + 22 : begin + 26] = bytes(4)
        out[begin + 22 : begin + 26] = _ogg_checksum(bytes(out[begin:end])).to_bytes(4, "little")
        begin = end
    return bytes(out)


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 of the same polynomial as zlib's, but most significant bit first and without inversion."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
