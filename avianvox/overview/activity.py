"""Activity by hour and date: calls per recorded hour, beside where nothing was recorded at all."""

from collections.abc import Iterator, Sequence

import numpy as np

from avianvox.overview.days import Clock, iso_day
from avianvox.overview.picture import WIDE, DayColumns, Picture, cut, day_columns, rate
from avianvox.overview.season import Season
from avianvox.pages.heat import legend, levels, limits_of
from avianvox.pages.markup import Markup
from avianvox.pages.plot import Axis, Plot
from avianvox.tables.rows import Column, Row

COLUMNS = (
    *(Column("species"), Column("day"), Column("hour"), Column("n_calls", int)),
    *(Column("recorded_h", float, 4), Column("calls_per_recorded_h", float, 3)),
)
_STEP = 8.5  # units of an hour


def activity(season: Season, clock: Clock) -> Iterator[Picture]:
    """The activity of all species together, then that of each."""
    days = day_columns(season, clock)
    effort = season.effort
    hours = _grid(days, clock, effort.day, effort.hour, effort.hours)
    calls = season.calls
    nights = " A column runs from noon to noon and has the date of its evening." if clock.begins else ""
    for species in range(-1, len(season.species)):
        mine = np.ones(len(calls.n), bool) if species < 0 else calls.species == species
        n = _grid(days, clock, calls.day[mine], calls.hour[mine], calls.n[mine])
        name = "all species" if species < 0 else season.species[species]
        what = f"Activity of {name if species < 0 else f'*{cut(name, 80)}*'} by date and hour"
        shown = rate(n, hours) if hours.any() else n
        unit = "calls per recorded hour" if hours.any() else "calls (recorded time is not known)"
        caption = f"{what}: {unit}, over all sites; blank: nothing recorded.{nights}{days.said()}"
        svg = heat_by_hour(shown, hours, days, clock, unit=unit, title=what.replace("*", ""))
        rows = _rows(name, n, hours, days, clock)
        yield Picture("activity", what, caption, svg, COLUMNS, rows)


def heat_by_hour(
    values: np.ndarray, hours: np.ndarray, days: DayColumns, clock: Clock, *, unit: str, title: str
) -> Markup:
    """``values`` and ``hours``: shape (24, columns of days), from the hour with which a day begins."""
    ticks = tuple((float(k), clock.said(k)) for k in range(0, 25, 6))
    y = Axis(24.0, 0.0, "time of day", ticks)
    plot = Plot(days.axis(), y, title=title, left=52.0, top=30.0, width=WIDE, height=72 + 24 * _STEP)
    positive = np.nan_to_num(values)
    limits = limits_of(positive)
    shades = levels(positive, limits)
    there = (hours > 0) if hours.any() else np.ones(values.shape, bool)
    for shade in np.unique(shades[there]).tolist():
        plot.cells(_runs((shades == shade) & there, days), f"h{shade}")
    plot.swatches(unit, legend(limits, float(positive.max(initial=0.0))))
    return plot.svg()


def _runs(mask: np.ndarray, days: DayColumns) -> list[tuple[float, float, float, float]]:
    """Boxes of hours that follow each other in a column."""
    boxes = []
    for column in np.flatnonzero(mask.any(axis=0)).tolist():
        edges = np.flatnonzero(np.diff(np.concatenate(([0], mask[:, column].astype(int), [0]))))
        x1, x2 = days.box(column)
        boxes += [(x1, x2, float(a), float(b)) for a, b in edges.reshape(-1, 2).tolist()]
    return boxes


def _grid(
    days: DayColumns, clock: Clock, day: np.ndarray, hour: np.ndarray, values: np.ndarray
) -> np.ndarray:
    grid = np.zeros((24, days.n))
    np.add.at(grid, (clock.place(hour), days.of(clock.day(day, hour))), values)
    return grid


def _rows(name: str, n: np.ndarray, hours: np.ndarray, days: DayColumns, clock: Clock) -> Sequence[Row]:
    """Hours in which something was recorded or heard, in their order."""
    rates = rate(n, hours)
    found: list[Row] = []
    for column, place in np.argwhere(((hours > 0) | (n > 0)).T).tolist():
        value = None if hours[place, column] == 0 else float(rates[place, column])
        found.append(
            [
                *(name, iso_day(int(days.box(column)[0])), clock.said(place), int(n[place, column])),
                *(float(hours[place, column]), value),
            ]
        )
    return found
