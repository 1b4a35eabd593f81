"""The routes of the page of review: what it asks, and what it sends."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from avianvox.desk.app import names_in, posted, ranged, reply, written_file
from avianvox.desk.review.material import BLIND_ORDERS, EVENTS, ORDERS, RECORDINGS, Item, Material
from avianvox.desk.review.said import SaidSoFar
from avianvox.desk.review.season import PAGE, SeasonPage
from avianvox.desk.review.sounds import STEP_DB, Sounds
from avianvox.desk.review.submitted import MOST_AT_ONCE, Desk
from avianvox.errors import AvianvoxError, InputError
from avianvox.types import Detection
from avianvox.verdicts.table import Verdict
from avianvox.words import valid_unicode

MOST_ROWS = 500
"""Of a list that a page may ask for at once."""

_LISTS_KEPT = 32
_MOST_GUESSES = 8
_MOST_MARKS = 500
_STATES = ("all", "open", "done")


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """What a review is begun with.

    Attributes
    ----------
    title : str
        What is reviewed, as the page shows it.
    table : str
        The table of verdicts, as the page shows it.
    reviewer : str
        Empty: the page asks for it.
    blind : bool
        Whether what the model guessed is hidden.
    names : sequence of tuple of str
        Scientific and common names that the page completes, besides those of the table.
    """

    title: str
    table: str
    reviewer: str = ""
    blind: bool = False
    names: Sequence[tuple[str, str]] = ()


class ReviewPages:
    """Answers for the page of review.

    Parameters
    ----------
    material : Material
    said : SaidSoFar
    sounds : Sounds
    options : ReviewOptions
    notes : callable, optional
        From a table's path to when, where and by whom it was recorded, asked when an item is shown: begin,
        site, latitude, longitude and credit.
    season : SeasonPage, optional
        Draws the overview of the table.
    """

    def __init__(
        self,
        material: Material,
        said: SaidSoFar,
        sounds: Sounds,
        options: ReviewOptions,
        *,
        notes: Callable[[str], dict[str, Any]] = lambda _: {},
        season: SeasonPage | None = None,
    ) -> None:
        self._season = season
        self._material, self._said, self._sounds, self._options = material, said, sounds, options
        self._notes = notes
        self._desk = Desk(material, said, blind=options.blind)
        self._lists: OrderedDict[str, Sequence[int]] = OrderedDict()
        self._n_lists = 0
        self._lock = Lock()

    def routes(self) -> list[Route]:
        """Where the page asks; relative to its own address."""
        asked = {
            "session": self.session,
            "names": self.names,
            "list": self.list,
            "rows": self.rows,
            "item": self.item,
            "marks": self.marks,
            "spectrogram": self.spectrogram,
            "sound": self.sound,
            "overview/": self.overview,
            "overview/{folder}/{name}": self.overview_file,
        }
        routes = [Route(f"/{name}", endpoint) for name, endpoint in asked.items()]
        return [*routes, Route("/verdicts", self.verdicts, methods=["POST"])]

    def session(self, request: Request) -> Response:
        """What there is to review, and how far a reviewer has come."""
        material, options = self._material, self._options
        blind = options.blind
        return reply(
            {
                "title": options.title,
                "table": options.table,
                "reviewer": options.reviewer,
                "reviewers": self._said.reviewers,
                "blind": blind,
                "views": {view: len(material.view(view)) for view in (EVENTS, RECORDINGS)},
                "orders": [name for name in ORDERS if not blind or name in BLIND_ORDERS],
                "order": "drawn" if material.is_drawn else "time" if blind else "uncertain",
                "species": [] if blind else material.species(),
                "progress": self._progress(self._reviewer(request)),
                "step_db": STEP_DB,
                "overview": self._season is not None and material.n_events > 0 and not blind,
            }
        )

    def names(self, _request: Request) -> Response:
        """Names that are completed: scientific, common, and the number of events, most first."""
        found = {name: (common, n) for name, common, n in self._material.species()}
        for name in self._said.names():
            found.setdefault(name, ("", 0))
        for name, common in self._options.names:
            have, n = found.get(name, ("", 0))
            found[name] = have or common, n
        hidden = self._options.blind
        rows = [[name, common, 0 if hidden else n] for name, (common, n) in found.items()]
        return reply(sorted(rows) if hidden else rows)

    def list(self, request: Request) -> Response:
        """Make a list of items: its name, its length, and where the first without an answer is."""
        view = _one_of(request, "view", (EVENTS, RECORDINGS))
        order = _one_of(request, "order", tuple(ORDERS))
        state = _one_of(request, "state", _STATES)
        species, reviewer = request.query_params.get("species", ""), self._reviewer(request)
        if self._options.blind and (order not in BLIND_ORDERS or species):
            raise InputError("suggestions are hidden in this review")
        items = self._material.items
        positions = self._material.ordered(view, order)
        if species:
            positions = [n for n in positions if items[n].event.suggested == species]
        is_open = [self._said.on(reviewer, n) is None for n in positions]
        if state != "all":
            positions = [n for n, o in zip(positions, is_open, strict=True) if o == (state == "open")]
            is_open = [state == "open"] * len(positions)
        first = is_open.index(True) if True in is_open else None
        with self._lock:
            self._n_lists += 1
            name = str(self._n_lists)
            self._lists[name] = positions
            while len(self._lists) > _LISTS_KEPT:
                self._lists.popitem(last=False)
        return reply({"list": name, "total": len(positions), "first_open": first})

    def _listed(self, request: Request) -> Sequence[int]:
        with self._lock:
            found = self._lists.get(request.query_params.get("list", ""))
        if found is None:
            raise InputError("this list is too old; choose an order again")
        return found

    def rows(self, request: Request) -> Response:
        """Some rows of a list."""
        positions, reviewer = self._listed(request), self._reviewer(request)
        begin = _whole(request, "from", 0, len(positions))
        count = _whole(request, "count", 1, MOST_ROWS)
        return reply([self._row(n, reviewer) for n in positions[begin : begin + count]])

    def _row(self, position: int, reviewer: str) -> dict[str, Any]:
        item = self._material.items[position]
        first = item.first
        row = {
            "key": item.key,
            "file": item.file,
            "name": Path(first.path.replace("\\", "/")).name,
            "begin_s": first.begin_s,
            "end_s": first.end_s,
            "begin_time": first.begin_time,
            "low_hz": first.low_hz,
            "high_hz": first.high_hz,
            "channel": first.channel,
            "said": _said(self._said.on(reviewer, position)),
        }
        if not self._options.blind:
            row |= {"species": first.scientific_name, "common": first.common_name, "score": first.score}
        return row

    def item(self, request: Request) -> Response:
        """All that is known of an item."""
        position = self._position(request)
        item = self._material.items[position]
        first = item.first
        rate, length_s, _ = self._sounds.head(first.path)
        known = {
            "path": first.path,
            "site": first.site,
            "latitude": first.latitude,
            "longitude": first.longitude,
            "recorder": first.recorder,
            "time_expansion": first.time_expansion,
        }
        told = {name: value for name, value in self._notes(first.path).items() if not known.get(name)}
        return reply(
            {
                **self._row(position, self._reviewer(request)),
                **known,
                **told,
                "sample_rate": rate,
                "length_s": length_s,
                "guesses": [] if self._options.blind else self._guesses(item),
            }
        )

    def _guesses(self, item: Item) -> Sequence[dict[str, Any]]:
        """Species, best first: those of the item, then those of events at the same time."""
        first = item.first
        rows = [row for row in item.rows if row.scientific_name]
        if first.begin_s is not None and first.end_s is not None:
            others = [
                self._material.items[n].first
                for n in self._material.overlapping(item.file, first.begin_s, first.end_s)
            ]
            rows += sorted(others, key=lambda row: -(row.score or 0.0))
        named: dict[str, Detection] = {}
        for row in rows:
            named.setdefault(row.scientific_name, row)
        return [
            {"species": name, "common": row.common_name, "score": row.score, "expected": row.expected_here}
            for name, row in [*named.items()][:_MOST_GUESSES]
        ]

    def marks(self, request: Request) -> Response:
        """What lies in a span of a recording: events, and the calls that the reviewer has added."""
        file = _whole(request, "file", 0, len(self._material.files) - 1)
        begin_s, end_s = _seconds(request, "from"), _seconds(request, "to")
        reviewer = self._reviewer(request)
        near = []
        for n in self._material.overlapping(file, begin_s, end_s):
            near.append(self._row(n, reviewer))
            if len(near) == _MOST_MARKS:
                break
        name = valid_unicode(self._material.files[file])  # as the table of verdicts has it
        added = [
            {**(_said(v) or {}), "begin_s": v.start_s, "end_s": v.end_s}
            for v in self._said.added(reviewer, name)
            if v.start_s is not None and v.end_s is not None and v.start_s < end_s and v.end_s > begin_s
        ]
        return reply({"events": near, "added": added})

    def spectrogram(self, request: Request) -> Response:
        """A piece of a recording to be drawn, see `Sounds.spectrogram`."""
        content = self._sounds.spectrogram(
            *self._piece(request),
            columns=_whole(request, "columns", 1, 4000),
            channel=_channel(request),
        )
        headers = {"cache-control": "private, max-age=600"}
        return Response(content, media_type="application/octet-stream", headers=headers)

    def sound(self, request: Request) -> Response:
        """A piece of a recording to be heard."""
        content = self._sounds.wav(
            *self._piece(request),
            channel=_channel(request),
            slow=_seconds(request, "slow") or 1.0,
            loud=request.query_params.get("loud") == "1",
        )
        return ranged(request, content, kind="audio/wav")

    def _piece(self, request: Request) -> tuple[str, float, float]:
        file = _whole(request, "file", 0, len(self._material.files) - 1)
        return self._material.files[file], _seconds(request, "from"), _seconds(request, "to")

    def overview(self, _request: Request) -> Response:
        """The overview of the season, drawn now where verdicts have come since; it takes its time."""
        season = self._season
        if season is None or self._options.blind:
            raise InputError("there is no overview of this review")
        season.draw(self._said.n_lines)
        return written_file(season.folder, PAGE)

    def overview_file(self, request: Request) -> Response:
        """A picture or a table that the overview links to."""
        folder = request.path_params["folder"]
        if self._season is None or self._options.blind or folder not in names_in(self._season.folder):
            raise HTTPException(404)
        return written_file(self._season.folder / folder, request.path_params["name"])

    def verdicts(self, request: Request) -> Response:
        """Keep what the page sends; when this answers, each verdict is on disk, or refused by a line."""
        document = posted(request)
        sent, reviewer = document.get("verdicts"), document.get("reviewer", "")
        if not isinstance(sent, list) or len(sent) > MOST_AT_ONCE:
            raise InputError(f"verdicts: expected a list of up to {MOST_AT_ONCE}")
        if not isinstance(reviewer, str) or reviewer != reviewer.strip() or not reviewer.isprintable():
            raise InputError("reviewer: expected a name in one line")
        kept: list[Any] = []
        refused: list[dict[str, Any]] = []
        for one in sent:
            name = one.get("id") if isinstance(one, dict) else None
            try:
                if name is None:
                    raise InputError("verdicts: expected objects with an id")
                self._desk.submit(one, self._options.reviewer or reviewer)
            except InputError as error:  # it would be refused again; what can't be written may be sent again
                refused.append({"id": name, "error": str(error)})
            except AvianvoxError as error:
                return reply({"kept": kept, "refused": refused, "error": str(error)}, status=503)
            else:
                kept.append(name)
        progress = self._progress(self._options.reviewer or reviewer)
        return reply({"kept": kept, "refused": refused, "progress": progress})

    def _progress(self, reviewer: str) -> dict[str, dict[str, float]]:
        return {v: self._said.progress(reviewer, self._material.view(v)) for v in (EVENTS, RECORDINGS)}

    def _reviewer(self, request: Request) -> str:
        return self._options.reviewer or request.query_params.get("reviewer", "")

    def _position(self, request: Request) -> int:
        found = self._material.by_key.get(request.query_params.get("key", ""))
        if found is None:
            raise InputError("the event is not in this table; reload the page")
        return found


def _said(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    return {
        "id": verdict.id,
        "verdict": verdict.verdict,
        "species": verdict.names,
        "box": [verdict.start_s, verdict.end_s, verdict.low_hz, verdict.high_hz],
        "note": verdict.note,
    }


def _one_of(request: Request, name: str, known: tuple[str, ...]) -> str:
    value = request.query_params.get(name, known[0])
    if value not in known:
        raise InputError(f"{name}: expected one of {', '.join(known)}")
    return value


def _whole(request: Request, name: str, least: int, most: int) -> int:
    text = request.query_params.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 12 or not least <= int(text) <= most:
        raise InputError(f"{name}: expected a whole number from {least} to {most}")
    return int(text)


def _seconds(request: Request, name: str) -> float:
    try:
        value = float(request.query_params.get(name, "0"))
    except ValueError:
        value = float("nan")
    if not 0 <= value < 1e9:
        raise InputError(f"{name}: expected a number of 0 or more")
    return value


def _channel(request: Request) -> int | None:
    return _whole(request, "channel", 1, 1024) if request.query_params.get("channel") else None
