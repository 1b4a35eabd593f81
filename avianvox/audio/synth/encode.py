"""Sound to bytes of a file, the same bytes every time."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from avianvox.audio.sndfile import encode_samples
from avianvox.errors import InputError
from avianvox.types import Waveform


class Format(NamedTuple):
    """libsndfile's container and codec, and the sample rates that it can write with them."""

    container: str
    codec: str
    rates: tuple[Sequence[int], ...]
    limit: str


_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_FLAC_RATES = (range(1, 1 << 16), range(10, 655_351, 10))

FORMATS = {
    "wav": Format("WAV", "PCM_16", (range(1, 1 << 31),), "below 2147483648 Hz"),
    "flac": Format("FLAC", "PCM_16", _FLAC_RATES, "at most 655350 Hz, and above 65535 Hz a multiple of 10"),
    "mp3": Format("MP3", "MPEG_LAYER_III", (_MP3_RATES,), f"one of {', '.join(map(str, _MP3_RATES))} Hz"),
    "ogg": Format("OGG", "VORBIS", (range(1, 200_001),), "at most 200000 Hz"),
}
"""File extension -> what libsndfile makes of it."""

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def check_rate(audio_format: str, sample_rate: int) -> None:
    """Raise `InputError` for a rate that a format of `FORMATS` does not have: libsndfile may crash on it."""
    chosen = FORMATS[audio_format]
    if not any(sample_rate in rates for rates in chosen.rates):
        raise InputError(f"{audio_format}: expected a sample rate of {chosen.limit}, got {sample_rate}")


def encode(waveform: Waveform, audio_format: str) -> bytes:
    """The bytes of a sound file; ``audio_format`` is one of `FORMATS`. Raises as `check_rate` does."""
    check_rate(audio_format, waveform.sample_rate)
    container, codec, *_ = FORMATS[audio_format]
    content = encode_samples(waveform.samples, waveform.sample_rate, container=container, codec=codec)
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
