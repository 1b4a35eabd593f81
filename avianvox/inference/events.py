"""Events: spans of a recording in which a species calls, found in its windows as they come.

An event is a chain of windows in which one species counts with at least the `leave` score, none further from
the one before than the gap, of which one at least reaches the `enter` score. Start with `EventFinder`, or
with `EventSearch`, which also says what the thresholds decide and what they withhold.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import floor, isfinite

import numpy as np

from avianvox.errors import InputError
from avianvox.inference.calibration import Calibration
from avianvox.types import NO_BIRD, Decision, LabelSet, Window

DEFAULT_ENTER = 0.5
"""Where neither the user nor the model says from which score on a species is named."""

NOTED = 0.25
"""Events below their species' threshold are counted from this score on, or from the least threshold."""


@dataclass(frozen=True, slots=True)
class EventOptions:
    """How windows become events.

    Attributes
    ----------
    enter : float in (0, 1], optional
        The score that one window of an event reaches. By default each class has the threshold of the model's
        calibration for windows; a class for which no score suffices there has no events. Without a
        calibration it is `DEFAULT_ENTER`.
    leave : float in (0, 1]
        A share of ``enter``: windows down to it belong to the event too, before and after. 1 asks as much of
        every window.
    gap_s : float of at least 0, seconds
        Pauses up to this length belong to the event. A pause runs from the end of one window to the begin of
        another; spans that touch or overlap are always one event.
    min_length_s : float of at least 0, seconds
        Shorter events are left out. No event is shorter than a window, unless the recording is.
    smooth : int, odd
        The scores of a window become the mean of those of so many windows, itself in the middle. Neighbours
        behind a pause, and beyond the recording's ends, are not counted in. 1 changes nothing.
    multi_label : bool
        Whether a window counts for every species with a sufficient score, or for its best one alone.
    """

    enter: float | None = None
    leave: float = 0.8
    gap_s: float = 0.0
    min_length_s: float = 0.0
    smooth: int = 1
    multi_label: bool = False

    def __post_init__(self) -> None:
        for name in ("enter", "leave"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise InputError(f"events: {name}: expected a number above 0 and up to 1, got {value}")
        for name in ("gap_s", "min_length_s"):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0):
                raise InputError(f"events: {name}: expected at least 0 seconds, got {value}")
        if self.smooth < 1 or self.smooth % 2 == 0:
            raise InputError(f"events: smooth: expected an odd number of windows, got {self.smooth}")


@dataclass(frozen=True, slots=True)
class Event:
    """A species in a span of a recording: ``label`` is its position in the model's labels.

    ``score`` is the greatest and ``mean`` the mean of the ``n_windows`` windows that count for it, smoothed
    where windows are. ``tasks``: what the window of the greatest score says to the model's tasks.
    """

    label: int
    first_sample: int
    n_samples: int
    score: float
    mean: float
    n_windows: int
    tasks: Mapping[str, np.ndarray] | None = field(default=None, compare=False)

    @property
    def end_sample(self) -> int:
        """The sample after the last one."""
        return self.first_sample + self.n_samples


@dataclass(slots=True)
class _Chain:
    """What may become an event, or already is one that may go on."""

    first: int
    end: int
    score: float
    total: float
    tasks: Mapping[str, np.ndarray] | None
    n_windows: int = 1

    def extend(self, end: int, score: float, tasks: Mapping[str, np.ndarray] | None) -> None:
        self.end = max(self.end, end)
        if score > self.score:
            self.score, self.tasks = score, tasks
        self.total += score
        self.n_windows += 1


def event_thresholds(labels: LabelSet, calibration: Calibration | None) -> np.ndarray:
    """The score from which each class has events, shape (n_classes,), float32; infinity where it has none."""
    thresholds = calibration.window.named_from if calibration else ()
    # as float32, like the scores: what reached a threshold before it was rounded reaches it after
    return np.array(thresholds or (DEFAULT_ENTER,) * len(labels), np.float32)


def noted_score(labels: LabelSet, calibration: Calibration | None) -> float:
    """From which score on events below their species' threshold are counted; in hundredths, at least 0.01."""
    species = [k for k, name in enumerate(labels.names) if name != NO_BIRD]
    least = float(event_thresholds(labels, calibration)[species].min(initial=NOTED))
    return max(floor(100 * least), 1) / 100


class EventFinder:
    """Finds events in a stream of windows; memory grows neither with the stream nor with its events.

    Parameters
    ----------
    options : EventOptions
    labels : LabelSet
        The classes of the windows' scores. `NO_BIRD` has no events; where a window counts for one species, it
        counts for none if `NO_BIRD` is the best.
    sample_rate : int, Hz
        To which the windows' samples refer.
    calibration : Calibration, optional
        Where the scores are calibrated: it has their thresholds.
    wanted : collection of int, optional
        The classes that may have events. Others are passed over as if the model didn't know them.

    Examples
    --------
    >>> labels = LabelSet(("Parus major", "no bird"))
    >>> finder = EventFinder(EventOptions(), labels, sample_rate=10)
    >>> windows = [Window(30 * i, 30, np.float32([p, 1 - p])) for i, p in enumerate((0.1, 0.6, 0.9, 0.2))]
    >>> [(event.first_sample, event.end_sample) for event in find_events(windows, finder)]
    [(30, 90)]
    """

    def __init__(
        self,
        options: EventOptions,
        labels: LabelSet,
        sample_rate: int,
        calibration: Calibration | None = None,
        wanted: Collection[int] | None = None,
    ) -> None:
        if options.enter is None:
            self.enter = event_thresholds(labels, calibration)
        else:
            self.enter = np.full(len(labels), options.enter, np.float32)
        self.leave = (self.enter * options.leave).astype(np.float32)
        self._multi_label = options.multi_label
        self._gap = round(options.gap_s * sample_rate)
        self._min_length = round(options.min_length_s * sample_rate)
        self._reach = options.smooth // 2
        no_bird = labels.index.get(NO_BIRD)
        chosen = range(len(labels)) if wanted is None else wanted
        calling = sorted(set(chosen) - {no_bird})
        self._calling = np.array(calling, np.int64)
        self._competing = np.array(calling if no_bird is None else [*calling, no_bird], np.int64)
        self._no_bird = no_bird
        self._recent: deque[Window] = deque(maxlen=options.smooth)  # neighbours without a pause between them
        self._waiting = 0  # the newest of them, whose right neighbours are still to come
        self._chains: dict[int, _Chain] = {}

    def push(self, window: Window) -> list[Event]:
        """Take the next window, in order of time; give the events that have ended, by (end, label).

        Each event of a later call, or of `finish`, ends after all of them.
        """
        if not self._reach:
            return self._take(window, window.scores)
        events = self._take_waiting() if self._is_pause(window.first_sample) else []
        self._recent.append(window)
        self._waiting += 1
        if self._waiting > self._reach:
            events += self._take_oldest()
        return events

    def pass_to(self, sample: int) -> list[Event]:
        """The events that have ended if no window that begins before ``sample`` is still to come.

        They are the events of `push` and `finish`, sooner. Who listens wants them without waiting for more.
        """
        events = self._take_waiting() if self._is_pause(sample) else []
        return events + self._end_before(
            self._recent[-self._waiting].first_sample if self._waiting else sample
        )

    @property
    def open_from(self) -> list[int]:
        """Where chains begin that may become events, and windows that wait for their neighbours."""
        waiting = list(self._recent)[len(self._recent) - self._waiting :]
        return [chain.first for chain in self._chains.values()] + [w.first_sample for w in waiting]

    def finish(self) -> list[Event]:
        """The events that the end of the recording ends. The finder is then ready for another recording."""
        return self._take_waiting() + self._end(list(self._chains))

    def _is_pause(self, begin: int) -> bool:
        """Whether a window that begins there has no neighbour before it."""
        last = self._recent[-1] if self._recent else None
        return last is not None and begin > last.first_sample + last.n_samples

    def _take_waiting(self) -> list[Event]:
        events: list[Event] = []
        while self._waiting:
            events += self._take_oldest()
        self._recent.clear()
        return events

    def _take_oldest(self) -> list[Event]:
        """Take the oldest waiting window with the mean of its neighbours."""
        position = len(self._recent) - self._waiting
        near = list(self._recent)[max(0, position - self._reach) : position + self._reach + 1]
        scores = np.array([window.scores for window in near]).mean(axis=0, dtype=np.float64)
        window = self._recent[position]
        self._waiting -= 1
        return self._take(window, scores.astype(np.float32))

    def _take(self, window: Window, scores: np.ndarray) -> list[Event]:
        begin, end = window.first_sample, window.first_sample + window.n_samples
        events = self._end_before(begin)
        for label in self._heard(scores):
            score = float(scores[label])
            if label in self._chains:
                self._chains[label].extend(end, score, window.tasks)
            else:
                self._chains[label] = _Chain(begin, end, score, score, window.tasks)
        return events

    def _heard(self, scores: np.ndarray) -> list[int]:
        """The species for which a window with these scores counts."""
        if not len(self._calling):
            return []
        if self._multi_label:
            calling = self._calling
            heard: list[int] = calling[scores[calling] >= self.leave[calling]].tolist()
            return heard
        best = int(self._competing[scores[self._competing].argmax()])
        return [best] if best != self._no_bird and scores[best] >= self.leave[best] else []

    def _end_before(self, begin: int) -> list[Event]:
        """Close the chains that a window that begins there can't extend."""
        over = [label for label, chain in self._chains.items() if begin - chain.end > self._gap]
        return self._end(over) if over else []

    def _end(self, labels: list[int]) -> list[Event]:
        """Close the chains of ``labels``; those that are events, by (end, label)."""
        events = []
        for label in labels:
            chain = self._chains.pop(label)
            n_samples = chain.end - chain.first
            if chain.score >= self.enter[label] and n_samples >= self._min_length:
                mean = chain.total / chain.n_windows
                score, n_windows = chain.score, chain.n_windows
                events.append(Event(label, chain.first, n_samples, score, mean, n_windows, chain.tasks))
        return sorted(events, key=lambda event: (event.end_sample, event.label))


def find_events(windows: Iterable[Window], finder: "EventFinder | EventSearch") -> Iterator[Event]:
    """The events of one recording, as they end, ordered by (end, label)."""
    for window in windows:
        yield from finder.push(window)
    yield from finder.finish()


class EventSearch:
    """An `EventFinder` that says of each event what the thresholds decide, and counts what they withhold.

    Parameters are those of `EventFinder`.

    Attributes
    ----------
    below : Counter
        By class, the events that did not reach its threshold. Where ``options.enter`` stands in for the
        thresholds they were found all the same; else they are those that `noted_score` would show besides.
    """

    def __init__(
        self,
        options: EventOptions,
        labels: LabelSet,
        sample_rate: int,
        calibration: Calibration | None = None,
        wanted: Collection[int] | None = None,
    ) -> None:
        self.below: Counter[int] = Counter()
        self._thresholds = event_thresholds(labels, calibration)
        self._level = calibration.window if calibration and calibration.window.thresholds else None
        self._finder = EventFinder(options, labels, sample_rate, calibration, wanted)
        self._lower: EventFinder | None = None
        noted = noted_score(labels, calibration)
        if options.enter is None and (self._thresholds > noted).any():
            self._lower = EventFinder(replace(options, enter=noted), labels, sample_rate, None, wanted)

    def push(self, window: Window) -> list[Event]:
        """As `EventFinder.push`."""
        if self._lower is not None:
            self._note(self._lower.push(window))
        return self._found(self._finder.push(window))

    def pass_to(self, sample: int) -> list[Event]:
        """As `EventFinder.pass_to`."""
        if self._lower is not None:
            self._note(self._lower.pass_to(sample))
        return self._found(self._finder.pass_to(sample))

    def finish(self) -> list[Event]:
        """As `EventFinder.finish`."""
        if self._lower is not None:
            self._note(self._lower.finish())
        return self._found(self._finder.finish())

    @property
    def open_from(self) -> list[int]:
        """As `EventFinder.open_from`."""
        return self._finder.open_from

    def decision(self, event: Event) -> Decision | None:
        """What the model's thresholds say of an event; None where it has none."""
        if self._level is None:
            return None
        if not self._is_below(event):
            return Decision.NAMED
        return Decision.UNKNOWN if event.score < self._level.unknown else Decision.UNCERTAIN

    def _found(self, events: list[Event]) -> list[Event]:
        if self._level is not None:
            self._note(events)
        return events

    def _note(self, events: list[Event]) -> None:
        self.below.update(event.label for event in events if self._is_below(event))

    def _is_below(self, event: Event) -> bool:
        return bool(event.score < self._thresholds[event.label])
