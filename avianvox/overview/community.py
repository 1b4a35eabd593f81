"""Species beside each other: by site, by date, and how many a growing number of days shows."""

from datetime import date

import numpy as np

from avianvox.overview.days import Clock, iso_day
from avianvox.overview.picture import WIDE, Picture, cut, day_columns, rate, room_for
from avianvox.overview.rarefaction import Curve, rarefaction
from avianvox.overview.season import Season
from avianvox.pages.heat import N_LEVELS, legend, levels, limits_of
from avianvox.pages.markup import Markup, short
from avianvox.pages.plot import Axis, Plot
from avianvox.tables.rows import Column, Row

_ROW = 15.0  # units of a species' row
_DEEP = N_LEVELS - 3  # the shade from which on a number in it is light
_LEAST_STEP, _STEP_OF_WORDS = 13.0, 32.0  # units of a site's column, and from where on it has numbers
MOST_ROWS, MOST_SITES = 60, 120
"""Species and sites in one picture; its table holds all."""


def by_site(season: Season) -> Picture:
    """Calls per recorded hour of each species at each site, with recordings that have no time."""
    n_sites = len(season.sites)
    n = np.zeros((len(season.species), n_sites))
    np.add.at(n, (season.calls.species, season.calls.site), season.calls.n)
    for (species, site), count in season.undated_calls.items():
        n[species, site] += count
    hours = np.bincount(season.effort.site, season.effort.hours, n_sites)
    for site, more in season.undated_h.items():
        hours[site] += more
    rates = rate(n, np.broadcast_to(hours, n.shape)) if hours.any() else n
    unit = "calls per recorded hour" if hours.any() else "calls"
    rows: list[Row] = [
        [
            *(season.species[k], season.common[k], season.sites[s].shown, int(n[k, s]), float(hours[s])),
            float(rates[k, s]) if hours[s] else None,
        ]
        for k in range(len(season.species))
        for s in range(n_sites)
    ]
    columns = (
        *(Column("species"), Column("common_name"), Column("site"), Column("n_calls", int)),
        *(Column("recorded_h", float, 4), Column("calls_per_recorded_h", float, 3)),
    )
    beyond = f" The first {MOST_SITES} sites; the table has all." if n_sites > MOST_SITES else ""
    caption = f"Species by site: {unit}.{_most(season)}{beyond}"
    svg = _site_heat(season, rates, hours, unit) if season.species else None
    return Picture("species_by_site", "Species by site", caption, svg, columns, rows)


def _site_heat(season: Season, rates: np.ndarray, hours: np.ndarray, unit: str) -> Markup:
    species = [cut(name) for name in season.species[:MOST_ROWS]]
    sites = [cut(site.shown, 24) for site in season.sites[:MOST_SITES]]
    longest = max(map(len, sites))
    left = room_for(species)
    step = min(70.0, max((WIDE - left - 14) / len(sites), _LEAST_STEP))
    turned = longest * 5.4 > step - 4
    head = 30.0 + (longest * 3.8 if turned else 14.0)
    height = head + _ROW * len(species) + 46
    width = max(left + step * len(sites) + 14 + (longest * 4.4 if turned else 0.0), left + 590.0)
    x = Axis(0.0, (width - left - 14) / step, ticks=())
    y = Axis(float(len(species)), 0.0, ticks=())
    plot = Plot(x, y, title="Species by site", left=left, top=head, width=width, height=height)
    rates = rates[: len(species), : len(sites)]
    positive = np.nan_to_num(rates)
    limits = limits_of(positive)
    shades = levels(positive, limits)
    for shade in range(N_LEVELS + 1):
        places = np.argwhere((shades == shade) & ~np.isnan(rates)).tolist()
        plot.cells([(s + 0.03, s + 0.97, k + 0.06, k + 0.94) for k, s in places], f"h{shade}")
    for k, name in enumerate(species):
        plot.text(0.0, k + 0.5, name, anchor="end", dx=-6, css="taxon")
        for s in range(len(sites)):
            if positive[k, s] > 0 and step >= _STEP_OF_WORDS:
                css = "deep" if shades[k, s] > _DEEP else ""
                plot.text(s + 0.5, k + 0.5, _brief(positive[k, s]), anchor="middle", css=css)
    for s, name in enumerate(sites):
        if turned:
            plot.text(s + 0.5, 0.0, name, dy=-5.0, turn=-40)
        else:
            plot.text(s + 0.5, 0.0, name, anchor="middle", dy=-6.0)
        if step >= _STEP_OF_WORDS:
            plot.text(s + 0.5, len(species), f"{_brief(hours[s])} h", anchor="middle", dy=14.0, css="soft")
    if step >= _STEP_OF_WORDS:
        plot.text(0.0, len(species), "recorded", anchor="end", dx=-6, dy=14.0, css="soft")
    plot.swatches(unit, legend(limits, float(positive.max(initial=0.0))))
    return plot.svg(frame=False)


def _brief(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else short(float(f"{value:.2g}"), 3)


def by_date(season: Season, clock: Clock) -> Picture:
    """Calls per recorded hour of each species on each day; first and last dates stand out."""
    days = day_columns(season, clock)
    calls, effort = season.calls, season.effort
    n = np.zeros((len(season.species), days.n))
    np.add.at(n, (calls.species, days.of(clock.day(calls.day, calls.hour))), calls.n)
    hours = np.bincount(days.of(clock.day(effort.day, effort.hour)), effort.hours, days.n)
    known = hours.any()
    rates = rate(n, np.broadcast_to(hours, n.shape)) if known else n
    unit = "calls per recorded hour" if known else "calls"
    rows: list[Row] = []
    for k, name in enumerate(season.species):
        for column in np.flatnonzero((n[k] > 0) | (hours > 0)).tolist():
            value = float(rates[k, column]) if hours[column] or not known else None
            begin = iso_day(int(days.box(column)[0]))
            rows.append([name, begin, int(n[k, column]), float(hours[column]), value])
    columns = (
        *(Column("species"), Column("day"), Column("n_calls", int)),
        *(Column("recorded_h", float, 4), Column("calls_per_recorded_h", float, 3)),
    )
    shown = [cut(name) for name in season.species[:MOST_ROWS]]
    svg = None
    if shown:
        left, height = room_for(shown), 76 + _ROW * len(shown)
        y = Axis(float(len(shown)), 0.0, ticks=())
        plot = Plot(days.axis(), y, title="Species by date", left=left, top=30.0, width=WIDE, height=height)
        positive = np.nan_to_num(rates[: len(shown)])
        limits = limits_of(positive)
        shades = levels(positive, limits)
        there = np.broadcast_to(hours > 0, shades.shape) if known else np.ones(shades.shape, bool)
        for shade in range(N_LEVELS + 1):
            places = np.argwhere((shades == shade) & there).tolist()
            plot.cells([(*days.box(c), k + 0.1, k + 0.9) for k, c in places], f"h{shade}")
        for k, name in enumerate(shown):
            plot.text(days.first, k + 0.5, name, anchor="end", dx=-6, css="taxon")
        plot.swatches(unit, legend(limits, float(positive.max(initial=0.0))))
        svg = plot.svg()
    caption = f"Species by date: {unit}, over all sites; blank: nothing recorded.{days.said()}{_most(season)}"
    return Picture("species_by_date", "Species by date", caption, svg, columns, rows)


def _most(season: Season) -> str:
    more = len(season.species) - MOST_ROWS
    return f" The {MOST_ROWS} species with the most calls; the table has {more} more." if more > 0 else ""


def sampling_units(season: Season, clock: Clock) -> tuple[int, np.ndarray]:
    """How many days of sites have sound, and on how many of them each species was found."""
    effort, calls = season.effort, season.calls
    units = set(zip(effort.site.tolist(), clock.day(effort.day, effort.hour).tolist(), strict=True))
    days = clock.day(calls.day, calls.hour)
    found = set(zip(calls.species.tolist(), calls.site.tolist(), days.tolist(), strict=True))
    found = {(species, site, day) for species, site, day in found if (site, day) in units}
    species = np.fromiter((key[0] for key in found), np.int64, len(found))
    return len(units), np.bincount(species, minlength=len(season.species))


def accumulation(season: Season, clock: Clock) -> tuple[Picture, Curve]:
    """Sample-based rarefaction with its interval; a sampling unit is a site's day with sound."""
    n_units, units_with = sampling_units(season, clock)
    curve = rarefaction(units_with, n_units)
    rows: list[Row] = [
        [int(t), float(s), float(low), float(high)]
        for t, s, low, high in zip(curve.units, curve.richness, curve.low, curve.high, strict=True)
    ]
    columns = (
        *(Column("units", int), Column("species", float, 3)),
        *(Column("low", float, 3), Column("high", float, 3)),
    )
    what = "nights" if clock.begins else "days"
    caption = (
        f"Species accumulation (sample-based rarefaction): species expected in so many site-{what}, drawn at "
        f"random from the {n_units} that have sound, with 95 % interval. Dashed: Chao2, a lower bound of the "
        f"number of species there are: {curve.chao2:.1f}. Names that are wrong count as species too."
    )
    svg = _curve(curve, f"site-{what} with sound") if n_units and curve.richness.any() else None
    return Picture("accumulation", "Species accumulation", caption, svg, columns, rows), curve


def _whole_ticks(top: float) -> tuple[tuple[float, str], ...] | None:
    """Ticks of a short axis on which things are counted; a longer one has whole ticks anyway."""
    return tuple((float(k), f"{k}") for k in range(int(top) + 1)) if top < 6 else None


def _curve(curve: Curve, label: str) -> Markup:
    n = len(curve.units)
    top = max(float(curve.high.max()), curve.chao2) * 1.06
    x = Axis(0.0, float(max(n, 2)), label, _whole_ticks(max(n, 2)))
    y = Axis(0.0, top, "species", _whole_ticks(top))
    plot = Plot(x, y, title="Species accumulation", width=560.0)
    thin = np.unique(np.linspace(0, n - 1, min(n, 200)).round().astype(int))
    units = curve.units[thin].astype(float).tolist()
    plot.band(units, curve.low[thin].tolist(), curve.high[thin].tolist(), "s1")
    if n > 1:
        plot.line([0.0, float(n)], [curve.chao2] * 2, "s0 dashed", tip=f"Chao2: {curve.chao2:.1f}")
        plot.text(0.0, curve.chao2, "Chao2", dx=6, dy=-4.0, css="soft")
    plot.line(units, curve.richness[thin].tolist(), "s1")
    if n == 1:
        plot.dot(1.0, float(curve.richness[0]), "s1")
    return plot.svg()


def season_dates(season: Season, clock: Clock) -> list[tuple[str, str]]:
    """The first and the last day on which each species was found; empty where none has a time."""
    days = clock.day(season.calls.day, season.calls.hour)
    found = []
    for k in range(len(season.species)):
        mine = days[season.calls.species == k]
        ends = (int(mine.min()), int(mine.max())) if len(mine) else None
        found.append(("", "") if ends is None else (iso_day(ends[0]), iso_day(ends[1])))
    return found


def said_days(first: int, last: int) -> str:
    """Two days as a reader says them."""
    one, other = date.fromordinal(first), date.fromordinal(last)
    return f"{one.day} {one:%B %Y} to {other.day} {other:%B %Y}"
