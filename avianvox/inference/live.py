"""Listening: sound that never ends becomes rows, one for each event as it ends, with the time of day.

Somebody puts frames into a `Feed` (:mod:`avianvox.inference.live_inputs`: a pipe or a microphone); `listen`
takes them out on the other side, as rows. Nothing grows with time: the feed holds some seconds, the
classifier a window, the finder the events that go on.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from queue import Empty, Full, Queue
from threading import Event as Flag
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from avianvox.audio.decode import Meter
from avianvox.audio.notes import FieldNotes
from avianvox.audio.resample import Resampler, pick_channel
from avianvox.inference.answers import task_answers, weigher_of
from avianvox.inference.classifier import Classifier, WindowStream
from avianvox.inference.found import WAYS, Found, event_search, found_event, weighed
from avianvox.inference.question import Question
from avianvox.inference.window_stream import Pause
from avianvox.tables.times import iso_time
from avianvox.types import Detection

if TYPE_CHECKING:
    from avianvox.audio.tape import Tape
    from avianvox.inference.gate import Gate
    from avianvox.inference.narrow import Narrower

STALL_S = 3.0
"""So long without sound is an outage: that is said, and time passes although no sample comes."""

_POLL_S = 0.1
_CLOCK_OFF_S = 2.0  # between the samples and the clock; a sound card's quartz takes hours for it
_CLOCK_SET_S = 60.0  # from here on somebody has set the clock, and that is said
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
        With its zone: when the first sample was heard, and time passes with the samples, those that an outage
        lacks counted too. By default the begin and the sound after each outage are as late as they arrive, in
        this computer's zone; in between, time passes with the samples, and follows the computer's clock where
        that was set or the two drift apart.
    """

    def __init__(self, sample_rate: int, begin: datetime | None = None) -> None:
        self.source = "clock" if begin is None else "given"
        self._rate = sample_rate
        self._zone: tzinfo | None = begin.tzinfo if begin else None
        self._fixed = begin is not None
        self._anchors: tuple[tuple[int, datetime], ...] = ((0, begin.astimezone(UTC)),) if begin else ()

    def arrived(self, sample: int, n_samples: int, now: datetime | None = None) -> None:
        """``n_samples`` from ``sample`` on have just been heard, after an outage or as the first ones."""
        if not self._fixed:
            heard = (now or datetime.now(UTC)) - timedelta(seconds=n_samples / self._rate)
            self._anchors = (*self._anchors, (sample, heard))[-_MOST_ANCHORS:]

    def follow(self, sample: int, n_samples: int, now: datetime, *, back: bool) -> float:
        """As `arrived`, if the samples were heard at another time than their number says.

        Parameters
        ----------
        sample, n_samples : int
        now : datetime
            When the last of them was heard.
        back : bool
            Also where it is earlier: a recording in a pipe may come faster than it was heard.

        Returns
        -------
        float
            Seconds by which the clock was moved.
        """
        if self._fixed or not self._anchors:
            return 0.0
        off_s = (now - self._moment(sample + n_samples)).total_seconds()
        if not (off_s > _CLOCK_OFF_S or (back and off_s < -_CLOCK_OFF_S)):
            return 0.0
        self.arrived(sample, n_samples, now)
        return off_s

    def time_of(self, sample: int) -> str:
        """As `iso_time` writes it."""
        return iso_time(self._moment(sample).astimezone(self._zone))

    def _moment(self, sample: int) -> datetime:
        anchors = self._anchors
        first, heard = next((a for a in reversed(anchors) if a[0] <= sample), anchors[0])
        return heard + timedelta(milliseconds=round(1000 * (sample - first) / self._rate))


class _Piece(NamedTuple):
    """Frames, how many are missing before them, when the last of them was heard, and whether as they came."""

    frames: np.ndarray | None
    n_missing: int
    heard: datetime
    live: bool


_END = _Piece(None, 0, datetime.min, live=False)


class Feed:
    """Frames on their way from whoever hears them to the classifier; also what stops both.

    Parameters
    ----------
    sample_rate : int, Hz
    say : callable
    channel : int, optional
        Counted from 1; by default all are mixed.
    tape : Tape, optional
        Of the same rate: takes in what is heard, as mono sound, for whoever wants it later.

    Attributes
    ----------
    meter : Meter
        What has been heard so far.
    stopped : threading.Event
        Set it to end as if the input had ended.
    on_sound : callable, optional
        Called as sound is taken out.
    """

    def __init__(
        self, sample_rate: int, say: Say, *, channel: int | None = None, tape: "Tape | None" = None
    ) -> None:
        self.sample_rate, self.channel, self.say, self.tape = sample_rate, channel, say, tape
        self.meter = Meter()
        self.stopped = Flag()
        self.on_sound: Callable[[], None] | None = None
        self.n_lost = 0
        self._n_missing = 0  # of them, those that were lost since the last piece that found room
        self._waiting: Queue[_Piece] = Queue(_MOST_WAITING)

    def put(self, frames: np.ndarray) -> bool:
        """Wait until there is room for shape (n, channels), float32; whether anybody still listens."""
        piece = _Piece(frames, 0, datetime.now(UTC), live=False)
        while not self.stopped.is_set():
            try:
                self._waiting.put(piece, timeout=_POLL_S)
            except Full:
                continue
            return True
        return False

    def offer(self, frames: np.ndarray) -> None:
        """The same where nobody can wait: what finds no room is lost, and that is said."""
        try:
            self._waiting.put_nowait(_Piece(frames, self._n_missing, datetime.now(UTC), live=True))
        except Full:
            if not self.n_lost:
                self.say("this computer is too slow; some sound is lost")
            self.n_lost += len(frames)
            self._n_missing += len(frames)
        else:
            self._n_missing = 0

    def end(self, why: str = "") -> None:
        """There will be no more, because of ``why`` where that is no usual end."""
        if why:
            self.say(why)
        while not self.stopped.is_set():
            try:
                self._waiting.put(_END, timeout=_POLL_S)
            except Full:
                continue
            return

    def blocks(self, sample_rate: int, clock: Clock) -> Iterator[np.ndarray | Pause]:
        """Mono sound at ``sample_rate``, shape (n,), float32, until the end or until it is stopped.

        An outage, and sound that was lost, is a `Pause`. ``clock`` is told when sound arrives that was waited
        for.
        """
        resampler, position = Resampler(self.sample_rate, sample_rate), 0
        for piece, gap_s, late in self._pieces():
            frames = piece.frames
            if gap_s:
                rest, pause = resampler.finish(), Pause(round(gap_s * sample_rate))
                resampler = Resampler(self.sample_rate, sample_rate)
                position += len(rest) + pause.n_samples
                if self.tape is not None:
                    self.tape.go_on_at(position / sample_rate)
                yield rest
                yield pause
            if frames is None:
                continue
            if self.on_sound is not None:
                self.on_sound()
            n_samples = round(len(frames) * sample_rate / self.sample_rate)
            if late:
                clock.arrived(position, n_samples, piece.heard)
            elif abs(off_s := clock.follow(position, n_samples, piece.heard, back=piece.live)) > _CLOCK_SET_S:
                self.say(f"the clock of this computer was set by {off_s:+,.0f} s; times follow it")
            heard = self.meter.mix(frames)
            if self.channel is not None:
                heard = pick_channel(frames, self.channel)[:, 0]
            if self.tape is not None:
                self.tape.push(heard)
            for block in resampler.push(heard):
                position += len(block)
                yield block
        yield resampler.finish()

    def _pieces(self) -> Iterator[tuple["_Piece", float, bool]]:
        """Pieces as they come, the seconds that are missing before them, and whether they were waited for.

        One without frames stands for an outage that goes on. It counts from when the next sound was due: some
        streams come in pieces of ten seconds. And from the last piece: some come slowly.
        """
        due = last = monotonic()
        passed_s, stalled, first = 0.0, False, True
        while not self.stopped.is_set():
            try:
                piece = self._waiting.get(timeout=_POLL_S)
            except Empty:
                if not stalled and monotonic() - max(due, last) > STALL_S:
                    stalled = True
                    self.say(f"no sound for {STALL_S:g} s")
                    if not first:
                        passed_s = STALL_S
                        yield _END, passed_s, False
                continue
            frames = piece.frames
            if frames is None:
                return
            now = monotonic()
            gap_s, length_s = piece.n_missing / self.sample_rate, len(frames) / self.sample_rate
            if stalled:
                self.say(f"sound again after {now - due:.1f} s")
                if not first:
                    gap_s = max(0.0, now - length_s - due - passed_s)
            yield piece, gap_s, first or stalled
            due = now if first or stalled else due + gap_s + length_s
            last, stalled, first = monotonic(), False, False


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
        narrower: "Narrower | None" = None,
        passed: Callable[[float], None] | None = None,
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
        narrower : Narrower, optional
            What narrows the events of this feed.
        passed : callable, optional
            Called with the seconds up to which events have been looked for, again and again, also while there
            are none.
        """
        self._classifier, self._feed, self._question, self._name = classifier, feed, question, name
        self._passed = passed
        self._rate = classifier.spec.sample_rate
        self._clock = Clock(self._rate, begin)
        self._search = event_search(classifier, question)
        self._narrower = narrower
        self._weigher = weigher_of(classifier, question, FieldNotes(begin=begin or datetime.now()))
        blocks = feed.blocks(self._rate, self._clock)
        self.windows: WindowStream = classifier.windows(
            blocks if narrower is None else narrower.heard(blocks),
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

    @property
    def below(self) -> Counter[str]:
        """How many events of each species stayed below its threshold: `EventSearch.below`."""
        names = self._classifier.labels.names
        return Counter({names[label]: n for label, n in self._search.below.items()})

    @property
    def against(self) -> Counter[str]:
        """How often species were clearly heard that the place argues against."""
        names = self._classifier.labels.names
        return Counter({names[k]: n for k, n in (self._weigher.against if self._weigher else {}).items()})

    def _windows(self) -> Generator[Found]:
        way = WAYS[self._question.by]
        yield from way(self.windows, self._classifier, self._question, Counter(), self._weigher)

    def _events(self) -> Generator[Found]:
        """Events as they end. Windows that are not scored let time pass too: a silence may last for hours."""
        search, narrower = self._search, self._narrower
        for first, window in self.windows.every():
            ended = [] if window is None else search.push(weighed(window, self._weigher))
            ended += search.pass_to(first + 1)
            found = [found_event(event, search) for event in ended]
            yield from found if narrower is None else narrower.settled(found, first, search.open_from)
            if self._passed is not None:
                self._passed(first / self._rate)
        found = [found_event(event, search) for event in search.finish()]
        yield from found if narrower is None else narrower.rest(found)

    def _row(self, found: Found) -> Detection:
        labels, first, label = self._classifier.labels, found.first_sample or 0, found.label
        return Detection(
            path=self._name,
            channel=self._feed.channel,
            begin_s=first / self._rate,
            end_s=(first + found.n_samples) / self._rate,
            begin_time=self._clock.time_of(first),
            end_time=self._clock.time_of(first + found.n_samples),
            time_source=self._clock.source,
            low_hz=None if found.band_hz is None else found.band_hz[0],
            high_hz=None if found.band_hz is None else found.band_hz[1],
            site=self._question.site,
            rank=found.rank,
            scientific_name="" if label is None else labels.names[label],
            common_name="" if label is None else labels.common_name(label),
            score=found.score,
            decision=found.decision,
            expected_here="" if self._weigher is None or label is None else self._weigher.expected(label),
            tasks=task_answers(found, self._classifier, self._question) if self._question.tasks else (),
        )
