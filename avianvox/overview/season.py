"""A season in numbers: calls by hour, site and species, beside the time that was recorded.

`read_season` goes through the rows once. What it keeps grows with hours, sites and species, not with rows:
hours come from :mod:`avianvox.inference.period_table`, and are those of local time as the rows state it, or
of the zone that is asked for. Days are ordinals (`datetime.date.toordinal`).

Half days make the first and the last call of a day and of a night alike: half day ``2 * day`` is the morning
of a day and ``2 * day + 1`` the rest of it. Moments are seconds of the local clock since day 0.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

import numpy as np

from avianvox.audio.notes import zone_of
from avianvox.errors import InputError
from avianvox.inference.period_table import SummaryRow, counts, summarise
from avianvox.inference.picks import Chooser
from avianvox.overview.listened import Listened, Sample
from avianvox.overview.places import Places, Site
from avianvox.overview.verified import Checked, Judged, without_name
from avianvox.tables.times import real_seconds
from avianvox.types import Detection, Status

DAY_S = 86_400
HALF_S = DAY_S // 2


@dataclass(frozen=True, slots=True)
class Asked:
    """How a season is read.

    Attributes
    ----------
    timezone : str
        Zone of hours and days, as `summarise` takes it.
    min_score : float, optional
        Rows of this score or above count, uncertain ones too. None: those that the model names.
    examples : int
        Of each species, the detections of highest score that are kept.
    listen_h : float, hours
        How much sound is kept in mind for the spectrogram of the season.
    """

    timezone: str = ""
    min_score: float | None = None
    examples: int = 1
    listen_h: float = 12.0


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls by hour; arrays of one length. ``n_verified`` of ``n`` were confirmed or added by a person."""

    species: np.ndarray
    site: np.ndarray
    day: np.ndarray
    hour: np.ndarray
    n: np.ndarray
    n_verified: np.ndarray


@dataclass(frozen=True, slots=True)
class Effort:
    """Time recorded by hour; arrays of one length. ``recorder``: position in `Season.recorders`."""

    recorder: np.ndarray
    site: np.ndarray
    day: np.ndarray
    hour: np.ndarray
    hours: np.ndarray


Extremes = dict[tuple[int, int, int], tuple[float, float]]
"""Species (-1: sound at all), site and half day, to the first and the last moment."""


@dataclass(frozen=True)
class Season:
    """Everything that pictures are made of.

    Attributes
    ----------
    sites : tuple of Site
        By name; ``site`` of arrays is a position in it, and ``species`` one in `species`.
    recorders : tuple of (site, name of the device)
    species, common : tuple of str
        Scientific names, the most calls first, and their common names.
    calls, effort : Calls, Effort
        Of recordings with a time.
    undated_calls : Counter of (species, site)
    undated_h : mapping of site to hours
        Of recordings without a time.
    extremes : Extremes
    statuses : Counter of (recorder, day or None, Status)
        Recordings by what came of them.
    examples : mapping of species name to detections
    sample : Sample
        Recordings for the spectrogram of the season.
    n_files, n_calls, n_verified, n_uncertain, n_rejected : int
        Recordings, calls that count, those of them confirmed, rows that are uncertain, and rows rejected.
    n_unmeasured : int
        Recordings whose length is not known.
    """

    sites: tuple[Site, ...]
    recorders: tuple[tuple[int, str], ...]
    species: tuple[str, ...]
    common: tuple[str, ...]
    calls: Calls
    effort: Effort
    undated_calls: Counter[tuple[int, int]]
    undated_h: Mapping[int, float]
    extremes: Extremes
    statuses: Counter[tuple[int, int | None, Status]]
    examples: Mapping[str, list[Detection]]
    sample: Sample
    n_files: int = 0
    n_calls: int = 0
    n_verified: int = 0
    n_uncertain: int = 0
    n_rejected: int = 0
    n_unmeasured: int = 0

    @property
    def days(self) -> tuple[int, int] | None:
        """The first and the last day with sound or calls; None where no time is known."""
        found = [array for array in (self.effort.day, self.calls.day) if len(array)]
        return (min(int(a.min()) for a in found), max(int(a.max()) for a in found)) if found else None

    @property
    def recorded_h(self) -> float:
        return float(self.effort.hours.sum()) + sum(self.undated_h.values())


def read_season(
    recordings: Iterable[list[Detection]],
    asked: Asked,
    *,
    verdicts: Checked | None = None,
    positions: Mapping[str, tuple[float, float]] | None = None,
) -> Season:
    """Count a season.

    Parameters
    ----------
    recordings : iterable of list of Detection
        The rows of each recording, see `avianvox.overview.results.recordings_of`.
    asked : Asked
    verdicts : Checked, optional
        Rejected rows are left out.
    positions : mapping of str to (latitude, longitude), optional
        Of sites; they come before what the rows say.

    Raises
    ------
    InputError
        There are no rows, there is no such time zone, or a row has a time that is none.
    """
    reader = _Reader(asked, verdicts)
    uncertain = asked.min_score is not None
    how = {"by": "hour", "timezone": asked.timezone, "uncertain": uncertain}
    for row in summarise(reader.passing(recordings), **how):  # type: ignore[arg-type]
        reader.take(row)
    if not reader.n_files:
        raise InputError("expected rows of recordings, found none; 'avianvox classify' writes such tables")
    reader.confirm(summarise(reader.verified, **how))  # type: ignore[arg-type]
    return reader.season(positions or {})


@dataclass
class _Columns:
    """Rows of whole numbers, 8 bytes each."""

    width: int
    values: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, *row: int) -> None:
        self.values.extend(row)

    def arrays(self) -> list[np.ndarray]:
        table = np.array(self.values, np.int64).reshape(-1, self.width)
        return [np.ascontiguousarray(table[:, k]) for k in range(self.width)]


class _Reader:
    def __init__(self, asked: Asked, verdicts: Checked | None) -> None:
        self.verified: list[Detection] = []
        self._asked, self._verdicts = asked, verdicts
        self._zone: tzinfo | None = zone_of(asked.timezone)
        self._places = Places()
        self._recorders: dict[tuple[int, str], int] = {}
        self._species: dict[str, int] = {}
        self._common: dict[int, str] = {}
        self._calls, self._effort = _Columns(6), _Columns(5)
        self._undated_calls = Counter[tuple[int, int]]()
        self._undated_h = Counter[int]()
        self._extremes: Extremes = {}
        self._statuses = Counter[tuple[int, int | None, Status]]()
        self._chooser = Chooser(per_species=asked.examples)
        self._listened = Listened(asked.listen_h)
        self._n = Counter[str]()
        self._hour: tuple[str, int, int] = ("", 0, 0)
        self._place: tuple[str, int] = ("", -1)

    @property
    def n_files(self) -> int:
        return self._n["files"]

    def passing(self, recordings: Iterable[list[Detection]]) -> Iterator[Detection]:
        """The rows that count, and one for each recording without any; everything else is noted here."""
        uncertain, least = self._asked.min_score is not None, self._asked.min_score or 0.0
        for rows in recordings:
            first = rows[0]
            judged = Judged(rows, []) if self._verdicts is None else self._verdicts.judge(rows)
            self._n["rejected"] += judged.n_rejected
            self.verified += judged.verified
            sure = {id(row) for row in judged.verified}
            counted = [
                row
                for row in judged.rows
                if counts(row, uncertain=uncertain)
                and (row.score is None or row.score >= least or id(row) in sure)
            ]
            self._n["uncertain"] += sum(counts(row, uncertain=True) for row in judged.rows) - len(counted)
            self._note(first, counted)
            if counted:
                yield from counted
            else:
                yield without_name(first)

    def _note(self, first: Detection, counted: list[Detection]) -> None:
        """Keep what hours don't say of a recording."""
        self._n["files"] += 1
        site = self._places.see(first)
        recorder = self._recorders.setdefault((site, first.recorder), len(self._recorders))
        begin = self._moment(first.begin_time)
        length_s = real_seconds(first.decoded_s or 0.0, first.time_expansion)
        self._n["unmeasured"] += first.decoded_s is None and not first.status.failed
        if begin is not None:
            begin -= real_seconds(first.begin_s or 0.0, first.time_expansion)
            if length_s:
                self._extend(-1, site, begin, begin + length_s)
        day = None if begin is None else int(begin // DAY_S)
        self._statuses[recorder, day, first.status] += 1
        kept = self._listened.see(first, site, begin, length_s)
        for row in counted:
            species = self._index(row)
            self._chooser.see(row)
            if row.begin_s is None:
                continue
            moment = self._moment(row.begin_time)
            if moment is not None:
                self._extend(species, site, moment, moment)
            if kept is not None:
                kept.calls.append((species, row.begin_s))

    def _index(self, row: Detection) -> int:
        species = self._species.setdefault(row.scientific_name, len(self._species))
        if row.common_name and species not in self._common:
            self._common[species] = row.common_name
        return species

    def _moment(self, text: str) -> float | None:
        """Seconds of the local clock. What is no time is refused by `summarise`."""
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        if self._zone is not None and moment.tzinfo is not None:
            moment = moment.astimezone(self._zone)
        passed = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
        return moment.toordinal() * DAY_S + passed

    def _extend(self, species: int, site: int, begin: float, end: float) -> None:
        for half in range(int(begin // HALF_S), int(end // HALF_S) + 1):
            low, high = max(begin, half * HALF_S), min(end, (half + 1) * HALF_S)
            key = (species, site, half)
            known = self._extremes.get(key)
            if known is None:
                self._extremes[key] = low, high
            elif low < known[0] or high > known[1]:
                self._extremes[key] = min(low, known[0]), max(high, known[1])

    def take(self, row: SummaryRow) -> None:
        """Add a row of a table by hour. Rows of one hour, site and recorder state the same effort."""
        site = self._places.index(row.site)
        recorder = self._recorders.setdefault((site, row.recorder), len(self._recorders))
        fresh = (row.begin_time, recorder) != self._place
        self._place = row.begin_time, recorder
        day, hour = self._when(row.begin_time)
        if fresh and row.recorded_s:
            if row.begin_time:
                self._effort.add(recorder, site, day, hour, round(row.recorded_s * 1000))
            else:
                self._undated_h[site] += row.recorded_s / 3600  # type: ignore[assignment]
        self._add_calls(row, site, day, hour, verified=False)

    def confirm(self, rows: Iterable[SummaryRow]) -> None:
        """Add how many calls were verified."""
        for row in rows:
            self._add_calls(row, self._places.index(row.site), *self._when(row.begin_time), verified=True)

    def _add_calls(self, row: SummaryRow, site: int, day: int, hour: int, *, verified: bool) -> None:
        if not row.n_events:
            return
        species = self._species.setdefault(row.scientific_name, len(self._species))
        if row.begin_time:
            n = (0, row.n_events) if verified else (row.n_events, 0)
            self._calls.add(species, site, day, hour, *n)
        elif not verified:
            self._undated_calls[species, site] += row.n_events
        self._n["verified" if verified else "calls"] += row.n_events

    def _when(self, begin_time: str) -> tuple[int, int]:
        if begin_time and begin_time != self._hour[0]:
            moment = datetime.fromisoformat(begin_time)
            self._hour = begin_time, moment.toordinal(), moment.hour
        return self._hour[1:]

    def season(self, positions: Mapping[str, tuple[float, float]]) -> Season:
        totals = Counter[int]()
        species, site, day, hour, n, n_verified = self._calls.arrays()
        for index, count in zip(species.tolist(), n.tolist(), strict=True):
            totals[index] += count
        for (index, _), count in self._undated_calls.items():
            totals[index] += count
        names = sorted(totals, key=lambda index: (-totals[index], list(self._species)[index]))
        known = list(self._species)
        rank = {index: k for k, index in enumerate(names)}
        order, sites = self._places.sites(positions)
        by_species = np.array([rank.get(k, -1) for k in range(len(known))], np.int64)
        by_site = np.array(order, np.int64)
        recorder, effort_site, effort_day, effort_hour, ms = self._effort.arrays()
        return Season(
            sites,
            tuple((int(by_site[s]), name) for s, name in self._recorders),
            tuple(known[index] for index in names),
            tuple(self._common.get(index, "") for index in names),
            Calls(by_species[species], by_site[site], day, hour, n, n_verified),
            Effort(recorder, by_site[effort_site], effort_day, effort_hour, ms / 3_600_000),
            Counter({(rank[k], int(by_site[s])): c for (k, s), c in self._undated_calls.items()}),
            {int(by_site[s]): hours for s, hours in self._undated_h.items()},
            {
                (rank[k] if k >= 0 else -1, int(by_site[s]), half): ends
                for (k, s, half), ends in self._extremes.items()
                if k < 0 or k in rank
            },
            self._statuses,
            self._chooser.chosen(),
            self._listened.sample(rank, order),
            self._n["files"],
            self._n["calls"],
            self._n["verified"],
            self._n["uncertain"],
            self._n["rejected"],
            self._n["unmeasured"],
        )
