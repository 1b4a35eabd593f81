"""Where and when: a place and week as a geo model takes them, and what is asked about them of each recording.

NumPy and the geo model itself (:mod:`avianvox.inference.place`) are not needed here.
"""

from dataclasses import dataclass
from datetime import date

from avianvox.audio.notes import FieldNotes
from avianvox.errors import InputError

ALL_YEAR = -1
"""The week of a recording whose date is not known, as geo models write it."""
WEEKS = 48
WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when: degrees north and east (WGS84), and one of 48 weeks, four a month, or `ALL_YEAR`."""

    latitude: float
    longitude: float
    week: int = ALL_YEAR

    def __post_init__(self) -> None:
        for name, most in (("latitude", 90), ("longitude", 180)):
            value = getattr(self, name)
            if not abs(value) <= most:  # false for nan
                raise InputError(f"place: {name}: expected -{most} to {most} degrees, got {value:g}")
        if self.week != ALL_YEAR and not 1 <= self.week <= WEEKS:
            raise InputError(f"place: week: expected 1 to {WEEKS}, four a month, got {self.week}")


def week_of(day: date) -> int:
    """The week from 1 to 48: a month has four, which begin on day 1, 8, 15 and 22.

    Examples
    --------
    >>> week_of(date(2026, 1, 1)), week_of(date(2026, 5, 22)), week_of(date(2026, 12, 31))
    (1, 20, 48)
    """
    return 4 * (day.month - 1) + min(4, 1 + (day.day - 1) // 7)


@dataclass(frozen=True, slots=True)
class PlaceOptions:
    """What is asked about place and season.

    Attributes
    ----------
    latitude, longitude : float, optional
        Of all recordings; None: each one's own notes say it.
    week : int, optional
        Of all recordings, or `ALL_YEAR`; None: the date in each one's notes, `ALL_YEAR` where there is none.
    weight : float
        At least 0. How strongly the place argues: see `Expectation.weigh`.
    wall : float in [0, 1]
        What has a smaller number here is not named, but for species that the geo model doesn't know.
    """

    latitude: float | None = None
    longitude: float | None = None
    week: int | None = None
    weight: float = WEIGHT
    wall: float = 0.0

    def __post_init__(self) -> None:
        if (self.latitude is None) != (self.longitude is None):
            raise InputError("place: expected both latitude and longitude, got one of them")
        if self.latitude is not None and self.longitude is not None:
            Place(self.latitude, self.longitude, ALL_YEAR if self.week is None else self.week)
        if not 0 <= self.weight < float("inf"):
            raise InputError(f"place: weight: expected at least 0, got {self.weight:g}")
        if not 0 <= self.wall <= 1:
            raise InputError(f"place: minimum: expected 0 to 1, got {self.wall:g}")

    def place_of(self, notes: FieldNotes) -> Place | None:
        """Where and when a recording was made; None where neither the options nor its notes say where."""
        latitude, longitude = self.latitude, self.longitude
        if latitude is None or longitude is None:
            latitude, longitude = notes.latitude, notes.longitude
        if latitude is None or longitude is None:
            return None
        week = self.week
        if week is None:
            week = ALL_YEAR if notes.date is None else week_of(notes.date)
        return Place(latitude, longitude, week)
