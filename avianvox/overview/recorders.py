"""The calendar of recorders: how long each ran on each day, and the recordings that failed."""

import numpy as np

from avianvox.overview.days import Clock, iso_day
from avianvox.overview.picture import NOTE_LETTER, WIDE, Picture, cut, day_columns, room_for
from avianvox.overview.season import Season
from avianvox.pages.heat import legend, levels, limits_of
from avianvox.pages.plot import Axis, Plot
from avianvox.tables.rows import Column, Row
from avianvox.types import Status

_ROW = 18.0
MOST_ROWS = 120
COLUMNS = (
    *(Column("site"), Column("recorder"), Column("day"), Column("recorded_h", float, 4)),
    *(Column("n_files", int), *(Column(f"n_{status.value}", int) for status in Status)),
)


def calendar(season: Season, clock: Clock) -> Picture:
    """A row for each recorder. Failed recordings stand on the day on which they began, if it is known."""
    days = day_columns(season, clock)
    effort = season.effort
    hours = np.zeros((len(season.recorders), days.n))
    np.add.at(hours, (effort.recorder, days.of(clock.day(effort.day, effort.hour))), effort.hours)
    files: dict[tuple[int, int | None], dict[Status, int]] = {}
    for (recorder, day, status), n in season.statuses.items():
        files.setdefault((recorder, day), {})[status] = n
    order = sorted(range(len(season.recorders)), key=lambda r: _name(season, r))
    rows = _rows(season, hours, files, order, clock)
    names = [cut(_label(*_name(season, r)), 30) for r in order[:MOST_ROWS]]
    left = max(room_for(names, letter=NOTE_LETTER), 52.0)
    plot = Plot(
        days.axis(),
        Axis(float(len(names)), 0.0, ticks=()),
        title="Recorded time of each recorder by date",
        left=left,
        top=48.0,
        width=WIDE,
        height=94 + _ROW * len(names),
    )
    brief = hours.max(initial=0.0) < 2
    shown = hours * 60 if brief else hours
    limits = limits_of(shown)
    shades = levels(shown, limits)
    for shade in np.unique(shades[shades > 0]).tolist():
        places = np.argwhere(shades[order[:MOST_ROWS]] == shade).tolist()
        plot.cells([(*days.box(c), k + 0.08, k + 0.92) for k, c in places], f"h{shade}")
    for k, name in enumerate(names):
        plot.text(days.first, k + 0.5, name, anchor="end", dx=-6)
    place = {recorder: k for k, recorder in enumerate(order[:MOST_ROWS])}
    for (recorder, day), statuses in sorted(files.items(), key=lambda item: (item[0][0], item[0][1] or 0)):
        if day is None or recorder not in place or not days.first <= day <= days.last:
            continue
        failed = sum(n for status, n in statuses.items() if status.failed)
        middle = sum(days.box(int(days.of(np.array(day))))) / 2
        if failed:
            plot.cross(middle, place[recorder] + 0.5, "s2", tip=f"{iso_day(day)}: {failed} failed")
        elif Status.SILENT in statuses:
            n = statuses[Status.SILENT]
            plot.dot(middle, place[recorder] + 0.5, "s2 open", radius=3.2, tip=f"{iso_day(day)}: {n} silent")
    entries = [entry for entry in legend(limits, float(shown.max(initial=0.0))) if entry[0] != "h0"]
    plot.swatches("minutes recorded" if brief else "hours recorded", entries)
    plot.swatches("× a recording failed or is cut short    ○ a recording is silent", [], at=32.0)
    more = f" The first {MOST_ROWS} recorders; the table has all." if len(order) > MOST_ROWS else ""
    caption = f"Recorded time of each recorder, and recordings that failed, by date.{days.said()}{more}"
    return Picture("recorders", "Recorders", caption, plot.svg(), COLUMNS, rows)


def _name(season: Season, recorder: int) -> tuple[str, str]:
    site, device = season.recorders[recorder]
    return season.sites[site].shown, device


def _label(site: str, device: str) -> str:
    """Site and device; the device alone where it is named after the site."""
    return device if device.startswith(site) else f"{site} {device}".strip()


def _rows(
    season: Season,
    hours: np.ndarray,
    files: dict[tuple[int, int | None], dict[Status, int]],
    order: list[int],
    clock: Clock,
) -> list[Row]:
    by_day: dict[tuple[int, int], float] = {}
    effort = season.effort
    days = clock.day(effort.day, effort.hour)
    for recorder, day, h in zip(effort.recorder.tolist(), days.tolist(), effort.hours.tolist(), strict=True):
        by_day[recorder, day] = by_day.get((recorder, day), 0.0) + h
    keys = {*by_day, *((r, d) for r, d in files if d is not None)}
    found: list[Row] = []
    place = {recorder: k for k, recorder in enumerate(order)}
    for recorder, day in sorted(keys, key=lambda key: (place[key[0]], key[1])):
        statuses = files.get((recorder, day), {})
        counts = [statuses.get(status, 0) for status in Status]
        recorded = by_day.get((recorder, day), 0.0)
        found.append([*_name(season, recorder), iso_day(day), recorded, sum(counts), *counts])
    for recorder in order:
        if statuses := files.get((recorder, None), {}):
            counts = [statuses.get(status, 0) for status in Status]
            found.append([*_name(season, recorder), "", None, sum(counts), *counts])
    return found
