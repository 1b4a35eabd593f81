"""Sites, and where they are: what tables say of them, and a table of positions that the user gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import asin, cos, isfinite, radians, sin, sqrt
from pathlib import Path

from avianvox.errors import InputError
from avianvox.tables.delimited import dict_rows, read_number
from avianvox.texts import open_lines
from avianvox.types import Detection

EARTH_M = 6_371_008.8
"""The mean radius."""


@dataclass(frozen=True, slots=True)
class Site:
    """A site; without a position where nobody states one.

    ``spread_m``: how far apart the positions lie that its recordings state.
    """

    name: str
    latitude: float | None = None
    longitude: float | None = None
    spread_m: float = 0.0

    @property
    def shown(self) -> str:
        return self.name or "(no site)"


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The way between two positions in degrees, on a sphere.

    Examples
    --------
    >>> round(metres((0.0, 0.0), (0.0, 1.0)))
    111195
    """
    (lat1, lon1), (lat2, lon2) = ((radians(a), radians(b)) for a, b in (one, other))
    inner = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_M * asin(sqrt(min(1.0, inner)))


class Places:
    """The sites of a season, as its recordings come by."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._seen: dict[int, list[float]] = {}  # n, sums, and the corners of all positions

    def index(self, name: str) -> int:
        return self._index.setdefault(name, len(self._index))

    def see(self, row: Detection) -> int:
        """The number of the site of a recording, whose position counts."""
        site = self.index(row.site)
        lat, lon = row.latitude, row.longitude
        if lat is not None and lon is not None:
            known = self._seen.setdefault(site, [0, 0.0, 0.0, lat, lat, lon, lon])
            known[0] += 1
            known[1] += lat
            known[2] += lon
            known[3:] = min(known[3], lat), max(known[4], lat), min(known[5], lon), max(known[6], lon)
        return site

    def sites(self, positions: Mapping[str, tuple[float, float]]) -> tuple[list[int], tuple[Site, ...]]:
        """All sites by name, and from their numbers to their places among them."""
        names = sorted(self._index)
        place = {name: k for k, name in enumerate(names)}
        return [place[name] for name in self._index], tuple(self._site(name, positions) for name in names)

    def _site(self, name: str, positions: Mapping[str, tuple[float, float]]) -> Site:
        if name in positions:
            return Site(name, *positions[name])
        if (seen := self._seen.get(self._index[name])) is None:
            return Site(name)
        n, lat, lon, south, north, west, east = seen
        return Site(name, round(lat / n, 6), round(lon / n, 6), metres((south, west), (north, east)))


def read_positions(path: Path) -> dict[str, tuple[float, float]]:
    """Positions of sites from a CSV with the columns ``site``, ``latitude`` and ``longitude``, in degrees.

    Raises
    ------
    InputError
        A column is missing, or a position is none; the message names the line.
    """
    found: dict[str, tuple[float, float]] = {}
    with open_lines(path) as lines:
        rows = dict_rows(lines)
        if not {"site", "latitude", "longitude"} <= set(rows.fieldnames or ()):
            there = ", ".join(rows.fieldnames or ()) or "nothing"
            raise InputError(f"{path}: expected columns site, latitude, longitude; found {there}")
        for row in rows:
            try:
                lat, lon = (read_number(row[name], origin="") for name in ("latitude", "longitude"))
            except InputError:
                lat = lon = float("nan")
            if not (isfinite(lat) and isfinite(lon) and abs(lat) <= 90 and abs(lon) <= 180):
                raise InputError(
                    f"{path}, line {rows.line_num}: expected latitude and longitude in degrees, got "
                    f"'{row['latitude']}' and '{row['longitude']}'"
                )
            found[row["site"]] = lat, lon
    return found
