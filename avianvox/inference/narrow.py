"""Events as long as the call, and not as the windows in which it was heard.

An event reaches from the begin of its first window to the end of its last one, so a call of one second is an
event of a window's length. Boxes in it, from a source that looks at time and frequency (`BOX_SOURCES`), say
where in it something calls: the loudest one, and those in its band. In field recordings something else may be
louder; where the species' band is known, nothing outside it counts. Boxes of a detector have names: those
under the name of another species of the model don't count.
"""

import os
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from avianvox.audio.resample import Resampler
from avianvox.dataset.synonyms import species_key
from avianvox.inference.box_source import (
    BOX_SOURCES,
    BlockT,
    BoxStream,
    Fork,
    PushedSource,
    source_asked,
)
from avianvox.inference.classifier import Classifier, WindowStream
from avianvox.inference.found import Found, event_search, found_event, weighed
from avianvox.inference.question import Question
from avianvox.types import Box

if TYPE_CHECKING:
    from avianvox.inference.place import Weigher

_SHARED = 0.5  # of the smaller band, from which on two boxes are of one voice


class Narrower:
    """Finds the events of one recording and narrows them; memory is that of events which are still open.

    Parameters
    ----------
    asked : str
        What `source_asked` takes.
    classifier : Classifier
        Its sample rate is that of the sound, and its classes are those of the events.

    Attributes
    ----------
    latest_s : float, seconds
        By so much later than its windows are heard does an event come, at most.
    """

    def __init__(self, asked: str, classifier: Classifier) -> None:
        spec = classifier.spec
        source, self._rate = _source(asked, spec.sample_rate), spec.sample_rate
        self.latest_s = source.latest_s
        self._latest = round(source.latest_s * self._rate)
        self._window = spec.n_frames * spec.hop_length
        self._names = classifier.labels.names
        self._fork = Fork(lambda: _at_rate(source, self._rate), sample_rate=self._rate)
        self._boxes: list[Box] = []
        self._waiting: deque[Found] = deque()

    def heard(self, blocks: Iterable[BlockT]) -> Iterator[BlockT]:
        """The sound, for the classifier."""
        return self._fork.blocks(blocks)

    def events(
        self,
        stream: WindowStream,
        classifier: Classifier,
        question: Question,
        below: Counter[int],
        weigher: "Weigher | None" = None,
    ) -> Iterator[Found]:
        """As a row of `avianvox.inference.found.WAYS`, for the stream of what `heard` gives."""
        search = event_search(classifier, question)
        for first, window in stream.every():
            ended = search.pass_to(first) if window is None else search.push(weighed(window, weigher))
            yield from self.settled((found_event(event, search) for event in ended), first, search.open_from)
        yield from self.rest(found_event(event, search) for event in search.finish())
        below.update(search.below)

    def settled(self, ended: Iterable[Found], first: int, open_from: Iterable[int]) -> Iterator[Found]:
        """Take events that have ended; give those in which no box is still to come, narrowed.

        Parameters
        ----------
        ended : iterable of Found
            In order of their ends.
        first : int
            First sample of the window that has just been heard.
        open_from : iterable of int
            First samples of the events that go on.
        """
        self._waiting.extend(ended)
        heard = max(self._fork.whole, first + self._window - self._latest)
        while self._waiting and _end(self._waiting[0]) <= heard:
            yield self._narrowed(self._waiting.popleft())
        begins = [found.first_sample or 0 for found in self._waiting]
        self._forget(min([first, *begins, *open_from]))

    def rest(self, ended: Iterable[Found]) -> Iterator[Found]:
        """The last events, when the sound has ended."""
        self._waiting.extend(ended)
        while self._waiting:
            yield self._narrowed(self._waiting.popleft())

    def _forget(self, sample: int) -> None:
        """Let boxes go that end before a sample: no event that is still to come holds them."""
        self._take()
        self._boxes = [box for box in self._boxes if box.end_s * self._rate > sample]

    def _take(self) -> None:
        fresh = self._fork.found  # the thread that reads appends, this one takes
        while fresh:
            self._boxes.append(fresh.popleft())

    def _may_be(self, box: Box, label: int | None) -> bool:
        """Whether a box has not the name of another class."""
        if not box.label or label is None:
            return True
        key = species_key(box.label)
        return key == species_key(self._names[label]) or key not in self._keys

    @cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(map(species_key, self._names))

    def _narrowed(self, event: Found) -> Found:
        self._take()
        begin_s, end_s = (event.first_sample or 0) / self._rate, _end(event) / self._rate
        inside = [
            box
            for box in self._boxes
            if box.begin_s < end_s and begin_s < box.end_s and self._may_be(box, event.label)
        ]
        if not inside:
            return event
        voice = of_one_voice(inside)
        first = round(max(begin_s, min(box.begin_s for box in voice)) * self._rate)
        last = round(min(end_s, max(box.end_s for box in voice)) * self._rate)
        low_hz, high_hz = min(box.low_hz for box in voice), max(box.high_hz for box in voice)
        return event._replace(first_sample=first, n_samples=last - first, band_hz=(low_hz, high_hz))


class _Resampled:
    """A stream of boxes for sound of another rate."""

    def __init__(self, stream: BoxStream, resampler: Resampler) -> None:
        self._stream, self._resampler = stream, resampler

    def push(self, samples: np.ndarray) -> list[Box]:
        return [box for piece in self._resampler.push(samples) for box in self._stream.push(piece)]

    def finish(self) -> list[Box]:
        return self._stream.push(self._resampler.finish()) + self._stream.finish()


def _at_rate(source: PushedSource, sample_rate: int) -> BoxStream:
    if source.sample_rate == sample_rate:
        return source.stream()
    return _Resampled(source.stream(), Resampler(sample_rate, source.sample_rate))


_local = threading.local()


def _source(asked: str, sample_rate: int) -> PushedSource:
    """The source that is asked for; a worker keeps the last detector, by path and time as with its model."""
    row, text = source_asked(asked)
    key = row, text, sample_rate, os.stat(text).st_mtime_ns if row == "detector" else 0
    if getattr(_local, "key", None) != key:
        _local.source, _local.key = BOX_SOURCES.get(row)(text, sample_rate=sample_rate), key
    source: PushedSource = _local.source
    return source


def of_one_voice(boxes: Sequence[Box]) -> list[Box]:
    """The box of the highest score, the earlier one of equal ones, and those that share its band."""
    best = max(boxes, key=lambda box: (box.score or 0.0, -box.begin_s))

    def shares(box: Box) -> bool:
        shared = min(box.high_hz, best.high_hz) - max(box.low_hz, best.low_hz)
        return shared >= _SHARED * min(box.high_hz - box.low_hz, best.high_hz - best.low_hz)

    return [box for box in boxes if shares(box)]


def _end(found: Found) -> int:
    return (found.first_sample or 0) + found.n_samples
