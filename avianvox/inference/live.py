"""Listening: sound that never ends becomes rows, one for each event as it ends, with the time of day.

Somebody puts frames into a `Feed` (:mod:`avianvox.inference.live_inputs`: a pipe or a microphone); `listen`
takes them out on the other side, as rows. Nothing grows with time: the feed holds some seconds, the
classifier a window, the finder the events that go on.
"""

from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from queue import Empty, Full, Queue
from threading import Event as Flag
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from avianvox.audio.decode import Meter
from avianvox.audio.resample import Resampler, mix_to_mono, pick_channel
from avianvox.inference.answers import WAYS, Found
from avianvox.inference.classifier import Classifier, WindowStream
from avianvox.inference.events import Event, EventFinder
from avianvox.inference.question import Question
from avianvox.types import Decision, Detection

if TYPE_CHECKING:
    from avianvox.inference.gate import Gate

STALL_S = 3.0
"""So long without sound is said, and the clock is read anew when it comes again."""

_POLL_S = 0.1
_MOST_WAITING = 64  # pieces that were put in and not taken out
_MOST_ANCHORS = 1000

Say = Callable[[str], None]
"""Tells the user one line; called from any thread."""


class Clock:
    """When a sample was heard.

    Parameters
    ----------
    sample_rate : int, Hz
    begin : datetime, optional
        With its zone: when the first sample was heard, and time passes with the samples. By default both
        begin and the sound after each stall are as late as they arrive, in this computer's zone.
    """

    def __init__(self, sample_rate: int, begin: datetime | None = None) -> None:
        self.source = "clock" if begin is None else "given"
        self._rate = sample_rate
        self._zone: tzinfo | None = begin.tzinfo if begin else None
        self._fixed = begin is not None
        self._anchors: tuple[tuple[int, datetime], ...] = ((0, begin.astimezone(UTC)),) if begin else ()

    def arrived(self, sample: int, n_samples: int) -> None:
        """``n_samples`` from ``sample`` on have just been heard, after a stall or as the first ones."""
        if not self._fixed:
            heard = datetime.now(UTC) - timedelta(seconds=n_samples / self._rate)
            self._anchors = (*self._anchors, (sample, heard))[-_MOST_ANCHORS:]

    def time_of(self, sample: int) -> str:
        """ISO 8601 with the offset from UTC, milliseconds where they are not zero."""
        anchors = self._anchors
        first, heard = next((a for a in reversed(anchors) if a[0] <= sample), anchors[0])
        time = heard + timedelta(milliseconds=round(1000 * (sample - first) / self._rate))
        local = time.astimezone(self._zone)
        return local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")


class Feed:
    """Frames on their way from whoever hears them to the classifier; also what stops both.

    Parameters
    ----------
    sample_rate : int, Hz
    say : callable
    channel : int, optional
        Counted from 1; by default all are mixed.

    Attributes
    ----------
    meter : Meter
        What has been heard so far.
    stopped : threading.Event
        Set it to end as if the input had ended.
    """

    def __init__(self, sample_rate: int, say: Say, *, channel: int | None = None) -> None:
        self.sample_rate, self.channel, self.say = sample_rate, channel, say
        self.meter = Meter()
        self.stopped = Flag()
        self.n_lost = 0
        self._waiting: Queue[np.ndarray | None] = Queue(_MOST_WAITING)

    def put(self, frames: np.ndarray) -> bool:
        """Wait until there is room for shape (n, channels), float32; whether anybody still listens."""
        while not self.stopped.is_set():
            try:
                self._waiting.put(frames, timeout=_POLL_S)
            except Full:
                continue
            return True
        return False

    def offer(self, frames: np.ndarray) -> None:
        """The same where nobody can wait: what finds no room is lost, and that is said."""
        try:
            self._waiting.put_nowait(frames)
        except Full:
            if not self.n_lost:
                self.say("this computer is too slow: sound is being lost")
            self.n_lost += len(frames)

    def end(self, why: str = "") -> None:
        """There will be no more, because of ``why`` where that is no usual end."""
        if why:
            self.say(why)
        while not self.stopped.is_set():
            try:
                self._waiting.put(None, timeout=_POLL_S)
            except Full:
                continue
            return

    def blocks(self, sample_rate: int, clock: Clock) -> Iterator[np.ndarray]:
        """Mono sound at ``sample_rate``, shape (n,), float32, until the end or until it is stopped.

        ``clock`` is told when sound arrives that was waited for.
        """
        resampler = Resampler(self.sample_rate, sample_rate)
        for frames, late in self._frames():
            if late:
                clock.arrived(
                    round(self.meter.n_frames * sample_rate / self.sample_rate),
                    round(len(frames) * sample_rate / self.sample_rate),
                )
            self.meter.add(frames)
            heard = frames if self.channel is None else pick_channel(frames, self.channel)
            yield resampler.push(mix_to_mono(heard))
        yield resampler.finish()

    def _frames(self) -> Iterator[tuple[np.ndarray, bool]]:
        """Frames as they come, and whether they are the first ones or the first after a stall.

        A stall counts from when the next sound was due: some streams come in pieces of ten seconds.
        """
        due, stalled, first = monotonic(), False, True
        while not self.stopped.is_set():
            try:
                frames = self._waiting.get(timeout=_POLL_S)
            except Empty:
                if not stalled and monotonic() - due > STALL_S:
                    stalled = True
                    self.say(f"no sound for {STALL_S:g} s")
                continue
            if frames is None:
                return
            if stalled:
                self.say(f"sound again after {monotonic() - due:.1f} s")
            yield frames, first or stalled
            due = monotonic() if first or stalled else due + len(frames) / self.sample_rate
            stalled = first = False


class Listening:
    """Rows of a feed, as events end; iterate once.

    Attributes
    ----------
    windows : WindowStream
        With its counts so far.
    """

    def __init__(
        self,
        classifier: Classifier,
        feed: Feed,
        question: Question,
        *,
        name: str = "-",
        begin: datetime | None = None,
        gate: "Gate | None" = None,
    ) -> None:
        """Raises as `Classifier.windows` does.

        Parameters
        ----------
        classifier : Classifier
        feed : Feed
        question : Question
            By event or by window.
        name : str
            What the rows' ``path`` says.
        begin : datetime, optional
            See `Clock`.
        gate : Gate, optional
        """
        self._classifier, self._feed, self._question, self._name = classifier, feed, question, name
        self._rate = classifier.spec.sample_rate
        self._clock = Clock(self._rate, begin)
        self.windows: WindowStream = classifier.windows(
            feed.blocks(self._rate, self._clock),
            overlap_s=question.overlap_s,
            calibrated=question.calibrated,
            gate=gate,
        )

    def __iter__(self) -> Iterator[Detection]:
        found = self._events() if self._question.by == "event" else self._windows()
        try:
            for part in found:
                yield self._row(part)
        finally:
            self._feed.stopped.set()  # first: threads wait for sound that may never come
            found.close()

    def _windows(self) -> Generator[Found]:
        yield from WAYS[self._question.by](self.windows, self._classifier, self._question)

    def _events(self) -> Generator[Found]:
        """Events as they end. Windows that are not scored let time pass too: a silence may last for hours."""
        question, labels = self._question, self._classifier.labels
        calibration = self._classifier.calibration if question.calibrated else None
        finder = EventFinder(question.events, labels, self._rate, calibration, question.wanted)
        decided = calibration and calibration.window.thresholds and question.events.enter is None
        decision = Decision.NAMED if decided else None
        for event in self._ended(finder):
            if event.score >= question.min_score:
                span = (event.first_sample, event.n_samples)
                yield Found(*span, event.label, event.score, None, decision)

    def _ended(self, finder: EventFinder) -> Iterator[Event]:
        for first, window in self.windows.every():
            if window is not None:
                yield from finder.push(window)
            yield from finder.pass_to(first + 1)
        yield from finder.finish()

    def _row(self, found: Found) -> Detection:
        labels, first, label = self._classifier.labels, found.first_sample or 0, found.label or 0
        return Detection(
            path=self._name,
            channel=self._feed.channel,
            begin_s=first / self._rate,
            end_s=(first + found.n_samples) / self._rate,
            begin_time=self._clock.time_of(first),
            end_time=self._clock.time_of(first + found.n_samples),
            time_source=self._clock.source,
            rank=found.rank,
            scientific_name=labels.names[label],
            common_name=labels.common_name(label),
            score=found.score,
            decision=found.decision,
        )
