"""How much sound is read, by this process and its workers, for bars that move while a long recording is read.

A process writes into a place of its own, without a lock: a worker that is killed must hold none. The figures
are for people; nothing is decided by them.
"""

import os
from collections.abc import MutableSequence
from functools import cache

_PLACES = 512  # processes that run at a time have numbers of their own below this, but for rare chance

_own: MutableSequence[float] = [0.0, 0.0]  # seconds read, and the shares read of recordings that are open
_place = 0
_open = 0.0


class Reading:
    """What was read of one open recording; ``length_s`` is what its header says."""

    def __init__(self, length_s: float | None) -> None:
        self._length_s = length_s
        self._read_s = self._share = 0.0

    def add(self, seconds: float) -> None:
        """So many seconds more were read."""
        self._read_s += seconds
        _own[_place] += seconds
        if self._length_s:
            self._stand_at(min(self._read_s / self._length_s, 1.0))

    def end(self) -> None:
        """The recording is closed; it may be called again."""
        self._stand_at(0.0)

    def _stand_at(self, share: float) -> None:
        global _open
        _open += share - self._share
        self._share = share
        _own[_place + 1] = _open


def heard() -> tuple[float, float]:
    """Seconds of sound read so far, and the sum of the shares read of all recordings that are open.

    Counts this process and its worker processes on this machine.
    """
    sheets = (_own, sheet()) if sheet.cache_info().currsize else (_own,)
    return sum(sum(one[::2]) for one in sheets), sum(sum(one[1::2]) for one in sheets)


@cache
def sheet() -> MutableSequence[float]:
    """Where the workers of this process write; it is handed to them as they start."""
    from multiprocessing import get_context

    places: MutableSequence[float] = get_context("spawn").RawArray("d", 2 * _PLACES)
    return places


def forget_open() -> None:
    """Leave out what workers that have ended had open; those at work write theirs again."""
    sheet()[1::2] = [0.0] * _PLACES


def write_to(shared: MutableSequence[float]) -> None:
    """Have this process, a worker, write into the sheet of its parent."""
    global _own, _place
    _own, _place = shared, 2 * (os.getpid() % _PLACES)
    _own[_place + 1] = 0.0  # the seconds of a process that had this place before stay counted
