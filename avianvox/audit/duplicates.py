"""Duplicates: one sound in several recordings, under other names, re-encoded, trimmed or amplified.

Recordings that share landmarks (`fingerprint`) at one and the same distance in time are candidates; they are
found by sorting all landmarks, not by comparing all pairs. A candidate counts when the sounds, laid over each
other, agree: see `agreement`. Files with the same bytes and recordings with the same features are found by
their hashes in the store.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING

import numpy as np

from avianvox.audit.fingerprint import PER_FRAME, landmarks
from avianvox.types import Status

if TYPE_CHECKING:
    from avianvox.features.store import FeatureStore

AGREEMENT = 0.35
"""Least `agreement` of a duplicate. Copies of real recordings have 0.5 to 1, other candidates under 0.2."""

_MOST_LANDMARKS = 40_000_000  # 2 GB while they are sorted
_COMMON = 16  # a landmark in more places is a habit of many sounds
_VOTES = 3  # landmarks that must agree on the distance in time
_SLACK = 2  # frames by which they may differ
_LEAST_FRAMES = 20
_MOST_FRAMES = 1024
_PART_FRAMES = 32

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two recordings that hold the same sound.

    Attributes
    ----------
    first, second : int
        Their rows in what `find_duplicates` was given; ``first < second``.
    kind : {"same file", "same features", "same sound"}
    offset_s : float
        Where in the first recording the second one begins; negative where it begins earlier.
    overlap_s : float
    agreement : float in [0, 1]
    """

    first: int
    second: int
    kind: str
    offset_s: float
    overlap_s: float
    agreement: float


def find_duplicates(
    store: "FeatureStore", positions: np.ndarray, *, progress: Progress | None = None
) -> list[Duplicate]:
    """All pairs of recordings that hold the same sound.

    Parameters
    ----------
    store : FeatureStore
    positions : np.ndarray, shape (n,), int64
        Recordings, as positions in the store. Those that are silent or did not decode have no sound.
    progress : callable, optional
        Called with the number of recordings done and the number of all.

    Returns
    -------
    list of Duplicate
        In order of ``first`` and ``second``. Of several recordings with the same bytes or features, each is
        named with the first of them.
    """
    heard = [
        row
        for row, at in enumerate(positions.tolist())
        if store.n_frames[at] > 0 and store.status(at) is not Status.SILENT
    ]
    pairs = {(d.first, d.second): d for d in _exact(store, positions, heard)}
    copies = {second for _, second in pairs}
    others = np.array([row for row in heard if row not in copies], np.int64)
    for first, second, offset in _candidates(store, positions, others, progress):
        a, b = (store.features(int(positions[row]))[:, : store.log_mel.n_mels] for row in (first, second))
        offset, overlap, found = _best_agreement(a, b, offset)
        if found >= AGREEMENT:
            offset_s, overlap_s = (store.log_mel.frames_to_seconds(n) for n in (offset, overlap))
            pairs[first, second] = Duplicate(first, second, "same sound", offset_s, overlap_s, found)
    return [pairs[key] for key in sorted(pairs)]


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """How well two spectrograms of the same moments agree.

    Parameters
    ----------
    a, b : np.ndarray, shape (n_frames, n_mels), dB

    Returns
    -------
    float in [-1, 1]
        The correlation over time, within a band and 32 frames, that half of the bands reach in half of the
        time. A codec or a lower sample rate spoils some bands, and gain and filters none; where one voice
        repeats its song, the noise in other bands and between the songs does not agree.
    """
    n_parts = max(1, len(a) // _PART_FRAMES)
    parts = zip(np.array_split(a, n_parts), np.array_split(b, n_parts), strict=True)
    return float(np.median([np.median(_correlation(*part)) for part in parts]))


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of each band over time, shape (n_mels,); 0 where a band does not vary."""
    a, b = (x - x.mean(axis=0, dtype=np.float64) for x in (a, b))
    spread = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    likeness: np.ndarray = (a * b).sum(axis=0) / np.where(spread > 0, spread, np.inf)
    return likeness


def _exact(store: "FeatureStore", positions: np.ndarray, rows: list[int]) -> Iterator[Duplicate]:
    first_of: dict[tuple[str, bytes], int] = {}
    for row in rows:
        at = int(positions[row])
        length_s = store.log_mel.frames_to_seconds(int(store.n_frames[at]))
        for kind, column in (("same file", "content"), ("same features", "digest")):
            first = first_of.setdefault((kind, store.index[column][at].tobytes()), row)
            if first != row:
                yield Duplicate(first, row, kind, 0.0, length_s, 1.0)
                break


def _candidates(
    store: "FeatureStore", positions: np.ndarray, rows: np.ndarray, progress: Progress | None
) -> Iterator[tuple[int, int, int]]:
    """Pairs of rows whose landmarks agree, and the frame of the first at which the second begins."""
    frames = store.n_frames[positions[rows]]
    one_in = 1 + int(PER_FRAME * frames.sum() / _MOST_LANDMARKS)
    floor_db = 10 * log10(store.log_mel.log_floor)
    codes, times = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    for done, at in enumerate(positions[rows].tolist(), start=1):
        log_mel = store.features(at)[:, : store.log_mel.n_mels].astype(np.float32)
        code, time = landmarks(log_mel, floor_db=floor_db, one_in=one_in)
        codes.append(code)
        times.append(time.astype(np.int32))
        if progress:
            progress(done, len(rows))
    owner = np.repeat(np.arange(len(rows), dtype=np.int32), [len(code) for code in codes[1:]])
    span = 2 * int(frames.max(initial=0)) + _SLACK + 1
    votes = _votes(np.concatenate(codes), owner, np.concatenate(times), len(rows), span)
    counts = np.searchsorted(votes, votes + _SLACK, side="right") - np.arange(len(votes))
    order = np.lexsort((-counts, votes // span))
    pairs, best = np.unique(votes[order] // span, return_index=True)
    chosen = order[best]
    for pair, vote, count in zip(
        pairs.tolist(), votes[chosen].tolist(), counts[chosen].tolist(), strict=True
    ):
        if count >= _VOTES:
            first, second = divmod(pair, len(rows))
            yield int(rows[first]), int(rows[second]), vote % span - span // 2


def _votes(codes: np.ndarray, owner: np.ndarray, times: np.ndarray, n: int, span: int) -> np.ndarray:
    """One number for each landmark that two recordings share, sorted: the pair, and the distance in time."""
    order = np.argsort(codes, kind="stable")
    codes, owner, times = codes[order], owner[order], times[order].astype(np.int64)
    begins = np.flatnonzero(np.diff(codes, prepend=-1))
    sizes = np.diff(begins, append=len(codes))
    seldom = np.repeat((sizes > 1) & (sizes <= _COMMON), sizes)
    codes, owner, times = codes[seldom], owner[seldom], times[seldom]
    votes = [np.zeros(0, np.int64)]
    for step in range(1, _COMMON):
        shared = np.flatnonzero((codes[step:] == codes[:-step]) & (owner[step:] != owner[:-step]))
        pair = owner[shared].astype(np.int64) * n + owner[shared + step]  # stable: the first is the lower
        votes.append(pair * span + times[shared] - times[shared + step] + span // 2)
    return np.sort(np.concatenate(votes))


def _best_agreement(a: np.ndarray, b: np.ndarray, offset: int) -> tuple[int, int, float]:
    """The offset near ``offset`` at which ``b`` agrees best with ``a``, the overlap, and the agreement."""
    found = (offset, 0, 0.0)
    for shift in range(offset - _SLACK, offset + _SLACK + 1):
        in_a, in_b = max(shift, 0), max(-shift, 0)
        n = min(len(a) - in_a, len(b) - in_b)
        looked = min(n, _MOST_FRAMES)
        if n >= _LEAST_FRAMES:
            value = agreement(a[in_a : in_a + looked], b[in_b : in_b + looked])
            found = max(found, (shift, n, value), key=lambda each: each[2])
    return found
