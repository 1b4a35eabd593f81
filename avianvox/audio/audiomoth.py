"""The sentence that an AudioMoth writes into the comment of a WAV.

Its wording has changed with the firmware; each fact is looked for on its own.

References
----------
AudioMoth-Firmware-Basic, main.c, setHeaderComment, versions 1.0 to 1.11,
https://github.com/OpenAcousticDevices/AudioMoth-Firmware-Basic; the changes between versions are listed in
https://github.com/mbsantiago/metamoth, docs/firmware_versions
"""

import re
from datetime import UTC, datetime

from avianvox.audio.notes import FieldNotes, date_time, number, offset_of

_RECORDED = r"Recorded at (\d\d:\d\d:\d\d(?:\.\d{3})?) (\d\d)/(\d\d)/(\d{4})(?: \(UTC([^)]*)\))?"
_DEVICE = r"(?i)AudioMoth ([0-9A-F]{16})\b"
_DEPLOYMENT = r"(?i)during deployment ([0-9A-F]{16})\b"
_GAIN = r" at (?:gain setting (\d)|([a-z-]+) gain)"
_BATTERY = r"battery (?:state )?was (less than |< ?|greater than |> ?)?(\d+(?:\.\d+)?) ?V"
_TEMPERATURE = r"temperature was (-?\d+(?:\.\d+)?) ?C"
_NO_SERIAL = "0FE081F80FE081F0"  # the address at which it stands, which firmware before 1.2 wrote for it
_BOUNDS = {"<": "less than", "l": "less than", ">": "greater than", "g": "greater than"}


def comment_notes(comment: str, artist: str = "") -> FieldNotes:
    """What an AudioMoth's comment says; empty notes for a comment of anything else.

    Parameters
    ----------
    comment, artist : str
        The texts ICMT and IART of a WAV. The artist names the device where the comment names a deployment.
    """
    if not (recorded := re.search(_RECORDED, comment)) or "AudioMoth" not in comment + artist:
        return FieldNotes()
    begin = _begin(recorded)
    device = (re.search(_DEVICE, comment) or re.search(_DEVICE, artist) or [""] * 2)[1].upper()
    serial = "" if device == _NO_SERIAL else device
    deployment, gain, heat = (re.search(p, comment) for p in (_DEPLOYMENT, _GAIN, _TEMPERATURE))
    battery = re.search(_BATTERY, comment)
    return FieldNotes(
        begin=begin,
        time_source="audiomoth comment" if begin else "",
        site=serial,
        recorder=serial,
        make="Open Acoustic Devices",
        model="AudioMoth",
        deployment=deployment[1].upper() if deployment else "",
        microphone="external" if "using external microphone" in comment else "",
        gain=gain[1] or gain[2] if gain else "",
        temperature_c=number(heat[1]) if heat else None,
        battery_v=number(battery[2]) if battery else None,
        battery_bound=_BOUNDS[battery[1][0]] if battery and battery[1] else "",
    )


def _begin(recorded: re.Match[str]) -> datetime | None:
    """Day before month. Firmware 1.0 names no zone, since it knew UTC only; a garbled zone is not known."""
    time, day, month, year, offset = recorded.groups()
    begin = date_time(f"{year}-{month}-{day}T{time}")
    zone = offset_of(offset) if offset else UTC
    return begin.replace(tzinfo=zone) if begin else None
