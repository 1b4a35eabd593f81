"""A picture and the numbers that it is drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from avianvox.overview.days import Clock, day_ticks, short_days
from avianvox.overview.season import Season
from avianvox.pages.markup import Markup
from avianvox.pages.plot import Axis
from avianvox.tables.rows import Column, Row
from avianvox.words import printable

WIDE = 900.0
"""Units of a picture over the whole page."""

_MOST_COLUMNS = 370
LETTER, NOTE_LETTER = 5.5, 6.2
"""Units of a letter of a species' name, and of a capital in other words."""


@dataclass(frozen=True)
class Picture:
    """A picture with its table; without ``svg`` there is only the table.

    ``key``: name of its files; ``title``: what a screen reader says; ``caption``: how to read it.
    """

    key: str
    title: str
    caption: str
    svg: Markup | None
    columns: tuple[Column, ...]
    rows: Sequence[Row]


@dataclass(frozen=True)
class DayColumns:
    """Days side by side, several in a column where there are very many."""

    first: int
    last: int

    @property
    def step(self) -> int:
        return -(-(self.last - self.first + 1) // _MOST_COLUMNS)

    @property
    def n(self) -> int:
        return (self.last - self.first) // self.step + 1

    def of(self, day: np.ndarray) -> np.ndarray:
        return np.asarray((day - self.first) // self.step)

    def box(self, column: int) -> tuple[float, float]:
        begin = self.first + column * self.step
        return float(begin), float(min(begin + self.step, self.last + 1))

    def axis(self) -> Axis:
        days = day_ticks(self.first, self.last)
        years = date.fromordinal(self.first).year != date.fromordinal(self.last).year
        words = short_days(days, years=years)
        ticks = tuple((day + 0.5, word) for day, word in zip(days, words, strict=True))
        return Axis(float(self.first), self.last + 1.0, "date", ticks)

    def said(self) -> str:
        return f" A column is {self.step} days." if self.step > 1 else ""


def day_columns(season: Season, clock: Clock) -> DayColumns:
    """The days from the first with sound to the last, by the clock of the pictures."""
    effort, calls = season.effort, season.calls
    found = [clock.day(part.day, part.hour) for part in (effort, calls) if len(part.day)]
    return DayColumns(min(int(d.min()) for d in found), max(int(d.max()) for d in found))


def room_for(names: Sequence[str], *, letter: float = LETTER) -> float:
    """Units beside the axes that names take."""
    return 14 + letter * max((min(len(name), 44) for name in names), default=0)


def cut(name: str, most: int = 44) -> str:
    """A name as it may stand in a picture."""
    shown = printable(name)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def rate(n: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """Calls per recorded hour; NaN where nothing was recorded."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(hours > 0, n / hours, np.nan)
