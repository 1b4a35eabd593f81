"""Where an MP3 ends: without a frame count it makes no promise, but its last frame tells whether it was cut.

References
----------
ISO/IEC 11172-3 and 13818-3, the header of a Layer III frame.
"""

from typing import BinaryIO

_KBITS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)
_VERSIONS = {3: (1, 1), 2: (2, 2), 0: (2, 4)}  # bits: table of bit rates, divisor of the sample rates
_TAIL_BYTES = 16_384  # eleven of the longest frames
_LINKED = 3  # frames in a row that are no coincidence


def frame_bytes(head: bytes) -> int:
    """Length of the Layer III frame that these four bytes open; 0 where they open none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return 0
    version, bits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version not in _VERSIONS or bits in (0, 15) or rate == 3:
        return 0
    table, divisor = _VERSIONS[version]
    return (144_000 // table) * _KBITS[table][bits] // (_RATES[rate] // divisor) + (head[2] >> 1 & 1)


def ends_within_frame(stream: BinaryIO, size: int) -> bool:
    """Whether the last frame of an MP3 of ``size`` bytes is longer than what is left of the file."""
    stream.seek(max(0, size - _TAIL_BYTES))
    tail = stream.read(_TAIL_BYTES)
    for first in range(len(tail)):
        at, linked = first, 0
        while at < len(tail) and (length := frame_bytes(tail[at : at + 4])):
            at += length
            linked += 1
        if linked >= _LINKED:
            rest = tail[at:]
            return at > len(tail) or (len(rest) < 4 and rest[:1] == b"\xff")
    return False
