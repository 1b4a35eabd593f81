"""Times that recorders write into the names of their files.

References
----------
AudioMoth-Firmware-Basic, main.c: generateFilename (enableFilenameWithDeviceID puts the device in front);
makeRecording leaves silence out of triggered files
OpenSoundscape, helpers.hex_to_time: the hexadecimal names of older AudioMoths
Wildlife Acoustics, Song Meter Mini 2 User Guide, "File Name Conventions"; SM3BAT User Guide, 8.1 (channels,
and ``$`` for a clock set by GPS); SMART System User Guide (microseconds)
QutEcoacoustics/baw-server, NameyWamey: pieces that are downloaded from an acoustic workbench have site, its
number, that of the recording, begin of the piece in UTC, and seconds
https://github.com/QutEcoacoustics/emu, docs/Metadata.md: Frontier Labs' names hold time, offset and position
"""

import os
import re
from bisect import bisect_left
from dataclasses import replace
from datetime import UTC, datetime, timezone
from functools import lru_cache
from pathlib import Path

from avianvox.audio.notes import FieldNotes, date_time, offset_of, position

_AUDIOMOTH = r"(?i)(?:([0-9A-F]{16})_)?(\d{8})_(\d{6})(T?)"
_SONG_METER = r"(.+?)_(?:(?:0\+1|[01])_)?(\d{8})[_$](\d{6})(?:_(\d{6}))?"
_ISO = r"(?:.*?[^0-9])?(\d{8}T\d{6}(?:\.\d{1,6})?)(Z|[+-]\d{4})(?:[^0-9].*)?"
_WORKBENCH = r"(.+_\d+)_\d+_(\d{8})_(\d{6})_\d+(?:_\d+)*"
_PLACE = r"([+-]\d{1,2}\.\d+)([+-]\d{1,3}\.\d+)"
_HEXADECIMAL = r"(?i)([0-9A-F]{8})\.wav"
_EPOCHS = range(0x5685C180, 0x70000000)  # 2016 to 2029: firmware since 1.2 writes dates
_NEAR_S = 86_400  # between recordings of one device that confirm each other's names
_TRIGGERED = (
    "a triggered recording omits silence: times behind the first gap are too early until the AudioMoth "
    "app has expanded it"
)


def name_notes(name: str) -> FieldNotes:
    """What a file is called by its recorder; empty notes for a name that tells no time.

    Names in which more follows behind the time are left alone: such a file is often a piece of a longer one.
    So are eight decimal digits, which may be a date or any number; `numbered_notes` looks beside the file.

    Parameters
    ----------
    name : str
        Of the file, without folders.
    """
    stem = name.rpartition(".")[0] or name
    if found := re.fullmatch(_AUDIOMOTH, stem):
        device, day, time, triggered = found.groups()
        moth = "audiomoth file name"
        found_by = _notes(moth, _local(day, time), recorder=(device or "").upper(), triggered=bool(triggered))
        return replace(found_by, site=found_by.recorder)
    if found := re.fullmatch(_SONG_METER, stem):
        return _notes("song meter file name", _local(found[2], found[3], found[4]), recorder=found[1])
    if found := re.fullmatch(_ISO, stem):
        begin = date_time(found[1])
        zone: timezone | None = UTC if found[2] == "Z" else offset_of(found[2])
        notes = _notes("iso file name", begin.replace(tzinfo=zone) if begin else None)
        place = re.search(_PLACE, stem[found.end(2) :])
        latitude, longitude = position(*place.groups()) if place else (None, None)
        return replace(notes, latitude=latitude, longitude=longitude)
    if found := re.fullmatch(_WORKBENCH, stem):
        moment = _local(found[2], found[3])
        notes = _notes("workbench file name", moment.replace(tzinfo=UTC) if moment else None)
        return replace(notes, site=found[1] if moment else "")
    seconds = _hexadecimal(name)
    return FieldNotes() if seconds is None or name[:8].isdecimal() else _epoch_notes(seconds)


def numbered_notes(path: Path) -> FieldNotes:
    """What a name of eight decimal digits tells as an older AudioMoth's.

    Of these names one in 27 has no letter. It is believed beside another one with a letter, of the same day
    or the next.
    """
    seconds = _hexadecimal(path.name) if path.name[:8].isdecimal() else None
    if seconds is None:
        return FieldNotes()
    try:
        times = _times_in(path.parent, path.parent.stat().st_mtime_ns)
    except (OSError, ValueError):
        return FieldNotes()
    at = bisect_left(times, seconds - _NEAR_S)
    return _epoch_notes(seconds) if at < len(times) and times[at] <= seconds + _NEAR_S else FieldNotes()


@lru_cache(maxsize=8)
def _times_in(folder: Path, _changed_ns: int) -> tuple[int, ...]:
    """The times that names in a folder tell in hexadecimal digits, letters among them, in order."""
    with os.scandir(folder) as entries:
        found = (_hexadecimal(entry.name) for entry in entries if not entry.name[:8].isdecimal())
        return tuple(sorted(seconds for seconds in found if seconds is not None))


def _hexadecimal(name: str) -> int | None:
    """Seconds since 1970 that an older AudioMoth's name tells."""
    found = re.fullmatch(_HEXADECIMAL, name)
    seconds = int(found[1], 16) if found else 0
    return seconds if seconds in _EPOCHS else None


def _epoch_notes(seconds: int) -> FieldNotes:
    return _notes("audiomoth file name", datetime.fromtimestamp(seconds, UTC))


def _local(day: str, time: str, microseconds: str | None = None) -> datetime | None:
    return date_time(f"{day}T{time}.{microseconds or 0}")


def _notes(source: str, begin: datetime | None, *, recorder: str = "", triggered: bool = False) -> FieldNotes:
    if begin is None:
        return FieldNotes()
    remarks = (_TRIGGERED,) if triggered else ()
    return FieldNotes(begin=begin, time_source=source, recorder=recorder, remarks=remarks)
