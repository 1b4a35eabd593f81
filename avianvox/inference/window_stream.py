"""Windows of feature rows, cut from a stream.

The windows are those of :func:`avianvox.dataset.windows.window_offsets`, found without knowing where the
recording ends: one every ``hop`` frames, the last one aligned to the end, a short recording looped.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError
from avianvox.features.kinds import Spec


@dataclass(frozen=True, slots=True)
class Pause:
    """Time that passes without sound, in a stream of blocks. No window reaches from one side to the other."""

    n_samples: int


def hop_frames(spec: Spec, overlap_s: float) -> int:
    """Frames from one window to the next. Raises `InputError` unless 0 <= ``overlap_s`` < window."""
    valid = 0 <= overlap_s < spec.window_s  # false for nan
    hop = spec.n_frames - spec.seconds_to_frames(overlap_s) if valid else 0
    if hop < 1:
        raise InputError(
            f"overlap: expected at least 0 and less than the model's window of {spec.window_s:.2f} s, "
            f"got {overlap_s} s"
        )
    return hop


class WindowCutter:
    """Cuts feature rows that come in blocks into windows; memory does not grow with the recording.

    Parameters
    ----------
    n_frames : int
        Rows in a window.
    hop : int
        Rows from one window to the next.
    """

    def __init__(self, *, n_frames: int, hop: int) -> None:
        self._n_frames, self._hop = n_frames, hop
        self._rows: np.ndarray | None = None  # the rows that a coming window may still need ...
        self._start = 0  # ... and the frame of the first of them
        self._following = 0

    def push(self, block: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """First frame and rows, shape (n_frames, n_features), of each window that a block completes.

        Take them all before the next block comes.
        """
        n_frames = self._n_frames
        rows = block if self._rows is None else np.concatenate((self._rows, block))
        while self._following + n_frames <= self._start + len(rows):
            begin = self._following - self._start
            yield self._following, rows[begin : begin + n_frames]
            self._following += self._hop
        drop = max(0, min(self._following, self._start + len(rows) - n_frames) - self._start)
        self._rows, self._start = rows[drop:], self._start + drop

    def finish(self) -> Iterator[tuple[int, np.ndarray]]:
        """The window at the recording's end, where no other one reaches it; nothing without rows."""
        rows, n_frames = self._rows, self._n_frames
        if rows is None or len(rows) == 0:
            return
        end = self._start + len(rows)
        if end < n_frames:
            yield 0, np.resize(rows, (n_frames, rows.shape[1]))
        elif self._following - self._hop + n_frames < end:
            yield end - n_frames, rows[-n_frames:]


def stream_windows(
    blocks: Iterable[np.ndarray], *, n_frames: int, hop: int
) -> Iterator[tuple[int, np.ndarray]]:
    """The windows of a `WindowCutter` from a stream of feature rows, shape (_, n_features), float32."""
    cutter = WindowCutter(n_frames=n_frames, hop=hop)
    for block in blocks:
        yield from cutter.push(block)
    yield from cutter.finish()
