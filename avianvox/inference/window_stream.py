"""Windows of feature rows, cut from a stream.

The windows are those of :func:`avianvox.dataset.windows.window_offsets`, found without knowing where the
recording ends: one every ``hop`` frames, the last one aligned to the end, a short recording looped.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from avianvox.errors import InputError
from avianvox.features.kinds import Spec


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


def stream_windows(
    blocks: Iterable[np.ndarray], *, n_frames: int, hop: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Cut a stream of feature rows into windows; memory does not grow with the recording.

    Parameters
    ----------
    blocks : iterable of np.ndarray, shape (_, n_features), float32
    n_frames : int
        Rows in a window.
    hop : int
        Rows from one window to the next.

    Yields
    ------
    tuple of int and np.ndarray
        First frame, and the rows, shape (n_frames, n_features). Nothing when there are no rows.
    """
    rows: np.ndarray | None = None  # the rows that a coming window may still need ...
    start = 0  # ... and the frame of the first of them
    following = 0
    for block in blocks:
        rows = block if rows is None else np.concatenate((rows, block))
        while following + n_frames <= start + len(rows):
            yield following, rows[following - start : following - start + n_frames]
            following += hop
        drop = max(0, min(following, start + len(rows) - n_frames) - start)
        rows, start = rows[drop:], start + drop
    if rows is None or len(rows) == 0:
        return
    end = start + len(rows)
    if end < n_frames:
        yield 0, np.resize(rows, (n_frames, rows.shape[1]))
    elif following - hop + n_frames < end:
        yield end - n_frames, rows[-n_frames:]
