"""The first and the last call of each day, beside when recorders ran: before that, nothing is known."""

from collections.abc import Iterator, Mapping

from avianvox.overview.days import Clock, iso_day
from avianvox.overview.picture import WIDE, DayColumns, Picture, cut, day_columns
from avianvox.overview.season import HALF_S, Season
from avianvox.pages.markup import Markup
from avianvox.pages.plot import Axis, Plot
from avianvox.tables.rows import Column, Row

COLUMNS = tuple(
    Column(name)
    for name in (
        *("species", "site", "day", "first_call", "last_call"),
        *("recorded_from", "recorded_to"),
    )
)

Ends = tuple[float, float]
"""A first and a last moment."""


def first_and_last(season: Season, clock: Clock) -> Iterator[Picture]:
    """One picture of each species; days are those of the clock, sites are together in the picture."""
    ends = ends_by_day(season, clock)
    recorded = _over_sites(ends.get(-1, {}))
    days = day_columns(season, clock)
    for k, name in enumerate(season.species):
        mine = ends.get(k, {})
        what = f"First and last calls of *{cut(name, 80)}*"
        caption = (
            f"{what} on each day (filled, open), over all sites. Bars: from the first to the last moment "
            "recorded on the day, pauses included; what called outside them is not known."
        )
        svg = _chart(_over_sites(mine), recorded, days, clock, what.replace("*", "")) if mine else None
        rows = _rows(name, mine, ends.get(-1, {}), season, clock)
        yield Picture("calls", what, caption, svg, COLUMNS, rows)


def ends_by_day(season: Season, clock: Clock) -> dict[int, dict[tuple[int, int], Ends]]:
    """Species (-1: sound) to (site, day) to the first and the last moment."""
    found: dict[int, dict[tuple[int, int], Ends]] = {}
    for (species, site, half), ends in season.extremes.items():
        if ends[0] == ends[1] == (half + 1) * HALF_S:
            continue  # sound that ends with the half day before
        days = found.setdefault(species, {})
        key = site, clock.half(half)
        days[key] = _joined(days.get(key, ends), ends)
    return found


def _joined(one: Ends, other: Ends) -> Ends:
    return min(one[0], other[0]), max(one[1], other[1])


def _over_sites(ends: Mapping[tuple[int, int], Ends]) -> dict[int, Ends]:
    found: dict[int, Ends] = {}
    for (_, day), pair in ends.items():
        found[day] = _joined(found.get(day, pair), pair)
    return found


def _chart(
    calls: Mapping[int, Ends], recorded: Mapping[int, Ends], days: DayColumns, clock: Clock, title: str
) -> Markup:
    ticks = tuple((float(k), clock.said(k)) for k in range(0, 25, 6))
    y = Axis(24.0, 0.0, "time of day", ticks)
    plot = Plot(days.axis(), y, title=title, left=52.0, width=WIDE, height=230.0)
    plot.cells(
        [
            (day + 0.15, day + 0.85, *_hours(pair, day, clock))
            for day, pair in sorted(recorded.items())
            if days.first <= day <= days.last
        ],
        "h0",
    )
    for day, pair in sorted(calls.items()):
        first, last = _hours(pair, day, clock)
        said = f"{iso_day(day)}: {clock.said(first)} to {clock.said(last)}"
        radius = 3.5 if days.n <= 120 else 2.2
        if last > first:
            plot.dot(day + 0.5, last, "s2 open", tip=said, radius=radius)
        plot.dot(day + 0.5, first, "s1", tip=said, radius=radius)
    return plot.svg()


def _hours(pair: Ends, day: int, clock: Clock) -> Ends:
    """Hours since the day began; its end is 24 and not 0."""
    begin = day * 24 + clock.begins
    first, last = (moment / 3600 - begin for moment in pair)
    return max(first, 0.0), min(last, 24.0)


def _rows(
    name: str,
    calls: Mapping[tuple[int, int], Ends],
    recorded: Mapping[tuple[int, int], Ends],
    season: Season,
    clock: Clock,
) -> list[Row]:
    found: list[Row] = []
    for (site, day), pair in sorted(calls.items(), key=lambda item: (item[0][1], item[0][0])):
        heard = recorded.get((site, day))
        ends = ["", ""] if heard is None else [_time(moment) for moment in heard]
        found.append([name, season.sites[site].shown, iso_day(day), *map(_time, pair), *ends])
    return found


def _time(moment: float) -> str:
    """The local time of a moment, to the second."""
    seconds = int(moment)
    day, rest = divmod(seconds, 86_400)
    return f"{iso_day(day)}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
