"""The windows of a recording: one rule for validation and for classifying."""

import numpy as np

from avianvox.errors import InputError


def window_offsets(n_frames: int, window_frames: int, hop_frames: int) -> np.ndarray:
    """First frames of the windows that cover a recording.

    Windows follow one another every ``hop_frames``; the last one is aligned to the recording's end. A
    recording that is no longer than a window has one window, which starts at 0 and is looped.

    Parameters
    ----------
    n_frames : int, at least 1
        Length of the recording.
    window_frames, hop_frames : int, at least 1

    Returns
    -------
    np.ndarray, shape (n_windows,), int64, ascending

    Examples
    --------
    >>> window_offsets(300, 128, 128).tolist()
    [0, 128, 172]
    >>> window_offsets(100, 128, 128).tolist()
    [0]
    """
    if min(n_frames, window_frames, hop_frames) < 1:
        raise InputError(
            "window_offsets: expected lengths of at least 1 frame, "
            f"got n_frames={n_frames}, window_frames={window_frames}, hop_frames={hop_frames}"
        )
    last = max(n_frames - window_frames, 0)
    offsets = np.arange(0, last + 1, hop_frames, dtype=np.int64)
    return offsets if offsets[-1] == last else np.append(offsets, last)


def hop_of(window_frames: int, overlap: float) -> int:
    """Frames from one window to the next where neighbours share ``overlap``, in [0, 1), of a window."""
    return max(1, round(window_frames * (1 - overlap)))
