"""From a stream of feature rows to boxes: windows, a network's two parts, and boxes over several windows.

Windows overlap. A box that a window's border cuts is joined with what the next window finds of it; of boxes
that two windows found, the better one stays, and one that is cut is never the better one. What no further
window can see is given away, so memory does not grow with the recording.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from avianvox.boxes.overlap import suppress
from avianvox.detect.anchors import Grid, covered
from avianvox.detect.geometry import from_cells
from avianvox.detect.proposals import Limits, name_regions, propose
from avianvox.features.spec import FeatureSpec
from avianvox.inference.window_stream import WindowCutter
from avianvox.types import Box

_CUT = 1.0
"""A box that comes so near to its window's border, in frames, is cut by it."""
_SAME_BANDS = 0.4
"""Two pieces of one voice share so much of their bands, as intersection over union."""
_COVERED = 0.6
"""A piece that lies so far within another box is no box of its own."""
_LONGEST = 4
"""Pieces are joined to boxes of at most so many windows."""


@dataclass(frozen=True)
class Plan:
    """What a detector is, beside its weights.

    Attributes
    ----------
    spec : FeatureSpec
        How sound becomes rows, and a window's length.
    grid : Grid
    labels : tuple of str
    limits : Limits
    overlap : float in [0, 1)
        Share of a window that its neighbour sees too.
    """

    spec: FeatureSpec
    grid: Grid
    labels: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)
    overlap: float = 0.5

    @property
    def hop(self) -> int:
        """Frames from one window to the next."""
        return max(1, round(self.spec.n_frames * (1 - self.overlap)))

    @property
    def latest_frames(self) -> int:
        """So long after its end, at most, a box comes out: a longer one that began before it may go on."""
        return (_LONGEST + 1) * self.spec.n_frames + self.hop

    def with_least_score(self, score: float) -> "Plan":
        return replace(self, limits=replace(self.limits, least_score=score))

    def to_mapping(self) -> dict[str, Any]:
        """Plain values but for the spec and the labels, which a model file has anyway."""
        return {
            "strides": [self.grid.stride_frames, self.grid.stride_bands],
            "anchors": [list(size) for size in self.grid.sizes],
            "overlap": self.overlap,
            "proposals": self.limits.proposals,
            "proposal_iou": self.limits.proposal_iou,
            "box_iou": self.limits.box_iou,
            "least_score": self.limits.least_score,
        }

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, spec: FeatureSpec, labels: tuple[str, ...]) -> "Plan":
        """The inverse of `to_mapping`. Raises what a wrong shape of ``values`` raises."""
        frames, bands = values["strides"]
        sizes = tuple((float(width), float(height)) for width, height in values["anchors"])
        limits = Limits(
            int(values["proposals"]),
            float(values["proposal_iou"]),
            float(values["box_iou"]),
            float(values["least_score"]),
        )
        grid = Grid(spec.n_frames, spec.n_mels, int(frames), int(bands), sizes)
        return cls(spec, grid, labels, limits, float(values["overlap"]))


class Parts(Protocol):
    """The two parts of a network, run by Keras or by LiteRT."""

    def first(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
        """Objectness, offsets and the map of one window, shape (n_frames, n_features)."""
        ...

    def second(self, found: Any, regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of the classes, "no voice" last, and offsets of regions of the map, shape (n, 4)."""
        ...


def window_boxes(
    rows: np.ndarray, parts: Parts, plan: Plan, anchors: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes of one window in frames and bands, their classes and scores, the best first."""
    objectness, offsets, found = parts.first(rows)
    regions = propose(objectness, offsets, anchors, plan.grid, plan.limits)
    scores, better = parts.second(found, regions)
    return name_regions(scores, better, regions, plan.grid, plan.limits)


class BoxFinder:
    """Feature rows of one recording in, its boxes out; memory does not grow with the recording.

    Boxes come by the times at which they begin.

    Parameters
    ----------
    parts : Parts
    plan : Plan
    """

    def __init__(self, parts: Parts, plan: Plan) -> None:
        self._parts, self._plan, self._anchors = parts, plan, plan.grid.anchors()
        self._windows = WindowCutter(n_frames=plan.spec.n_frames, hop=plan.hop)
        self._merger = Merger(plan.spec.n_frames, plan.limits.box_iou)
        self._n_rows = 0

    def push(self, rows: np.ndarray) -> Iterator[Box]:
        """Take rows, shape (_, n_features), float32; give the boxes that are done."""
        self._n_rows += len(rows)
        for window in self._windows.push(rows):
            yield from self._seen(*window)

    def finish(self) -> Iterator[Box]:
        """The boxes that are left when the recording ends."""
        for window in self._windows.finish():
            yield from self._seen(*window, last=True)
        yield from _boxes(self._merger.finish(), self._n_rows, self._plan)

    def _seen(self, first: int, rows: np.ndarray, *, last: bool = False) -> Iterator[Box]:
        found = window_boxes(rows, self._parts, self._plan, self._anchors)
        yield from _boxes(self._merger.add(first, *found, last=last), self._n_rows, self._plan)


def find_boxes(blocks: Iterable[np.ndarray], parts: Parts, plan: Plan) -> Iterator[Box]:
    """The boxes of one recording from blocks of feature rows, as `BoxFinder` gives them."""
    finder = BoxFinder(parts, plan)
    for block in blocks:
        yield from finder.push(block)
    yield from finder.finish()


@dataclass(frozen=True)
class Piece:
    """A box of a recording in frames and bands, and which of its ends a window's border has cut."""

    edges: tuple[float, ...]
    label: int
    score: float
    cut_begin: bool
    cut_end: bool

    @property
    def cut(self) -> bool:
        return self.cut_begin or self.cut_end

    def joined(self, later: "Piece") -> "Piece":
        """With what the next window found of it; the bands are those of the surer one."""
        surer = max((self, later), key=lambda piece: piece.score)
        times = (min(self.edges[0], later.edges[0]), max(self.edges[1], later.edges[1]))
        return Piece((*times, *surer.edges[2:]), self.label, surer.score, self.cut_begin, later.cut_end)

    def goes_on(self, later: "Piece", longest: float) -> bool:
        """Whether ``later`` is its other end."""
        if not (self.cut_end and later.cut_begin and self.label == later.label):
            return False
        a, b = self.edges, later.edges
        shared = min(a[3], b[3]) - max(a[2], b[2])
        same = shared >= _SAME_BANDS * (max(a[3], b[3]) - min(a[2], b[2]))
        return same and b[0] <= a[1] <= b[1] and b[1] - a[0] <= longest


@dataclass
class Merger:
    """Boxes of the windows of one recording, in turn."""

    n_frames: int
    most_iou: float
    waiting: list[Piece] = field(default_factory=list)  # a coming window may see them too
    held: list[Piece] = field(default_factory=list)  # done, but one that waits begins earlier

    def add(
        self, first: int, boxes: np.ndarray, classes: np.ndarray, scores: np.ndarray, *, last: bool = False
    ) -> list[Piece]:
        """Take the boxes of the window that begins at frame ``first``; give those that are done.

        ``last``: the recording ends with this window, and cuts nothing.
        """
        new = [
            Piece(
                (box[0] + first, box[1] + first, box[2], box[3]),
                int(label),
                float(score),
                first > 0 and box[0] <= _CUT,
                not last and box[1] >= self.n_frames - _CUT,
            )
            for box, label, score in zip(boxes.tolist(), classes, scores, strict=True)
        ]
        self.waiting = self._one_of_each(self._join(new))
        return self._done(first)

    def finish(self) -> list[Piece]:
        """What is left."""
        return self._done(np.inf)

    def _join(self, new: list[Piece]) -> list[Piece]:
        longest = _LONGEST * self.n_frames
        pieces = list(self.waiting)
        for piece in new:
            begun = [i for i, one in enumerate(pieces) if one.goes_on(piece, longest)]
            if begun:
                best = max(begun, key=lambda i: pieces[i].score)
                pieces[best] = pieces[best].joined(piece)
            else:
                pieces.append(piece)
        return pieces

    def _one_of_each(self, pieces: list[Piece]) -> list[Piece]:
        if len(pieces) < 2:
            return pieces
        edges = np.array([piece.edges for piece in pieces])
        labels = np.array([piece.label for piece in pieces])
        rank = np.array([piece.score - piece.cut for piece in pieces])  # one that is cut gives way
        kept = suppress(edges, rank, labels=labels, most_iou=self.most_iou)
        within = covered(edges[kept], edges[kept]) >= _COVERED
        within &= (labels[kept][:, None] == labels[kept]) & ~np.eye(len(kept), dtype=bool)
        larger = rank[kept][None] > rank[kept][:, None]
        return [
            pieces[i]
            for i, inside in zip(kept.tolist(), (within & larger).any(axis=1).tolist(), strict=True)
            if not (pieces[i].cut and inside)
        ]

    def _done(self, until: float) -> list[Piece]:
        """Pieces that end by ``until`` and that nothing unfinished begins before."""
        self.held += [piece for piece in self.waiting if piece.edges[1] <= until]
        self.waiting = [piece for piece in self.waiting if piece.edges[1] > until]
        horizon = min([until, *(piece.edges[0] for piece in self.waiting)])
        done = sorted(
            (piece for piece in self.held if piece.edges[0] <= horizon),
            key=lambda piece: (piece.edges, piece.label),
        )
        self.held = [piece for piece in self.held if piece.edges[0] > horizon]
        return done


def _boxes(pieces: list[Piece], n_rows: int, plan: Plan) -> Iterator[Box]:
    """Pieces in seconds and hertz; what lies in the repetition of a short recording is left out."""
    inside = [piece for piece in pieces if (piece.edges[0] + piece.edges[1]) / 2 < n_rows]
    edges = np.array([piece.edges for piece in inside], np.float64).reshape(-1, 4)
    edges[:, :2] = np.minimum(edges[:, :2], n_rows)
    for piece, (begin_s, end_s, low_hz, high_hz) in zip(
        inside, from_cells(edges, plan.spec).tolist(), strict=True
    ):
        yield Box(max(0.0, begin_s), end_s, low_hz, high_hz, plan.labels[piece.label], piece.score)
