"""The events that verdicts speak of: a table of them, or a list that was drawn from one.

A drawn list (`draw`) is a table of events with two columns besides: ``stratum``, a number, and
``stratum_events``, how many events of the table lie in it. It is CSV, and opens wherever the table does.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from avianvox.errors import InputError
from avianvox.randomness import hash_name
from avianvox.tables.columns import detection_of
from avianvox.tables.delimited import read_head, read_lines
from avianvox.tables.formats import read_table
from avianvox.tables.native import TYPED_COLUMNS, typed_rows
from avianvox.tables.rows import Column, write_rows
from avianvox.types import Detection
from avianvox.verdicts.table import Event
from avianvox.words import composed, valid_unicode

STRATUM, STRATUM_EVENTS = "stratum", "stratum_events"
COLUMNS = (*TYPED_COLUMNS, Column(STRATUM, int), Column(STRATUM_EVENTS, int))

SCORE_BANDS = 4
"""Bands of equally many events into which the scores of a species are parted."""


@dataclass(frozen=True)
class Listed:
    """An event of a table; of a drawn list, with its stratum and how many events that has."""

    detection: Detection
    stratum: int = 0
    stratum_events: int = 0

    @cached_property
    def event(self) -> Event:
        return event_of(self.detection)

    @cached_property
    def species(self) -> str:
        return composed(self.detection.scientific_name)


def event_of(row: Detection) -> Event:
    """What a verdict on a row of a table speaks of."""
    start_s, end_s = (None if s is None else round(s, 3) for s in (row.begin_s, row.end_s))
    return Event(valid_unicode(row.path), start_s, end_s, composed(row.scientific_name))


def read_events(path: Path) -> list[Listed]:
    """The events of a table that name a species, each once, and of several candidates the best.

    Raises
    ------
    InputError
        It cannot be read, or names nothing.
    """
    delimiter, columns = ("", []) if path.is_dir() or path.suffix.lower() != ".csv" else read_head(path)
    if {"path", STRATUM, STRATUM_EVENTS} <= set(columns):
        rows = []
        for line in read_lines(path, delimiter):
            stratum, n_events = line.whole(STRATUM), line.whole(STRATUM_EVENTS)
            if stratum is None or n_events is None or n_events < 1:
                raise InputError(
                    f"{line.origin}: expected '{STRATUM}' and '{STRATUM_EVENTS}' of a drawn list"
                )
            cells = {**line.cells, "path": line.exact("path")}
            rows.append(Listed(detection_of(cells, origin=line.origin), stratum, n_events))
    else:
        rows = [Listed(row) for row in read_table(path)]
    named = [row for row in rows if row.species and row.detection.rank in (None, 1)]
    if not named:
        raise InputError(
            f"{path}: expected events with a species, found none; 'avianvox classify' writes them"
        )
    return list({row.event: row for row in reversed(named)}.values())[::-1]


def is_drawn(events: Sequence[Listed]) -> bool:
    """Whether they are a list that was drawn."""
    return all(row.stratum_events for row in events)


def strata_of(events: Iterable[Listed]) -> list[list[Listed]]:
    """Events by species, and within a species by bands of score with equally many events each.

    Events without a score are a band of their own.
    """
    by_species: dict[str, list[Listed]] = defaultdict(list)
    for row in events:
        by_species[row.species].append(row)
    strata = []
    for _, rows in sorted(by_species.items()):
        scored = sorted((r for r in rows if r.detection.score is not None), key=_by_score)
        n_bands = min(SCORE_BANDS, len(scored))
        cuts = [len(scored) * k // n_bands for k in range(n_bands + 1)] if scored else [0]
        strata += [scored[a:b] for a, b in pairwise(cuts)]
        if unscored := [r for r in rows if r.detection.score is None]:
            strata.append(unscored)
    return strata


def draw(events: Sequence[Listed], n: int, *, seed: int = 0) -> list[Listed]:
    """Draw events to be judged: equally many of each species, and of each band of its scores.

    Parameters
    ----------
    events : sequence of Listed
    n : int
        At most so many; species with few events leave their places to the others.
    seed : int
        A larger ``n`` with the same seed draws the same events and more of them.

    Returns
    -------
    list of Listed
        In an order that may be broken off anywhere: what was judged by then is a draw too. Bands of a species
        that nothing was drawn from are counted with the next one that has a draw (collapsed strata).
    """
    drawn = []
    sizes: dict[str, dict[int, int]] = defaultdict(dict)
    of_species: dict[str, list[tuple[int, list[Listed]]]] = defaultdict(list)
    for number, stratum in enumerate(strata_of(events), start=1):
        shuffled = sorted(stratum, key=lambda row: _lot(row, seed))
        of_species[stratum[0].species].append((number, shuffled))
        sizes[stratum[0].species][number] = len(stratum)
    for name, strata in of_species.items():
        order = sorted(range(len(strata)), key=lambda k: hash_name(seed, "verdicts", "band", name, k))
        rounds = max(len(rows) for _, rows in strata)
        place = 0
        for turn in range(rounds):
            for number, rows in (strata[k] for k in order):
                if turn < len(rows):
                    row = Listed(rows[turn].detection, number, len(rows))
                    drawn.append((place, hash_name(seed, "verdicts", "species", name, place), row))
                    place += 1
    drawn.sort(key=lambda entry: entry[:2])
    return _collapsed([row for _, _, row in drawn[:n]], sizes)


def _collapsed(drawn: Sequence[Listed], sizes: Mapping[str, Mapping[int, int]]) -> list[Listed]:
    """``drawn``, whose strata stand for all events of their species; ``sizes``: of its strata, by number."""
    there: dict[str, set[int]] = defaultdict(set)
    for row in drawn:
        there[row.species].add(row.stratum)
    events: Counter[int] = Counter()
    for name, numbers in there.items():
        for number, size in sizes[name].items():
            events[_nearest(numbers, number)] += size
    return [Listed(row.detection, row.stratum, events[row.stratum]) for row in drawn]


def _nearest(numbers: Iterable[int], at: int) -> int:
    return min(numbers, key=lambda number: (abs(number - at), number))


def _lot(row: Listed, seed: int) -> int:
    event = row.event
    return hash_name(seed, "verdicts", event.file, str(event.start_s), str(event.end_s), event.suggested)


def _by_score(row: Listed) -> tuple[float, Event]:
    return row.detection.score or 0.0, row.event


def write_drawn(rows: Sequence[Listed], path: Path) -> None:
    """Write a drawn list; raises `OutputError`."""
    values = zip(typed_rows(row.detection for row in rows), rows, strict=True)
    write_rows(([*row, r.stratum, r.stratum_events] for row, r in values), COLUMNS, path, "csv")
