"""Metadata of older Song Meters and Echo Meters: numbered fields in a chunk ``wamd`` of a WAV.

References
----------
Wildlife Acoustics, wa_meta.h 1.0, kept in https://github.com/QutEcoacoustics/emu, docs/WildlifeAcoustics
"""

import re
import struct

from avianvox.audio.notes import FieldNotes, date_time, expansion, number, position

_MODEL, _SERIAL, _FIRMWARE, _PREFIX, _TIMESTAMP, _GPS_FIRST = range(1, 7)
_NOTES, _EXPANSION, _POSITION_LAST, _INSIDE, _OUTSIDE = 0x0A, 0x0F, 0x14, 0x15, 0x16
_NUMBER = r"-?\d+(?:\.\d+)?"


def wamd_notes(body: bytes) -> FieldNotes:
    """What the fields say; ``b""`` gives empty notes, and a field that was cut is not read."""
    fields = dict(_fields(body))

    def text(*numbers: int) -> str:
        found = (fields[n].decode("utf-8", "replace").strip(" \0\r\n") for n in numbers if n in fields)
        return next(filter(None, found), "")

    begin = date_time(text(_TIMESTAMP))
    latitude, longitude, elevation = _place(text(_POSITION_LAST, _GPS_FIRST))
    heat = re.match(_NUMBER, text(_OUTSIDE, _INSIDE))
    stretched = fields.get(_EXPANSION, b"")
    return FieldNotes(
        begin=begin,
        time_source="wamd" if begin else "",
        latitude=latitude,
        longitude=longitude,
        elevation_m=elevation,
        site=text(_PREFIX, _SERIAL),
        recorder=text(_SERIAL, _PREFIX),
        make="Wildlife Acoustics" if fields else "",
        model=text(_MODEL),
        firmware=text(_FIRMWARE),
        temperature_c=number(heat[0]) if heat else None,
        time_expansion=expansion(struct.unpack("<H", stretched)[0] if len(stretched) == 2 else None),
        note=text(_NOTES),
    )


def _fields(body: bytes) -> list[tuple[int, bytes]]:
    found = []
    at = 0
    while at + 6 <= len(body):
        name, size = struct.unpack_from("<HI", body, at)
        at += 6
        if at + size <= len(body):
            found.append((name, body[at : at + size]))
        at += size
    return found


def _place(text: str) -> tuple[float | None, float | None, float | None]:
    """``WGS84,42.1,N,71.2,W,30`` or, from an Echo Meter Touch, ``WGS84,42.1,-71.2,30``."""
    values = [value.strip() for value in text.split(",")][1:]
    if len(values) >= 4 and values[1] in ("N", "S") and values[3] in ("E", "W"):
        north, east = position(values[0], values[2])
        north = -north if north is not None and values[1] == "S" else north
        east = -east if east is not None and values[3] == "W" else east
        return north, east, number(values[4]) if len(values) > 4 else None
    if len(values) >= 2:
        return *position(*values[:2]), number(values[2]) if len(values) > 2 else None
    return None, None, None
