"""Hours, days and nights of local time, and the spans of time that cross their borders.

Instants are milliseconds since 1970 in UTC, or in local time of an unknown place. A day is from one midnight
to the next and a night from one noon to the next, so they have 23 or 25 hours where clocks change.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import inf

from avianvox.registry import Registry
from avianvox.tables.times import iso_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_HOUR_MS = 3_600_000
_NOON = time(12)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """An hour, a day or a night; ``begin_time`` and ``end_time`` as `iso_time` writes them."""

    begin_ms: float
    end_ms: float
    begin_time: str = ""
    end_time: str = ""


UNKNOWN = Period(inf, inf)
"""Where recordings belong about which no time is known; it comes after all others."""

Finder = Callable[[int, tzinfo | None], Period]
"""Gives the period to which an instant belongs; without a zone instants and texts are local times."""

PERIODS: Registry[Finder] = Registry(
    "period",
    {
        "hour": "avianvox.inference.periods:hour_of",
        "day": "avianvox.inference.periods:day_of",
        "night": "avianvox.inference.periods:night_of",
    },
)


def instant(moment: datetime) -> int:
    """Milliseconds since 1970; of a time without a zone as its clock showed it."""
    return round(((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) / _MS)


def pieces(begin_ms: int, end_ms: int, zone: tzinfo | None, find: Finder) -> Iterator[tuple[Period, int]]:
    """The periods that a span touches, and how many of its milliseconds lie in each."""
    while True:
        period = find(begin_ms, zone)
        stop = int(min(end_ms, period.end_ms))
        yield period, stop - begin_ms
        if stop >= end_ms:
            return
        begin_ms = stop


def remembering(find: Finder) -> Finder:
    """Like ``find``, for the instants of one recording in one zone; it works each period out once."""
    known: list[Period] = []

    def find_again(moment_ms: int, zone: tzinfo | None) -> Period:
        for period in reversed(known):
            if period.begin_ms <= moment_ms < period.end_ms:
                return period
        known.append(find(moment_ms, zone))
        return known[-1]

    return find_again


def hour_of(moment_ms: int, zone: tzinfo | None) -> Period:
    """The hour of local time. Where clocks are set back, the hour that comes twice is two hours."""
    local = _local(moment_ms, zone)
    passed = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond) // _MS
    begin_ms = moment_ms - passed
    return _period(begin_ms, begin_ms + _HOUR_MS, zone)


def day_of(moment_ms: int, zone: tzinfo | None) -> Period:
    """The day of local time."""
    return _from(_local(moment_ms, zone).date(), time(), zone)


def night_of(moment_ms: int, zone: tzinfo | None) -> Period:
    """The night of local time: from noon to noon, so that midnight parts nothing."""
    local = _local(moment_ms, zone)
    return _from((local.replace(tzinfo=None) - timedelta(hours=_NOON.hour)).date(), _NOON, zone)


def _from(day: date, hour: time, zone: tzinfo | None) -> Period:
    begin = datetime.combine(day, hour, zone)
    end = datetime.combine(day + timedelta(days=1), hour, zone)
    # A midnight may come twice, or not at all: a day begins at the first, and ends at the last.
    return _period(instant(begin), max(instant(end), instant(end.replace(fold=1))), zone)


def _period(begin_ms: int, end_ms: int, zone: tzinfo | None) -> Period:
    return Period(begin_ms, end_ms, _text(begin_ms, zone), _text(end_ms, zone))


def _text(moment_ms: int, zone: tzinfo | None) -> str:
    local = _local(moment_ms, zone)
    return iso_time(local if zone else local.replace(tzinfo=None))


def _local(moment_ms: int, zone: tzinfo | None) -> datetime:
    return (_EPOCH + moment_ms * _MS).astimezone(zone or UTC)
