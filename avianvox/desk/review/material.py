"""What is reviewed: events with what a model guessed, and recordings, which are gone through from end to end.

An `Item` is one of either. `Material` holds all of them, in the order of the table, and sorts and filters
lists of their positions, so that a page asks for a hundred rows of a hundred thousand.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from avianvox.audio.find import find_audio
from avianvox.errors import InputError
from avianvox.inference.picks import PICKS
from avianvox.randomness import hash_name
from avianvox.types import Detection
from avianvox.verdicts.events import STRATUM, Listed, draw, event_of
from avianvox.verdicts.table import Event
from avianvox.words import composed, valid_unicode

EVENTS, RECORDINGS = "events", "recordings"

BLIND_ORDERS = ("time", "drawn", "listed")
"""Orders that tell nothing of what the model guessed, unless the table's own one does."""


@dataclass(frozen=True, slots=True)
class Item:
    """A span of a file with the species that are guessed there, best first; or a recording without any.

    ``rows`` has at least one row. ``file`` is a position in `Material.files`.
    """

    rows: tuple[Detection, ...]
    file: int

    @property
    def first(self) -> Detection:
        return self.rows[0]

    @property
    def event(self) -> Event:
        """What a verdict on it speaks of."""
        return event_of(self.first)

    @property
    def key(self) -> str:
        """Its name for a page: the same in every run, and it tells nothing."""
        event = self.event
        return f"{hash_name('item', event.file, str(event.start_s), str(event.end_s), event.suggested):016x}"


class Material:
    """Events and recordings.

    Parameters
    ----------
    rows : iterable of Detection
        Of a table of events. Rows that name nothing stand for their recordings alone. Those of a lower rank
        are further guesses for the row before them.
    recordings : iterable of path-like
        Sound files besides.
    min_score : float
        Events with a lower score are left out; those without a score are not.
    seed : int
        Of the order ``drawn``.
    is_drawn : bool
        Whether the rows were drawn already: ``drawn`` is the order that they have.
    """

    def __init__(
        self,
        rows: Iterable[Detection],
        recordings: Iterable[str | Path] = (),
        *,
        min_score: float = 0.0,
        seed: int = 0,
        is_drawn: bool = False,
    ) -> None:
        self._seed = seed
        self.is_drawn = is_drawn
        self._numbers: dict[str, int] = {}
        heads: list[list[Detection]] = []
        whole: dict[int, Detection] = {}
        for row in rows:
            file = self._number(row.path)
            if file not in whole:
                whole[file] = _of_recording(row)
            if not row.scientific_name:
                continue
            if row.rank is not None and row.rank > 1 and heads and _span(heads[-1][0]) == _span(row):
                heads[-1].append(row)
            elif row.score is None or row.score >= min_score:
                heads.append([row])
        for path in recordings:
            file = self._number(str(path))
            whole.setdefault(file, Detection(str(path)))
        self.files = tuple(self._numbers)
        made = [Item(tuple(head), self._numbers[head[0].path]) for head in heads]
        made = list({item.event: item for item in reversed(made)}.values())[::-1]
        self.n_events = len(made)
        self.items: tuple[Item, ...] = (*made, *(Item((whole[f],), f) for f in sorted(whole)))
        self.by_event = {item.event: n for n, item in enumerate(self.items)}

    def _number(self, path: str) -> int:
        return self._numbers.setdefault(path, len(self._numbers))

    @cached_property
    def by_key(self) -> dict[str, int]:
        """From an item's key to its position."""
        return {item.key: n for n, item in enumerate(self.items)}

    @cached_property
    def in_file(self) -> dict[int, list[int]]:
        """From a file to the positions of its events, by their begin."""
        found: dict[int, list[int]] = defaultdict(list)
        for n, item in enumerate(self.items[: self.n_events]):
            if item.first.begin_s is not None:
                found[item.file].append(n)
        for events in found.values():
            events.sort(key=lambda n: self.items[n].first.begin_s or 0.0)
        return found

    def length_s(self, path: str) -> float | None:
        """Seconds of a recording, where the table says how much of it was decoded."""
        position = self.by_event.get(Event(valid_unicode(path), None, None))
        return None if position is None else self.items[position].first.decoded_s

    def species(self) -> list[tuple[str, str, int]]:
        """Scientific and common name of each suggested species, and its number of events; most first."""
        common: dict[str, str] = {}
        counts: Counter[str] = Counter()
        for item in self.items[: self.n_events]:
            name = composed(item.first.scientific_name)
            counts[name] += 1
            common.setdefault(name, item.first.common_name)
        return [(name, common[name], n) for name, n in sorted(counts.items(), key=lambda c: (-c[1], c[0]))]

    def view(self, name: str) -> range:
        """Positions of all events, or of all recordings."""
        return range(self.n_events) if name == EVENTS else range(self.n_events, len(self.items))

    def ordered(self, view: str, order: str) -> list[int]:
        """Positions of a view in an order of `orders`; those of one place keep the order of the table."""
        if order not in ORDERS:
            raise InputError(f"order: expected one of {', '.join(ORDERS)}, got '{order}'")
        positions = list(self.view(view))
        if view == RECORDINGS:
            return sorted(positions, key=lambda n: _in_time(self.items[n]))
        return ORDERS[order](self, positions)

    def drawn(self, positions: Sequence[int]) -> list[int]:
        """As `avianvox.verdicts.events.draw` draws: wherever one stops, what was judged is a draw."""
        if self.is_drawn:
            return list(positions)
        listed = [Listed(self.items[n].first) for n in positions]
        return [self.by_event[row.event] for row in draw(listed, len(listed), seed=self._seed)]

    def overlapping(self, file: int, begin_s: float, end_s: float) -> Iterator[int]:
        """Positions of the events of a file that share a moment with a span."""
        for n in self.in_file.get(file, ()):
            first = self.items[n].first
            if (first.begin_s or 0.0) >= end_s:
                return
            if first.end_s is None or first.end_s > begin_s:
                yield n


def _of_recording(row: Detection) -> Detection:
    """What a row says of its whole recording."""
    begin = row.begin_time if not row.begin_s else ""
    return Detection(
        row.path,
        begin_time=begin,
        time_source=row.time_source,
        latitude=row.latitude,
        longitude=row.longitude,
        site=row.site,
        recorder=row.recorder,
        header_s=row.header_s,
        decoded_s=row.decoded_s,
        time_expansion=row.time_expansion,
    )


def _span(row: Detection) -> tuple[str, int | None, float | None, float | None]:
    return row.path, row.channel, row.begin_s, row.end_s


def _in_time(item: Item) -> tuple[str, int, float]:
    return item.first.begin_time or "~", item.file, item.first.begin_s or 0.0


def _by(key: Callable[[Item], object]) -> Callable[[Material, Sequence[int]], list[int]]:
    return lambda material, positions: sorted(positions, key=lambda n: key(material.items[n]))  # type: ignore[arg-type,return-value]


ORDERS: dict[str, Callable[[Material, Sequence[int]], list[int]]] = {
    "uncertain": _by(lambda item: PICKS["uncertain"](item.first, 0)),
    "best": _by(lambda item: PICKS["best"](item.first, 0)),
    "species": _by(lambda item: (item.first.scientific_name, PICKS["best"](item.first, 0))),
    "time": _by(_in_time),
    "drawn": Material.drawn,
    "listed": lambda _, positions: list(positions),
}
"""Orders of events; of recordings, all of them are that of time. ``listed``: as in the table."""


def read_material(
    source: Path,
    table_format: str | None = None,
    *,
    audio: Path | None = None,
    min_score: float = 0.0,
    seed: int = 0,
) -> Material:
    """The events and recordings of a table, a folder of tables, or a folder of recordings.

    Parameters
    ----------
    source : Path
        A folder that `avianvox segments` wrote stands for its index. A list that `avianvox verdicts draw`
        has drawn keeps its order.
    table_format : str, optional
        Of `avianvox.tables.formats.FORMATS`; by default what the content says.
    audio : Path, optional
        A folder: recordings that the table doesn't speak of are reviewed too.
    min_score, seed
        As `Material` takes them.

    Raises
    ------
    InputError
        There are neither events nor recordings.
    """
    from avianvox.audio.locate import recordings_in
    from avianvox.inference.segments import INDEX
    from avianvox.tables.delimited import read_head
    from avianvox.tables.formats import read_table
    from avianvox.tables.recordings import folder_of

    if os.path.isdir(source) and os.path.isfile(source / INDEX):
        source = source / INDEX
    tables = folder_of(source)
    recordings = recordings_in(audio or tables, tables=tables, may_be_empty=audio is None)
    rows: list[Detection] = []
    refused: InputError | None = None
    try:
        rows = list(read_table(source, table_format, recordings=recordings))
    except InputError as error:
        if not os.path.isdir(source) or table_format:
            raise
        refused = error
    here = [*([source] if os.path.isdir(source) else []), *([audio] if audio else [])]
    sounds: list[Path] = []
    if here:
        try:
            sounds = list(find_audio(here))
        except InputError:
            if refused:
                raise InputError(
                    f"{source}: expected a table of events, or a folder of tables or recordings; "
                    "there is neither a table nor a sound file"
                ) from refused
    paths = dict.fromkeys(row.path for row in rows)
    known = {os.path.abspath(recordings.find(path) or path) for path in paths} if sounds else set()
    others = [path for path in sounds if os.path.abspath(path) not in known]
    is_csv = source.suffix.lower() == ".csv" and os.path.isfile(source)
    drawn = is_csv and STRATUM in read_head(source)[1]
    material = Material(rows, others, min_score=min_score, seed=seed, is_drawn=drawn)
    if not material.items:
        raise InputError(f"{source}: expected events or recordings, the table has no rows")
    return material
