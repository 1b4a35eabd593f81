"""Days of a picture, and visits of a site: from midnight, or from noon so that a night is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from avianvox.overview.season import DAY_S, Season

VISITS: Mapping[str, str] = {
    "day": "a day from midnight to midnight",
    "night": "a night from noon to noon, named by its evening",
    "week": "seven days, the first of which is the first day of the season",
}
WEEK = 7


@dataclass(frozen=True, slots=True)
class Clock:
    """How hours are put into days: ``begins`` is 0 for midnight or 12 for noon."""

    begins: int = 0

    def day(self, day: np.ndarray, hour: np.ndarray) -> np.ndarray:
        """The day to which an hour belongs: the one on which it began."""
        return np.asarray(day - (hour < self.begins))

    def place(self, hour: np.ndarray) -> np.ndarray:
        """How many hours after its begin an hour of the day comes."""
        return np.asarray((hour - self.begins) % 24)

    def half(self, half: int) -> int:
        """The day to which a half day belongs."""
        return (half - 1) // 2 if self.begins else half // 2

    def hours_in(self, moment: float) -> float:
        """From a moment to hours since its day began."""
        return (moment / (DAY_S / 24) - self.begins) % 24

    def said(self, hour: float) -> str:
        """The time of day so many hours after the day began, such as "18:00"."""
        minutes = round((hour + self.begins) * 60) % 1440
        return f"{minutes // 60:02d}:{minutes % 60:02d}"


def clock_of(season: Season, begins: str = "auto") -> Clock:
    """``begins``: "midnight", "noon", or "auto": noon if more was recorded about midnight than about noon."""
    if begins != "auto":
        return Clock(12 if begins == "noon" else 0)
    hour, hours = season.effort.hour, season.effort.hours
    about_noon = float(hours[(hour >= 10) & (hour < 14)].sum())
    about_midnight = float(hours[(hour >= 22) | (hour < 2)].sum())
    return Clock(12 if about_midnight > about_noon else 0)


def visit_of(by: str, day: np.ndarray, hour: np.ndarray, first_day: int) -> np.ndarray:
    """The first day of the visit that an hour belongs to."""
    if by == "week":
        return np.asarray(day - (day - first_day) % WEEK)
    return Clock(12 if by == "night" else 0).day(day, hour)


def iso_day(day: int) -> str:
    return date.fromordinal(day).isoformat()


def short_days(days: Sequence[int], *, years: bool = False) -> list[str]:
    """Dates as they stand under an axis; ``years``: the first of each year says which it is.

    Examples
    --------
    >>> short_days([738946, 739252, 739311], years=True)
    ['1 Mar 2024', '1 Jan 2025', '1 Mar']
    """
    found = [date.fromordinal(day) for day in days]
    before = [0, *(day.year for day in found)]
    return [
        f"{day.day} {day:%b}{f' {day.year}' if years and day.year != last else ''}"
        for day, last in zip(found, before, strict=False)
    ]


def day_ticks(first: int, last: int, most: int = 12) -> list[int]:
    """Days for an axis: each one, each week, or the first of months; at most about ``most``."""
    n = last - first + 1
    for step in (1, 2, WEEK, 2 * WEEK):
        if n / step <= most:
            return list(range(first, last + 1, step))
    firsts = [d for d in range(first, last + 1) if date.fromordinal(d).day == 1]
    return firsts[:: max(1, -(-len(firsts) // most))]
