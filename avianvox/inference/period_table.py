"""Tables by hour, day and night: how often each species was found, and how long somebody listened.

A summary is made from the rows of a table of detections. Each file gives its length to the periods in which
it was recorded, also where nothing was found: a count means something only beside the time that was listened.
Start with `summarise` and `write_summary`. Memory grows with periods, sites, recorders and species, not with
files.

The columns are those of `SUMMARY_COLUMNS`, with the meaning of the fields of `SummaryRow`. A new column is a
new `SUMMARY_VERSION`; a column is never renamed. Version 2 has `site` besides.
"""

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime, tzinfo
from functools import partial
from itertools import groupby
from pathlib import Path

from avianvox.audio.notes import zone_of
from avianvox.errors import InputError
from avianvox.files import atomic_write
from avianvox.inference.periods import PERIODS, UNKNOWN, Finder, Period, instant, pieces, remembering
from avianvox.tables.rows import Column, csv_header, csv_lines, json_lines, write_rows
from avianvox.tables.times import real_seconds
from avianvox.types import NO_BIRD, Decision, Detection
from avianvox.words import printable

SUMMARY_VERSION = 2


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """A species in an hour, a day or a night of one recorder at one site. All seconds are real ones.

    A period in which nothing was named has one row without a species.

    Attributes
    ----------
    begin_time, end_time : str
        Of the period, ISO 8601, with the offset from UTC where it is known; empty for recordings without a
        time.
    site, recorder : str
    scientific_name, common_name : str
    n_events : int
        Events that begin in the period. Spans of one species that overlap in a file, as those of two channels
        do, are one.
    calling_s : float, seconds
        How much of the period the events fill; an event across a border counts on both sides.
    best_score, mean_score : float or None
        The greatest of the events' scores, and their mean with the seconds in the period as weights.
    recorded_s : float, seconds
        What was recorded and read in the period, whatever was found; the same in all its rows.
    n_files : int
        The files that hold it.
    """

    begin_time: str
    end_time: str
    site: str
    recorder: str
    scientific_name: str = ""
    common_name: str = ""
    n_events: int = 0
    calling_s: float = 0.0
    best_score: float | None = None
    mean_score: float | None = None
    recorded_s: float = 0.0
    n_files: int = 0


SUMMARY_COLUMNS = (
    Column("begin_time", datetime),
    Column("end_time", datetime),
    Column("site"),
    Column("recorder"),
    Column("scientific_name"),
    Column("common_name"),
    Column("n_events", int),
    Column("calling_s", float, 3),
    Column("best_score", float, 4),
    Column("mean_score", float, 4),
    Column("recorded_s", float, 3),
    Column("n_files", int),
)


@dataclass(slots=True)
class _Effort:
    recorded_ms: int = 0
    n_files: int = 0


@dataclass(slots=True)
class _Tally:
    n_events: int = 0
    calling_ms: int = 0
    scored_ms: int = 0
    weighted: float = 0.0
    best: float | None = None

    def see(self, score: float | None, ms: int, *, begins: bool) -> None:
        self.n_events += begins
        self.calling_ms += ms
        if score is not None:
            self.scored_ms += ms
            self.weighted += score * ms
            self.best = score if self.best is None else max(self.best, score)


@dataclass(frozen=True, slots=True)
class _Span:
    begin_ms: int
    end_ms: int
    score: float | None


def summarise(
    detections: Iterable[Detection], *, by: str, timezone: str = "", uncertain: bool = False
) -> Iterator[SummaryRow]:
    """Count detections and recorded time by hour, day or night, at each site.

    A row counts that names a species other than `NO_BIRD`, as the first of its span, and not uncertainly
    unless ``uncertain``. A row without a span fills its file. A file whose length is not known adds nothing
    to the time recorded.

    Parameters
    ----------
    detections : iterable of Detection
        The rows of one file stand together, as in each table that avianvox writes; a file in which nothing
        was found has a row that says so.
    by : {"hour", "day", "night"}
    timezone : str
        The zone whose hours, days and nights are meant: an IANA name or an offset such as "+02:00". Times
        that state no offset are read in it. By default each file counts in the offset that its
        first row states.
    uncertain : bool
        Count rows too whose score is below the threshold of their species.

    Yields
    ------
    SummaryRow
        Ordered by period, site, recorder and species; recordings without a time come last.

    Raises
    ------
    UnknownNameError
        ``by`` is none of them.
    InputError
        There is no such zone, or a row has a time that is none.
    """
    counts = _Counts(PERIODS.get(by), zone_of(timezone), uncertain)
    for _, rows in groupby(detections, key=lambda row: row.path):
        counts.add_file(list(rows))
    yield from counts.rows()


def write_summary(
    rows: Iterable[SummaryRow], path: Path | str, name: str, *, spreadsheet: bool = False
) -> None:
    """Write a summary to a file, which appears whole or not at all.

    Parameters
    ----------
    rows : iterable of SummaryRow
    path : path-like
    name : {"csv", "jsonl", "parquet", "xlsx", "table"}
        ``table`` is text for people.
    spreadsheet : bool
        Of CSV: no cell is taken for a formula.

    Raises
    ------
    UnknownNameError, MissingExtraError, OutputError
        As :func:`avianvox.tables.rows.write_rows` does.
    """
    if name == "table":
        with atomic_write(path) as file:
            file.writelines(summary_lines(rows, name))
        return
    about = {"table": "summary", "table_version": str(SUMMARY_VERSION)}
    write_rows(map(astuple, rows), SUMMARY_COLUMNS, path, name, about=about, spreadsheet=spreadsheet)


def summary_lines(rows: Iterable[SummaryRow], name: str, *, spreadsheet: bool = False) -> Iterator[str]:
    """The text of a summary, to print: ``name`` is "csv", "jsonl" or "table", the text for people."""
    if name == "table":
        yield from _text(rows)
        return
    if name == "csv":
        yield csv_header(SUMMARY_COLUMNS)
    lines = partial(csv_lines, spreadsheet=spreadsheet) if name == "csv" else json_lines
    for row in rows:
        yield lines(SUMMARY_COLUMNS, [astuple(row)])


def _text(rows: Iterable[SummaryRow]) -> Iterator[str]:
    """A line for each period of a site's recorder, and one for each species in it, the most events first."""
    for (begin, *where), group in groupby(rows, key=lambda row: (row.begin_time, row.site, row.recorder)):
        found = list(group)
        files = "1 file" if found[0].n_files == 1 else f"{found[0].n_files} files"
        facts = ", ".join(
            part
            for part in (*map(printable, dict.fromkeys(where)), f"{found[0].recorded_s:.0f} s in {files}")
            if part
        )
        yield f"{begin or 'time not known'}  ({facts})\n"
        for row in sorted(found, key=lambda row: (-row.n_events, -row.calling_s)):
            if not row.scientific_name:
                yield "    nothing named\n"
                continue
            common = f" ({row.common_name})" if row.common_name else ""
            best = "" if row.best_score is None else f"  {row.best_score:.4f}"
            events = f"{row.n_events:5} event{' ' if row.n_events == 1 else 's'}{row.calling_s:9.1f} s"
            yield f"    {events}{best}  {row.scientific_name}{common}\n"


_Where = tuple[Period, str, str]
"""Period, site and recorder."""


class _Counts:
    def __init__(self, find: Finder, zone: tzinfo | None, uncertain: bool) -> None:
        self._find = find
        self._uncertain = uncertain
        self._zone = zone
        self._efforts: dict[_Where, _Effort] = {}
        self._tallies: dict[_Where, dict[str, _Tally]] = {}
        self._common: dict[str, str] = {}

    def add_file(self, rows: list[Detection]) -> None:
        first = rows[0]
        begin_ms, zone = self._begin(first)
        find = remembering(self._find)
        place = first.site, first.recorder

        def touched(begin: int, end: int) -> Iterator[tuple[Period, int]]:
            if begin_ms is None:
                return iter(((UNKNOWN, end - begin),))
            return pieces(begin_ms + begin, begin_ms + end, zone, find)

        if first.decoded_s:
            for period, ms in touched(0, _ms(first.decoded_s, first)):
                effort = self._efforts.setdefault((period, *place), _Effort())
                effort.recorded_ms += ms
                effort.n_files += 1
        for name, spans in self._spans(rows).items():
            for span in spans:
                for n, (period, ms) in enumerate(touched(span.begin_ms, span.end_ms)):
                    tallies = self._tallies.setdefault((period, *place), {})
                    tallies.setdefault(name, _Tally()).see(span.score, ms, begins=n == 0)

    def rows(self) -> Iterator[SummaryRow]:
        for key in sorted({*self._efforts, *self._tallies}):
            period, site, recorder = key
            effort = self._efforts.get(key, _Effort())
            for name, tally in sorted(self._tallies.get(key, {"": _Tally()}).items()):
                yield SummaryRow(
                    period.begin_time,
                    period.end_time,
                    site,
                    recorder,
                    name,
                    self._common.get(name, ""),
                    tally.n_events,
                    tally.calling_ms / 1000,
                    tally.best,
                    tally.weighted / tally.scored_ms if tally.scored_ms else None,
                    effort.recorded_ms / 1000,
                    effort.n_files,
                )

    def _begin(self, row: Detection) -> tuple[int | None, tzinfo | None]:
        """When the file of ``row`` begins, and in which zone it counts."""
        if not row.begin_time:
            return None, None
        try:
            begin = datetime.fromisoformat(row.begin_time)
        except ValueError as error:
            raise InputError(
                f"{row.path}: expected a begin_time in ISO 8601, got '{row.begin_time}'"
            ) from error
        begin = begin if begin.tzinfo else begin.replace(tzinfo=self._zone)
        return instant(begin) - _ms(row.begin_s or 0.0, row), self._zone or begin.tzinfo

    def _spans(self, rows: list[Detection]) -> dict[str, list[_Span]]:
        """What each species of a file fills, by begin and without overlaps."""
        found: dict[str, list[_Span]] = {}
        counted = (row for row in rows if counts(row, uncertain=self._uncertain))
        for row in sorted(counted, key=lambda row: row.begin_s or 0.0):
            begin_s, end_s = (0.0, row.decoded_s) if row.begin_s is None else (row.begin_s, row.end_s)
            span = _Span(_ms(begin_s, row), _ms(begin_s if end_s is None else end_s, row), row.score)
            spans = found.setdefault(row.scientific_name, [])
            self._common.setdefault(row.scientific_name, row.common_name)
            if spans and span.begin_ms < spans[-1].end_ms:
                spans[-1] = _joined(spans[-1], span)
            else:
                spans.append(span)
        return found


def counts(row: Detection, *, uncertain: bool = False) -> bool:
    """Whether a row counts as a call: it names a species, as the first of its span and not uncertainly.

    ``uncertain``: as in `summarise`.
    """
    return (
        row.scientific_name not in ("", NO_BIRD)
        and row.rank in (None, 1)
        and (uncertain or row.decision in (None, Decision.NAMED))
    )


def _joined(first: _Span, second: _Span) -> _Span:
    scores = [span.score for span in (first, second) if span.score is not None]
    return _Span(first.begin_ms, max(first.end_ms, second.end_ms), max(scores, default=None))


def _ms(file_s: float | None, row: Detection) -> int:
    """Real milliseconds of seconds of the file."""
    return round(real_seconds(file_s or 0.0, row.time_expansion) * 1000)
