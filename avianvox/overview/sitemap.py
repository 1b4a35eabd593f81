"""The map of sites: degrees as they are, with a graticule and a scale bar, and nothing from a server."""

from math import cos, floor, log10, radians

import numpy as np

from avianvox.overview.picture import Picture, cut
from avianvox.overview.places import EARTH_M
from avianvox.overview.season import Season
from avianvox.pages.markup import Markup, short
from avianvox.pages.plot import Axis, Plot, round_step
from avianvox.tables.rows import Column, Row

COLUMNS = (
    *(Column("site"), Column("latitude", float, 6), Column("longitude", float, 6)),
    *(Column("spread_m", float, 1), Column("recorded_h", float, 4)),
    *(Column("n_species", int), Column("n_calls", int)),
)
_WIDTH, _LEFT, _TOP, _FOOT = 620.0, 58.0, 14.0, 42.0
_DEGREE_M = EARTH_M * radians(1)
_LEAST_M = 200.0  # what a map shows at least, of one site too
_SHAPE = (0.45, 1.1)  # height to width
_FONT = 5.4  # units of a letter


def site_map(season: Season) -> Picture:
    """Sites with a position; circles have an area that grows with the number of species."""
    n_sites = len(season.sites)
    hours = np.bincount(season.effort.site, season.effort.hours, n_sites)
    for site, more in season.undated_h.items():
        hours[site] += more
    n_calls = np.bincount(season.calls.site, season.calls.n, n_sites)
    for (_, site), n in season.undated_calls.items():
        n_calls[site] += n
    pairs = {*zip(season.calls.site.tolist(), season.calls.species.tolist(), strict=True)}
    pairs |= {(site, species) for species, site in season.undated_calls}
    species = np.bincount([site for site, _ in pairs], minlength=n_sites)
    rows: list[Row] = [
        [s.shown, s.latitude, s.longitude, s.spread_m, float(hours[k]), int(species[k]), int(n_calls[k])]
        for k, s in enumerate(season.sites)
    ]
    without = [cut(site.shown, 30) for site in season.sites if site.latitude is None]
    caption = (
        "Sites by their positions (WGS 84); the area of a circle is its number of species. Names that would "
        "cover each other are left out; the table has them."
    )
    if without:
        named = ", ".join(without[:8]) + (", …" if len(without) > 8 else "")
        caption += f" Without a position, and so not on the map: {named}."
    if any(site.spread_m > 100 for site in season.sites):
        caption += " Of a site whose recordings state several positions, their mean is shown."
    return Picture("map", "Map of sites", caption, _map(season, species), COLUMNS, rows)


def _map(season: Season, n_species: np.ndarray) -> Markup | None:
    placed = [(k, s.latitude, s.longitude) for k, s in enumerate(season.sites)
              if s.latitude is not None and s.longitude is not None]  # fmt: skip
    if not placed:
        return None
    lats, lons = [lat for _, lat, _ in placed], [lon for _, _, lon in placed]
    middle = (min(lats) + max(lats)) / 2
    stretch = max(cos(radians(middle)), 0.05)
    width_m = max((max(lons) - min(lons)) * _DEGREE_M * stretch, _LEAST_M)
    height_m = max((max(lats) - min(lats)) * _DEGREE_M, _LEAST_M)
    width_m = 1.35 * max(width_m, height_m / _SHAPE[1])
    height_m = max(1.3 * height_m, width_m * _SHAPE[0])
    half_lat, half_lon = height_m / _DEGREE_M / 2, width_m / _DEGREE_M / stretch / 2
    centre = (min(lons) + max(lons)) / 2
    x = _degrees(centre - half_lon, centre + half_lon, "EW")
    y = _degrees(middle - half_lat, middle + half_lat, "NS")
    height = _TOP + _FOOT + (_WIDTH - _LEFT - 14) * height_m / width_m
    plot = Plot(x, y, title="Map of sites", left=_LEFT, top=_TOP, width=_WIDTH, height=height)
    radii = 4.0 + 10.0 * np.sqrt(n_species / max(1, int(n_species.max(initial=1))))
    taken = [_box(plot, lon, lat, float(radii[k])) for k, lat, lon in placed]
    for k, lat, lon in placed:
        tip = f"{season.sites[k].shown}: {n_species[k]} species"
        plot.dot(lon, lat, "s1", radius=float(radii[k]), tip=tip)
    taken.append(_scale_bar(plot, width_m, x, y))
    for k, lat, lon in placed:
        _label(plot, cut(season.sites[k].shown, 28), lon, lat, float(radii[k]), taken)
    return plot.svg()


def _degrees(low: float, high: float, letters: str) -> Axis:
    step = round_step((high - low) / 4.5)
    decimals = max(0, -int(np.floor(np.log10(step))))
    ticks = []
    for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1):
        value = k * step
        ticks.append((value, f"{abs(value):.{decimals}f}° {letters[0] if value >= 0 else letters[1]}"))
    return Axis(low, high, ticks=tuple(ticks))


_Box = tuple[float, float, float, float]


def _box(plot: Plot, lon: float, lat: float, radius: float) -> _Box:
    x, y = plot.at_x(lon), plot.at_y(lat)
    return x - radius, y - radius, x + radius, y + radius


def _label(plot: Plot, name: str, lon: float, lat: float, radius: float, taken: list[_Box]) -> None:
    """A name where it covers nothing; where there is no such place, only the table has it."""
    x, y, wide = plot.at_x(lon), plot.at_y(lat), _FONT * len(name)
    gap = radius + 3
    places = (
        ("start", gap, 3.5),
        ("end", -gap, 3.5),
        ("middle", 0.0, -gap),
        ("middle", 0.0, gap + 9),
        ("start", gap, -gap),
        ("end", -gap, gap + 9),
    )
    for anchor, dx, dy in places:
        left = x + dx - {"start": 0.0, "end": wide, "middle": wide / 2}[anchor]
        box = left, y + dy - 9, left + wide, y + dy + 2
        inside = box[0] > _LEFT and box[2] < _WIDTH - 14
        if inside and not any(_meet(box, other) for other in taken):
            plot.text(lon, lat, name, anchor=anchor, dx=dx, dy=dy)
            taken.append(box)
            return


def _meet(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _scale_bar(plot: Plot, width_m: float, x: Axis, y: Axis) -> _Box:
    """Draw it; the place that it takes."""
    power = 10.0 ** floor(log10(width_m / 4))
    length = max(power * factor for factor in (1, 2, 5) if power * factor <= width_m / 4)
    span = length / width_m * (x.high - x.low)
    begin, foot = x.low + (x.high - x.low) * 0.03, y.low + (y.high - y.low) * 0.05
    plot.span((begin, begin + span), (foot, foot), "scale")
    for end in (begin, begin + span):
        plot.span((end, end), (foot, foot + (y.high - y.low) * 0.02), "scale")
    said = f"{short(length / 1000)} km" if length >= 1000 else f"{short(length)} m"
    plot.text(begin + span, foot, said, dx=6)
    left, right = plot.at_x(begin), plot.at_x(begin + span) + 12 + _FONT * len(said)
    return left, plot.at_y(foot) - 12, right, plot.at_y(foot) + 5
