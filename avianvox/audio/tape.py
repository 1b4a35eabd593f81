"""The last minute of a stream, in memory: sound that is wanted after it was heard.

One thread puts sound in (`Tape.push`); another one takes spans out (`Tape.cut`) and says what is no longer
needed (`Tape.forget`). So nothing is lost before it was looked at, however fast the stream is, and memory
grows with how far the second thread is behind and with nothing else.
"""

from collections import deque
from threading import Lock
from typing import NamedTuple

import numpy as np


class Piece(NamedTuple):
    """Mono sound, shape (n,), float32, and its first frame, counted from the begin of the stream."""

    first: int
    samples: np.ndarray

    @property
    def end(self) -> int:
        return self.first + len(self.samples)


class Tape:
    """Mono sound at one rate, on a time line that goes on through pauses.

    Parameters
    ----------
    sample_rate : int, Hz

    Examples
    --------
    >>> tape = Tape(10)
    >>> tape.push(np.ones(10, np.float32))
    >>> tape.go_on_at(2.0)
    >>> tape.push(np.ones(10, np.float32))
    >>> first, samples = tape.cut(0.9, 2.1)
    >>> first, samples.tolist()
    (9, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._pieces: deque[Piece] = deque()
        self._next = 0
        self._lock = Lock()

    @property
    def end_s(self) -> float:
        """Up to where there is sound, in seconds from the begin of the stream."""
        return self._next / self.sample_rate

    @property
    def n_bytes(self) -> int:
        """Memory of the sound."""
        with self._lock:
            return sum(piece.samples.nbytes for piece in self._pieces)

    def push(self, samples: np.ndarray) -> None:
        """Take the next sound in, shape (n,), float32; the array must not change any more."""
        with self._lock:
            self._pieces.append(Piece(self._next, samples))
            self._next += len(samples)

    def go_on_at(self, seconds: float) -> None:
        """What comes next begins there: there was a pause."""
        with self._lock:
            self._next = max(self._next, round(seconds * self.sample_rate))

    def cut(self, begin_s: float, end_s: float) -> tuple[int, np.ndarray]:
        """The first frame and a copy of a span, as far as it is there; a pause within it is silence.

        Parameters
        ----------
        begin_s, end_s : float
            Seconds from the begin of the stream.

        Returns
        -------
        tuple of int and np.ndarray
            Shape (n,), float32; empty where there is no sound.
        """
        first, end = (round(seconds * self.sample_rate) for seconds in (begin_s, end_s))
        with self._lock:
            pieces = [piece for piece in self._pieces if piece.first < end and piece.end > first]
        if not pieces or end <= first:
            return first, np.zeros(0, np.float32)
        first, end = max(first, pieces[0].first), min(end, pieces[-1].end)
        span = np.zeros(end - first, np.float32)
        for at, samples in pieces:
            part = samples[max(0, first - at) : end - at]
            place = max(at, first) - first
            span[place : place + len(part)] = part
        return first, span

    def forget(self, before_s: float) -> None:
        """Let go of the pieces that end before; nobody will ask for them."""
        before = before_s * self.sample_rate
        with self._lock:
            while self._pieces and self._pieces[0].end <= before:
                self._pieces.popleft()
