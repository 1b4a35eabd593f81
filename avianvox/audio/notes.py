"""What a recorder noted about a recording: when and where it was made, by which device, in what state.

`FieldNotes` is what all readers of such notes return: ``guano``, ``wamd``, ``audiomoth``, ``names`` and
``xeno_canto``. `avianvox.audio.field_notes.read_field_notes` asks them all.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from math import isfinite

from avianvox.errors import InputError
from avianvox.tables.times import iso_time, real_seconds

_DATE_AND_HOUR = r"\d{4}(-?)\d\d\1\d\d[Tt ]\d\d"
_LEAST_EXPANSION, _MOST_EXPANSION = 0.01, 1000.0
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2200  # beyond, a number was misread


@dataclass(frozen=True, slots=True)
class FieldNotes:
    """What is known about the making of one recording. Empty strings and ``None`` mean "not known".

    Attributes
    ----------
    begin : datetime or None
        Of the first sample. Without a zone where nothing states one: local time of a place not known.
    time_source : str
        Where `begin` was read: ``"guano"``, ``"wamd"``, ``"audiomoth comment"``, ``"xeno-canto"``,
        ``"xeno-canto comment"``, ``"audiomoth file name"``, ``"song meter file name"``, ``"iso file name"``.
    day : date or None
        Where a date is stated without a time of day; `date` is the one to ask for.
    latitude, longitude : float or None, degrees (WGS84)
    elevation_m : float or None
    site : str
        Where it stood, as a person or a collection calls it, or else the serial number of the recorder.
    recorder : str
        Serial number, or the name that the device was given.
    make, model, firmware, deployment, microphone, gain, recordist : str
        As the device or the collection writes them.
    temperature_c : float or None
        Of the air where it was measured, else inside the device.
    battery_v : float or None
    battery_bound : str
        ``"less than"`` or ``"greater than"`` where `battery_v` is the end of the scale, else "".
    time_expansion : float
        A detector of bats may stretch sound; one second of the real world is so many in the file.
    note : str
        What a person or a device wrote freely.
    remarks : tuple of str
        What should be looked at, such as two notes that contradict each other.
    """

    begin: datetime | None = None
    time_source: str = ""
    day: date | None = None
    latitude: float | None = None
    longitude: float | None = None
    elevation_m: float | None = None
    site: str = ""
    recorder: str = ""
    make: str = ""
    model: str = ""
    firmware: str = ""
    deployment: str = ""
    microphone: str = ""
    gain: str = ""
    recordist: str = ""
    temperature_c: float | None = None
    battery_v: float | None = None
    battery_bound: str = ""
    time_expansion: float = 1.0
    note: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def date(self) -> date | None:
        """The local date of the first sample, whether or not the time of day is known."""
        return self.begin.date() if self.begin else self.day

    def time_at(self, seconds: float) -> str:
        """The time so many seconds into the file, in ISO 8601; "" where `begin` or no such year is known.

        Seconds pass in UTC, so that midnight and the hours of a change of clocks come out right, and as many
        of the file as `time_expansion` says in a real one.

        Examples
        --------
        >>> FieldNotes(begin=datetime(2020, 12, 31, 23, 59, 58, tzinfo=UTC)).time_at(3.5)
        '2021-01-01T00:00:01.500+00:00'
        """
        if self.begin is None:
            return ""
        zone = self.begin.tzinfo
        start = self.begin.astimezone(UTC) if zone else self.begin
        try:
            time = start + timedelta(seconds=real_seconds(seconds, self.time_expansion))
            return iso_time(time.astimezone(zone) if zone else time)
        except OverflowError:  # a header may promise any length, and any time expansion
            return ""


def zone_of(name: str) -> tzinfo | None:
    """A time zone from its IANA name or its offset from UTC; None for "".

    Parameters
    ----------
    name : str
        ``"America/Puerto_Rico"``, ``"UTC"``, ``"-04:00"``, ``"+5:30"``, ``"+0530"`` or ``"-4"``.

    Raises
    ------
    InputError
        No such zone.
    """
    if not name:
        return None
    if name.upper() in ("UTC", "Z"):
        return UTC
    if name[0] in "+-" and (offset := offset_of(name)):
        return offset
    import zoneinfo  # 10 ms

    try:
        return zoneinfo.ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:  # not found, absurd, or a folder of zones
        expected = "a time zone such as America/Puerto_Rico, UTC or -04:00"
        if not zoneinfo.available_timezones():
            expected = "an offset such as -04:00, since no places are known here (pip install tzdata)"
        raise InputError(f"expected {expected}, got '{name}'") from error


def offset_of(text: str) -> timezone | None:
    """A zone from ``-4``, ``+0530`` or ``+5:30``; None for anything else."""
    sign, digits = text[:1], text[1:]
    hours, colon, minutes = digits.partition(":")
    if not colon and len(digits) == 4:
        hours, minutes = digits[:2], digits[2:]
    minutes = minutes.strip() or "0"
    if sign not in ("+", "-") or not (hours.isdecimal() and minutes.isdecimal()) or len(hours) > 2:
        return None
    if int(hours) > 14 or int(minutes) > 59:
        return None
    passed = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-passed if sign == "-" else passed)


def date_time(text: str) -> datetime | None:
    """A date with a time in ISO 8601, with or without an offset; None for a date alone and for nonsense."""
    if not re.match(_DATE_AND_HOUR, text.strip()):  # Python takes the offset of a date alone for a time
        return None
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return time if _EARLIEST_YEAR <= time.year < _LATEST_YEAR else None


def date_alone(text: str) -> date | None:
    """A date in ISO 8601 without a time; None for nonsense, such as a month of 0."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if _EARLIEST_YEAR <= day.year < _LATEST_YEAR else None


def expansion(value: float | None) -> float:
    """A time expansion, or 1 where none is stated or no detector has it."""
    return value if value is not None and _LEAST_EXPANSION <= value <= _MOST_EXPANSION else 1.0


def number(text: str | float | None) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text) if text not in (None, "") else None
    except (TypeError, ValueError):
        return None
    return value if value is not None and isfinite(value) else None


def position(
    latitude: str | float | None, longitude: str | float | None
) -> tuple[float | None, float | None]:
    """Both coordinates in degrees, or twice None unless both are there and on the globe."""
    north, east = number(latitude), number(longitude)
    if north is None or east is None or abs(north) > 90 or abs(east) > 180:
        return None, None
    return north, east
