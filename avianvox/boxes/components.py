"""From frames of heights above a floor to boxes in cells: what touches, and what lies close together.

`Components` takes one frame after another and gives what has ended; `Groups` joins that across pauses.
Both keep what is still open, and nothing else. Edges are counted in frames and bands.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True)
class Cells:
    """An area of frames and bands, ends excluded; ``peak_db`` is its greatest height."""

    begin: int
    end: int
    low: int
    high: int
    peak_db: float

    def joined(self, other: "Cells") -> "Cells":
        return Cells(
            min(self.begin, other.begin),
            max(self.end, other.end),
            min(self.low, other.low),
            max(self.high, other.high),
            max(self.peak_db, other.peak_db),
        )


@dataclass(eq=False, slots=True)
class _Part:
    """Cells that touch, so far: sums of their heights by frame and by band."""

    first: int
    last: int
    by_band: np.ndarray
    by_frame: dict[int, float] = field(default_factory=dict)
    peak_db: float = 0.0

    def add(self, frame: int, bands: slice, heights: np.ndarray) -> None:
        self.last = frame
        self.by_frame[frame] = self.by_frame.get(frame, 0.0) + float(heights.sum(dtype=np.float64))
        self.by_band[bands] += heights
        self.peak_db = max(self.peak_db, float(heights.max()))

    def absorb(self, other: "_Part") -> None:
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        for frame, total in other.by_frame.items():
            self.by_frame[frame] = self.by_frame.get(frame, 0.0) + total
        self.by_band += other.by_band
        self.peak_db = max(self.peak_db, other.peak_db)

    def cells(self, trim: float) -> Cells:
        frames = np.zeros(self.last - self.first + 1)
        for frame, total in self.by_frame.items():
            frames[frame - self.first] = total
        begin, end = _extent(frames, trim)
        return Cells(self.first + begin, self.first + end, *_extent(self.by_band, trim), self.peak_db)


class Components:
    """Cells that touch, by edge or corner.

    Parameters
    ----------
    n_bands : int
    least_db : float
        Height from which a cell counts.
    heard : np.ndarray, shape (n_bands,), bool
        The bands that are looked at.
    longest : int, frames
        What goes on for longer is cut.
    trim : float
        Share of a component's sum that is left out at each of its four edges.
    """

    def __init__(
        self, n_bands: int, *, least_db: float, heard: np.ndarray, longest: int, trim: float
    ) -> None:
        self._least_db, self._heard, self._longest, self._trim = least_db, heard, longest, trim
        self._owner = np.full(n_bands, -1, np.int64)  # of the cell in the frame before; -1: of none
        self._open: dict[int, _Part] = {}
        self.frame = self._n = 0

    @property
    def earliest(self) -> int:
        """The frame before which no component that is still to come begins."""
        return min((part.first for part in self._open.values()), default=self.frame)

    def push(self, heights: np.ndarray) -> list[Cells]:
        """The components that end when the next frame has these heights, shape (n_bands,), dB."""
        frame, self.frame = self.frame, self.frame + 1
        cut = [n for n, part in self._open.items() if frame - part.first >= self._longest]
        ended = [self._open.pop(n).cells(self._trim) for n in cut]
        owner = np.full_like(self._owner, -1)
        cells = self._heard & (heights >= self._least_db)
        edges = np.flatnonzero(np.diff(cells, prepend=False, append=False)).tolist()
        for low, high in zip(edges[::2], edges[1::2], strict=True):
            number = self._joined(frame, max(0, low - 1), high + 1, owner)
            owner[low:high] = number
            self._open[number].add(frame, slice(low, high), heights[low:high])
        self._owner = owner
        over = [n for n, part in self._open.items() if part.last < frame]
        return ended + [self._open.pop(n).cells(self._trim) for n in over]

    def finish(self) -> list[Cells]:
        ended = [part.cells(self._trim) for part in self._open.values()]
        self._open.clear()
        return ended

    def _joined(self, frame: int, low: int, high: int, owner: np.ndarray) -> int:
        """The component of cells next to these bands of the frame before; what they connect becomes one."""
        numbers = sorted({n for n in self._owner[low:high].tolist() if n in self._open})
        if not numbers:
            self._n += 1
            self._open[self._n] = _Part(frame, frame, np.zeros(len(self._owner)))
            return self._n
        first = int(numbers[0])
        for other in numbers[1:]:
            self._open[first].absorb(self._open.pop(other))
            self._owner[self._owner == other] = owner[owner == other] = first
        return first


class Groups:
    """Components that lie close together in time and share bands.

    Parameters
    ----------
    gap : int, frames
        Pauses up to this length belong to a group.
    longest : int, frames
        No group becomes longer by joining.
    """

    def __init__(self, *, gap: int, longest: int) -> None:
        self._gap, self._longest = gap, longest
        self._open: list[Cells] = []

    def push(self, cells: Cells) -> None:
        """Take a component that has ended."""
        while near := next((other for other in self._open if self._belong(cells, other)), None):
            self._open.remove(near)
            cells = cells.joined(near)
        self._open.append(cells)

    def pass_to(self, frame: int) -> Iterator[Cells]:
        """The groups that have ended if no component that is still to come begins before ``frame``."""
        ended = [cells for cells in self._open if frame - cells.end > self._gap]
        self._open = [cells for cells in self._open if frame - cells.end <= self._gap]
        yield from sorted(ended, key=lambda cells: (cells.end, cells.low))

    def finish(self) -> Iterator[Cells]:
        yield from sorted(self._open, key=lambda cells: (cells.end, cells.low))
        self._open = []

    def _belong(self, one: Cells, other: Cells) -> bool:
        apart = max(one.begin, other.begin) - min(one.end, other.end)
        share = one.low < other.high and other.low < one.high
        length = max(one.end, other.end) - min(one.begin, other.begin)
        return share and apart <= self._gap and length <= self._longest


def _extent(sums: np.ndarray, trim: float) -> tuple[int, int]:
    """Between which edges all but a share ``trim`` of a sum lies, on each side."""
    shares = np.cumsum(sums) / sums.sum()
    first = int(np.searchsorted(shares, trim, side="right"))
    last = int(np.searchsorted(shares, 1 - trim - 1e-12, side="left"))
    return first, max(last, first) + 1
