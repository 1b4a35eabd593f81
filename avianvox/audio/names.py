"""Times that recorders write into the names of their files.

References
----------
AudioMoth-Firmware-Basic, main.c: generateFilename (enableFilenameWithDeviceID puts the device in front);
makeRecording leaves silence out of triggered files
OpenSoundscape, helpers.hex_to_time: the hexadecimal names of older AudioMoths
Wildlife Acoustics, Song Meter Mini 2 User Guide, "File Name Conventions"; SM3BAT User Guide, 8.1 (channels,
and ``$`` for a clock set by GPS); SMART System User Guide (microseconds)
https://github.com/QutEcoacoustics/emu, docs/Metadata.md: Frontier Labs' names hold time, offset and position
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timezone

from avianvox.audio.notes import FieldNotes, date_time, offset_of, position

_AUDIOMOTH = r"(?i)(?:([0-9A-F]{16})_)?(\d{8})_(\d{6})(T?)"
_SONG_METER = r"(.+?)_(?:(?:0\+1|[01])_)?(\d{8})[_$](\d{6})(?:_(\d{6}))?"
_ISO = r"(?:.*?[^0-9])?(\d{8}T\d{6}(?:\.\d{1,6})?)(Z|[+-]\d{4})(?:[^0-9].*)?"
_PLACE = r"([+-]\d{1,2}\.\d+)([+-]\d{1,3}\.\d+)"
_HEXADECIMAL = r"(?i)([0-9A-F]{8})\.wav"
_FIRST_AUDIOMOTH = datetime(2016, 1, 1, tzinfo=UTC).timestamp()
_TRIGGERED = (
    "a triggered recording leaves silence out: times behind the first gap are too early until the AudioMoth "
    "app has expanded it"
)


def name_notes(name: str) -> FieldNotes:
    """What a file is called by its recorder; empty notes for a name that tells no time.

    Names in which more follows behind the time are left alone: such a file is often a piece of a longer one.

    Parameters
    ----------
    name : str
        Of the file, without folders.
    """
    stem = name.rpartition(".")[0] or name
    if found := re.fullmatch(_AUDIOMOTH, stem):
        device, day, time, triggered = found.groups()
        moth = "audiomoth file name"
        return _notes(moth, _local(day, time), recorder=(device or "").upper(), triggered=bool(triggered))
    if found := re.fullmatch(_SONG_METER, stem):
        return _notes("song meter file name", _local(found[2], found[3], found[4]), recorder=found[1])
    if found := re.fullmatch(_ISO, stem):
        begin = date_time(found[1])
        zone: timezone | None = UTC if found[2] == "Z" else offset_of(found[2])
        notes = _notes("iso file name", begin.replace(tzinfo=zone) if begin else None)
        place = re.search(_PLACE, stem[found.end(2) :])
        latitude, longitude = position(*place.groups()) if place else (None, None)
        return replace(notes, latitude=latitude, longitude=longitude)
    if found := re.fullmatch(_HEXADECIMAL, name):
        seconds = int(found[1], 16)
        if _FIRST_AUDIOMOTH <= seconds < 1 << 31:
            return _notes("audiomoth file name", datetime.fromtimestamp(seconds, UTC))
    return FieldNotes()


def _local(day: str, time: str, microseconds: str | None = None) -> datetime | None:
    return date_time(f"{day}T{time}.{microseconds or 0}")


def _notes(source: str, begin: datetime | None, *, recorder: str = "", triggered: bool = False) -> FieldNotes:
    if begin is None:
        return FieldNotes()
    remarks = (_TRIGGERED,) if triggered else ()
    return FieldNotes(begin=begin, time_source=source, recorder=recorder, remarks=remarks)
