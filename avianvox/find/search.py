"""Search: windows of a store that sound like a query.

Windows are compared by the cosine of the angle between the numbers that describe them
(:mod:`avianvox.find.windows`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avianvox.audio.excerpt import Excerpt
from avianvox.errors import InputError
from avianvox.features.store import FeatureStore
from avianvox.find.windows import Windows, describe_rows, directions
from avianvox.types import Span


@dataclass(frozen=True, slots=True)
class Found:
    """A window of a store: ``likeness`` is a cosine, in [-1, 1]."""

    recording_id: str
    begin_s: float
    end_s: float
    likeness: float


def parse_query(text: str) -> tuple[Path, Span]:
    """File and part of ``FILE#begin-end``, in seconds; a file alone is taken whole.

    Raises
    ------
    InputError
        What follows the ``#`` is no part of a recording.

    Examples
    --------
    >>> parse_query("night.wav#12.5-14")
    (PosixPath('night.wav'), (12.5, 14.0))
    """
    name, mark, part = text.rpartition("#")
    if not mark or Path(text).is_file():
        return Path(text), (0.0, None)
    begin, dash, end = part.partition("-")
    try:
        span = float(begin or 0), float(end) if end else None
    except ValueError:
        span = (-1.0, None)
    begin_s, end_s = span
    if not dash or not begin_s >= 0 or not (end_s is None or end_s > begin_s):
        raise InputError(f"query {text}: expected FILE#BEGIN-END in seconds, such as night.wav#12.5-14")
    return Path(name), (begin_s, end_s)


def describe_query(path: Path, span: Span, store: FeatureStore) -> np.ndarray:
    """Windows of the query as the store's would be described, shape (n, n_numbers), of length 1.

    Of a part that is shorter than a window, what lies around it is heard too, as in the store's windows.

    Raises
    ------
    AudioError
        The file can't be read.
    InputError
        There is no sound in that part of it.
    """
    spec = store.spec
    begin_s, end_s = span
    if end_s is not None and end_s - begin_s < spec.window_s:
        begin_s = max(0.0, (begin_s + end_s - spec.window_s) / 2)
        span = begin_s, begin_s + spec.window_s
    first, last = (None if second is None else round(second * spec.sample_rate) for second in span)
    with Excerpt(path, sample_rate=spec.sample_rate, first=first or 0, last=last) as sound:
        stream = spec.stream()
        blocks = [rows for samples in sound for rows in stream.push(samples)] + list(stream.finish())
    if not blocks:
        raise InputError(f"query {path}: there is no sound from {span[0]:g} s on")
    return directions(describe_rows(np.concatenate(blocks), store))


def search(
    store: FeatureStore, query: np.ndarray, *, n: int = 20, among: np.ndarray | None = None
) -> list[Found]:
    """The ``n`` windows of a store that are most like the query, the best first.

    A window is as like as to the nearest window of the query. The store stays on disk.

    Parameters
    ----------
    store : FeatureStore
    query : np.ndarray
        Of `describe_query`.
    n : int, at least 1
    among : np.ndarray, optional
        Windows that come into question, see :mod:`avianvox.find.index`; all of them when left out.
    """
    windows = Windows.of(store) if among is None else Windows.of(store).at(among)
    likeness = np.empty(len(windows), np.float32)
    for part, numbers in windows.blocks():
        lengths = np.sqrt(np.einsum("wd,wd->w", numbers, numbers))
        nearest = np.einsum("wd,qd->wq", numbers, query).max(axis=1)
        likeness[part] = nearest / np.maximum(lengths, 1e-12)
    best = np.argsort(-likeness, kind="stable")[:n]
    return found_at(windows.at(best), likeness[best])


def found_at(windows: Windows, likeness: np.ndarray) -> list[Found]:
    """Windows with their likeness, in their order."""
    times = zip(windows.begin_s.tolist(), windows.end_s.tolist(), likeness.tolist(), strict=True)
    ids = windows.store.ids
    return [Found(ids[at], *row) for at, row in zip(windows.position.tolist(), times, strict=True)]
