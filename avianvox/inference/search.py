"""Search: windows of a store that sound like a query.

Windows are compared by the cosine of the angle between their embeddings, each number of which was brought to
mean 0 and deviation 1 over the store: what all windows share says nothing. A store of log-mel features is
searched too, by the mean and deviation of each band over its windows: it needs no model, and finds less.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avianvox.audio.excerpt import Excerpt
from avianvox.dataset.windows import window_offsets
from avianvox.errors import InputError
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.inference.embedding import EmbeddingSpec
from avianvox.types import Span

_LEAST_DEVIATION = 1e-3
_BLOCK_ROWS = 1 << 14  # compared at once; the store stays on disk


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
    _, numbers = next(_described(np.concatenate(blocks), store, _scale_of(store)))
    return _directions(numbers)


def search(store: FeatureStore, query: np.ndarray, *, n: int = 20) -> list[Found]:
    """The ``n`` windows of a store that are most like the query, the best first.

    A window is as like as to the nearest window of the query. Memory does not grow with the store.

    Parameters
    ----------
    store : FeatureStore
    query : np.ndarray
        Of `describe_query`.
    n : int, at least 1
    """
    best: list[tuple[float, int, int]] = []
    scale = _scale_of(store)
    for position in range(len(store)):
        rows = store.features(position)
        for first, numbers in _described(rows, store, scale) if len(rows) else ():
            likeness = np.einsum("wd,qd->wq", _directions(numbers), query).max(axis=1)
            best += [(-float(value), position, first + i) for i, value in enumerate(likeness.tolist())]
        if len(best) > 64 * n:
            best = sorted(best)[:n]
    return [_found(store, *row) for row in sorted(best)[:n]]


def _found(store: FeatureStore, unlikeness: float, position: int, window: int) -> Found:
    spec, n_rows = store.spec, int(store.n_frames[position])
    length_s = float(store.index["decoded_s"][position])
    if isinstance(spec, EmbeddingSpec):
        begin_s = window * spec.hop / spec.sample_rate
    else:
        begin_s = spec.frames_to_seconds(int(window_offsets(n_rows, spec.n_frames, spec.n_frames)[window]))
    if length_s == length_s:  # the last window ends with the recording
        begin_s = max(0.0, min(begin_s, length_s - spec.window_s))
    end_s = begin_s + spec.window_s
    return Found(
        store.ids[position], begin_s, min(end_s, length_s) if length_s == length_s else end_s, -unlikeness
    )


_Scale = tuple[np.ndarray, np.ndarray]


def _scale_of(store: FeatureStore) -> _Scale:
    """Mean and deviation of each number of a row over the store."""
    n_embedding = getattr(store.spec, "n_embedding", 0)
    mean, square = store.sums[:, :, :n_embedding].sum(axis=0) / max(1, len(store.rows))
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0)) + _LEAST_DEVIATION


def _described(rows: np.ndarray, store: FeatureStore, scale: _Scale) -> Iterator[tuple[int, np.ndarray]]:
    """First window of a block, and numbers of its windows, shape (n, n_numbers)."""
    spec = store.spec
    if isinstance(spec, EmbeddingSpec):
        mean, deviation = scale
        for first in range(0, len(rows), _BLOCK_ROWS):
            block = rows[first : first + _BLOCK_ROWS, : spec.n_embedding]
            yield first, ((block - mean) / deviation).astype(np.float32)
        return
    if not isinstance(spec, FeatureSpec):
        raise InputError("search: expected a store of embeddings or of log-mel features")
    offsets = window_offsets(len(rows), spec.n_frames, spec.n_frames).tolist()
    windows = [rows[at : at + spec.n_frames, : spec.n_mels].astype(np.float32) for at in offsets]
    yield 0, np.array([_statistics(window) for window in windows])


def _statistics(window: np.ndarray) -> np.ndarray:
    """Rise of each band over the quietest, and its deviation over time."""
    mean, deviation = window.mean(axis=0), window.std(axis=0)
    return np.concatenate((mean - mean.mean(), deviation - deviation.mean()))


def _directions(values: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.einsum("nd,nd->n", values, values))
    return np.asarray(values / np.maximum(lengths, 1e-12)[:, None])
