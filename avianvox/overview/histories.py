"""Detection histories: for each species, site by visit, whether it was found, and how long was recorded.

Occupancy models want a row for each site and, for each visit, an answer and what may explain it. A visit of a
site without sound has no answer (``NA``), never a 0. Visits are the same days at all sites.

The wide table has ``site, y.1 ... y.J``, columns of sites, then ``effort_h.1 ...`` and ``verified.1 ...``:
the form that ``unmarked::formatWide`` takes. The long one has a row for each species, site and visit.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.overview.days import WEEK, iso_day, visit_of
from avianvox.overview.season import Season
from avianvox.tables.rows import Column, Row

LONG_COLUMNS = (
    *(Column("species"), Column("common_name"), Column("site")),
    *(Column("visit", int), Column("begin"), Column("end"), Column("effort_h", float, 4)),
    *(Column("n_calls", int), Column("n_verified", int), Column("y", int), Column("verified", int)),
)
VISIT_COLUMNS = (Column("visit", int), Column("begin"), Column("end"))


@dataclass(frozen=True, slots=True)
class Histories:
    """What `histories` gives.

    Attributes
    ----------
    by : str
        A name of `avianvox.overview.days.VISITS`.
    begins : tuple of int
        The first day of each visit, of those with sound at any site.
    effort_h : np.ndarray, shape (sites, visits)
    n_calls, n_verified : np.ndarray, shape (species, sites, visits)
    """

    by: str
    begins: tuple[int, ...]
    effort_h: np.ndarray
    n_calls: np.ndarray
    n_verified: np.ndarray

    def end(self, visit: int) -> str:
        """The last day of a visit; of a night, the day after its evening."""
        return iso_day(self.begins[visit] + {"day": 0, "night": 1, "week": WEEK - 1}[self.by])


def histories(season: Season, by: str = "day") -> Histories:
    """Count calls and effort by species, site and visit; recordings without a time take no part.

    A call counts only where its hour has a recorded length, since a visit without effort is no visit.
    """
    effort, calls = season.effort, season.calls
    first = season.days[0] if season.days else 0
    at = visit_of(by, effort.day, effort.hour, first)
    begins = np.unique(at)
    shape = (len(season.sites), len(begins))
    effort_h = np.zeros(shape)
    np.add.at(effort_h, (effort.site, np.searchsorted(begins, at)), effort.hours)
    called_at = visit_of(by, calls.day, calls.hour, first)
    visit = np.searchsorted(begins, called_at)
    within = np.isin(called_at, begins)
    counts = []
    for n in (calls.n, calls.n_verified):
        table = np.zeros((len(season.species), *shape), np.int64)
        np.add.at(table, (calls.species[within], calls.site[within], visit[within]), n[within])
        counts.append(table)
    return Histories(by, tuple(begins.tolist()), effort_h, *counts)


def wide_rows(found: Histories, season: Season, species: int) -> tuple[list[str], list[list[str]]]:
    """Header and rows of one species; ``NA`` where a site has no sound on a visit."""
    n = range(1, len(found.begins) + 1)
    header = ["site", *(f"y.{k}" for k in n), "latitude", "longitude"]
    header += [*(f"effort_h.{k}" for k in n), *(f"verified.{k}" for k in n)]
    rows = []
    for k, site in enumerate(season.sites):
        there = found.effort_h[k] > 0
        calls, sure = found.n_calls[species, k], found.n_verified[species, k]
        position = ("NA" if at is None else f"{at:.6f}" for at in (site.latitude, site.longitude))
        rows.append(
            [
                site.shown,
                *_answers(calls > 0, there),
                *position,
                *(f"{h:.4f}" if h else "NA" for h in found.effort_h[k].tolist()),
                *_answers(sure > 0, there),
            ]
        )
    return header, rows


def _answers(positive: np.ndarray, there: np.ndarray) -> list[str]:
    return [str(int(p)) if t else "NA" for p, t in zip(positive.tolist(), there.tolist(), strict=True)]


def long_rows(found: Histories, season: Season) -> list[Row]:
    """A row for each species, and each visit of a site with sound, under `LONG_COLUMNS`."""
    rows: list[Row] = []
    visited = np.argwhere(found.effort_h > 0).tolist()
    for k, species in enumerate(season.species):
        for site, visit in visited:
            n, sure = int(found.n_calls[k, site, visit]), int(found.n_verified[k, site, visit])
            rows.append(
                [
                    *(species, season.common[k], season.sites[site].shown),
                    *(visit + 1, iso_day(found.begins[visit]), found.end(visit)),
                    *(float(found.effort_h[site, visit]), n, sure, int(n > 0), int(sure > 0)),
                ]
            )
    return rows
