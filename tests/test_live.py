"""What stands between a pipe or a microphone and the classifier: the clock, stalls, lost sound."""

import os
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from importlib.machinery import ModuleSpec
from itertools import pairwise
from pathlib import Path
from queue import Empty
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from handmade_model import write_handmade

from avianvox.errors import AvianvoxError, InputError, MissingExtraError
from avianvox.inference import live
from avianvox.inference.answers import Question
from avianvox.inference.classifier import Classifier
from avianvox.inference.events import EventOptions
from avianvox.inference.live import Clock, Feed, Listening
from avianvox.inference.live_inputs import open_microphone, read_pipe
from avianvox.inference.window_stream import Pause

RATE = 8000


def test_a_given_begin_counts_samples_alone() -> None:
    zone = timezone(timedelta(hours=-4))
    clock = Clock(1000, datetime(2024, 2, 28, 23, 59, 59, tzinfo=zone))
    clock.arrived(0, 1000)
    assert clock.time_of(0) == "2024-02-28T23:59:59.000-04:00"
    assert clock.time_of(1500) == "2024-02-29T00:00:00.500-04:00"
    assert clock.time_of(86_400_000 + 1) == "2024-02-29T23:59:59.001-04:00"


def test_the_clock_is_read_again_after_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [datetime(2026, 5, 1, 12, 0, 1, tzinfo=UTC)]
    monkeypatch.setattr(live, "datetime", SimpleNamespace(now=lambda _: now[0]))
    clock = Clock(1000)
    clock.arrived(0, 1000)  # what arrives now began a second ago
    now[0] += timedelta(minutes=10)
    clock.arrived(5000, 500)
    times = [
        datetime.fromisoformat(clock.time_of(sample)).astimezone(UTC) for sample in (0, 4999, 5000, 6500)
    ]
    assert [time.isoformat(timespec="milliseconds")[11:23] for time in times] == [
        "12:00:00.000",
        "12:00:04.999",
        "12:10:00.500",
        "12:10:02.000",
    ]


def take(feed: Feed, rate: int = RATE) -> tuple[np.ndarray, Clock]:
    clock = Clock(rate)
    return np.concatenate([b for b in feed.blocks(rate, clock) if not isinstance(b, Pause)]), clock


def test_the_clock_follows_one_that_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small computer without a battery learns the time some minutes after its start."""
    now = [datetime(2020, 1, 1, tzinfo=UTC)]
    monkeypatch.setattr(live, "datetime", SimpleNamespace(now=lambda _: now[0]))
    said: list[str] = []
    feed, clock = Feed(RATE, said.append), Clock(RATE)
    blocks = feed.blocks(RATE, clock)
    second, told = np.ones((RATE, 1), np.float32), []
    for step_s in (1, 1, 1 + 6.3e7, 1, 1 - 3600, 1):
        now[0] += timedelta(seconds=step_s)
        feed.offer(second)
        next(blocks)
        told.append(datetime.fromisoformat(clock.time_of(RATE * len(told))))
    steps = [(after - before).total_seconds() for before, after in pairwise(told)]
    assert steps == [1, 1 + 6.3e7, 1, 1 - 3600, 1]
    assert said == [
        "the clock of this computer was set by +63,000,000 s; times follow it",
        "the clock of this computer was set by -3,600 s; times follow it",
    ]


def test_a_sound_card_that_drifts_stays_near_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [datetime(2026, 5, 1, tzinfo=UTC)]
    monkeypatch.setattr(live, "datetime", SimpleNamespace(now=lambda _: now[0]))
    feed, clock = Feed(RATE, pytest.fail), Clock(RATE)
    blocks = feed.blocks(RATE, clock)
    for n in range(2000):
        now[0] += timedelta(seconds=1.01)
        feed.offer(np.ones((RATE, 1), np.float32))
        next(blocks)
        late_s = (now[0] - datetime.fromisoformat(clock.time_of(RATE * (n + 1)))).total_seconds()
        assert -0.01 <= late_s <= 2.02


def test_a_recording_in_a_pipe_may_come_faster_than_it_was_heard() -> None:
    feed, clock = Feed(RATE, pytest.fail), Clock(RATE)
    for _ in range(50):
        feed.put(np.ones((RATE, 1), np.float32))
    feed.end()
    list(feed.blocks(RATE, clock))
    first, last = (datetime.fromisoformat(clock.time_of(sample)) for sample in (0, 50 * RATE))
    assert (last - first).total_seconds() == 50


def test_a_stall_is_said_once_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STALL_S", 0.2)
    said: list[str] = []
    feed = Feed(RATE, said.append)
    piece = np.ones((RATE // 10, 1), np.float32)
    feed.put(piece)
    threading.Timer(0.7, lambda: (feed.put(piece), feed.end())).start()
    samples, clock = take(feed)
    assert len(samples) == 2 * len(piece)
    assert said[0] == "no sound for 0.2 s"
    assert said[1].startswith("sound again after ")
    assert len(said) == 2
    before, after = (datetime.fromisoformat(clock.time_of(sample)) for sample in (len(piece) - 1, RATE))
    assert 0.5 < (after - before).total_seconds() < 20  # a busy machine is late


def test_sound_that_comes_in_large_pieces_is_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STALL_S", 0.2)
    said: list[str] = []
    feed = Feed(RATE, said.append)
    burst = np.ones((RATE // 10, 1), np.float32)
    for _ in range(10):
        feed.put(burst)
    threading.Timer(0.7, feed.end).start()
    assert len(take(feed)[0]) == RATE
    assert said == []


def test_stopping_needs_no_sound() -> None:
    feed = Feed(RATE, print)
    threading.Timer(0.2, feed.stopped.set).start()
    assert not np.concatenate(list(feed.blocks(RATE, Clock(RATE)))).size
    assert not feed.put(np.ones((10, 1), np.float32))


def test_sound_that_nobody_takes_is_lost_and_said_once() -> None:
    said: list[str] = []
    feed = Feed(RATE, said.append)
    for _ in range(70):
        feed.offer(np.ones((10, 1), np.float32))
    assert said == ["this computer is too slow; some sound is lost"]
    assert feed.n_lost == 60
    blocks = iter(feed.blocks(RATE, Clock(RATE)))
    next(blocks), next(blocks)  # there is room for two again
    feed.offer(np.ones((10, 1), np.float32))
    feed.end()
    assert [b for b in blocks if isinstance(b, Pause)] == [Pause(60)]  # where they are missing


class Script:
    """A feed's queue: pieces of sound, and seconds in which nothing comes, by a clock of its own."""

    def __init__(self, *steps: np.ndarray | float) -> None:
        self.now = 0.0
        self._steps = [*steps, None]

    def get(self, timeout: float) -> live._Piece:
        step = self._steps.pop(0)
        if not isinstance(step, float):
            self.now += 0 if step is None else len(step) / RATE_OF_MODEL
            return live._Piece(step, 0, datetime.now(UTC), live=False)
        self.now += timeout
        if step > timeout:
            self._steps.insert(0, step - timeout)
        raise Empty


RATE_OF_MODEL = 22050
SONG = [piece[:, np.newaxis] for piece in np.split(np.tile(np.sin(np.arange(11025)), 18).astype("f4"), 18)]


def events_of(
    script: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **options: Any
) -> list[tuple[float, float, str]]:
    monkeypatch.setattr(live, "monotonic", lambda: script.now)
    feed = Feed(RATE_OF_MODEL, lambda text: None)
    monkeypatch.setattr(feed, "_waiting", script)
    classifier = Classifier.load(write_handmade(tmp_path / "tones.tflite"))
    question = Question(by="event", events=EventOptions(**options))
    begin = datetime(2026, 5, 1, tzinfo=UTC)
    rows = list(Listening(classifier, feed, question, begin=begin))
    return [(round(row.begin_s or 0), round(row.end_s or 0), row.begin_time[11:19]) for row in rows]


def test_an_outage_is_a_pause(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """9 s of song, 60 s without data, 9 s of song."""
    found = events_of(Script(*SONG, 60.0, *SONG), monkeypatch, tmp_path)
    assert found == [(0, 9, "00:00:00"), (69, 78, "00:01:09")]
    for gap_s, n in ((59.0, 2), (61.0, 1)):
        assert len(events_of(Script(*SONG, 60.0, *SONG), monkeypatch, tmp_path, gap_s=gap_s)) == n


def test_sound_that_comes_slowly_is_no_outage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = [step for piece in SONG for step in (piece, 1.0)]  # three times slower than it was made
    assert events_of(Script(*slow), monkeypatch, tmp_path) == [(0, 9, "00:00:00")]


def test_an_event_ends_with_the_sound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(live, "STALL_S", 0.2)
    feed = Feed(RATE_OF_MODEL, lambda text: None)
    feed.put(np.concatenate(SONG))
    rows = iter(Listening(Classifier.load(write_handmade(tmp_path / "t.tflite")), feed, Question(by="event")))
    assert next(rows).end_s == pytest.approx(9.0)  # the feed is open, and nothing more comes
    rows.close()


def test_a_pipe_that_splits_samples_gives_the_same(rng: np.random.Generator) -> None:
    frames = rng.integers(-32768, 32768, (5000, 3)).astype("<i2")
    reading, writing = os.pipe()
    feed = Feed(RATE, print, channel=2)
    read_pipe(reading, feed, channels=3, sample_format="s16le")
    data = frames.tobytes()
    for start in range(0, len(data), 1001):
        os.write(writing, data[start : start + 1001])
    os.close(writing)
    samples, _ = take(feed)
    os.close(reading)
    np.testing.assert_array_equal(samples, frames[:, 1].astype(np.float32) / 32768)


class FakeStream:
    """What sounddevice's InputStream does: it calls back until it ends."""

    def __init__(self, *, samplerate: int, channels: int, **options: Any) -> None:
        if samplerate == 1000:
            raise ValueError("Invalid sample rate")
        self._callback, self._ended = options["callback"], options["finished_callback"]
        self._channels = channels

    def __enter__(self) -> None:
        frames = np.ones((10, self._channels), np.float32)
        self._callback(frames, 10, None, "")
        self._callback(frames, 10, None, "input overflow")
        frames[:] = 7  # the buffer is used again
        self._ended()

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package sounddevice with one microphone."""

    def query(device: object = "all", kind: str = "") -> Any:
        if device == "all":
            return [{"name": "Field mic", "max_input_channels": 1}, {"name": "Horn", "max_input_channels": 0}]
        if device not in (None, 0, "mic"):
            raise ValueError(f"No input device matching {device!r}")
        return {"name": "Field mic"}

    module = SimpleNamespace(
        InputStream=FakeStream,
        query_devices=query,
        PortAudioError=OSError,
        __spec__=ModuleSpec("sounddevice", None),
    )
    monkeypatch.setitem(sys.modules, "sounddevice", module)


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("device", [None, "0", "mic"])
def test_a_microphone(device: str | None) -> None:
    said: list[str] = []
    feed = Feed(RATE, said.append)
    with open_microphone(device, feed, channels=2) as name:
        samples, _ = take(feed)
    assert (name, samples.tolist()) == ("Field mic", [1.0] * 20)
    assert said == ["the sound card reports: input overflow"]


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize(("device", "rate"), [("Kitchen", RATE), (None, 1000)])
def test_a_microphone_that_is_not_there(device: str | None, rate: int) -> None:
    with (
        pytest.raises(InputError, match=r"inputs here: Field mic$"),
        open_microphone(device, Feed(rate, print)),
    ):
        pass


def test_a_missing_package_or_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avianvox.errors.find_spec", lambda _: None)
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'avianvox\[live\]'"),
        open_microphone(None, Feed(RATE, print)),
    ):
        pass
    monkeypatch.setattr("avianvox.errors.find_spec", lambda name: name)

    def refuse(name: str, *_: object) -> None:
        raise OSError("PortAudio library not found")

    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.setattr("builtins.__import__", refuse)
    with pytest.raises(AvianvoxError, match="PortAudio"), open_microphone(None, Feed(RATE, print)):
        pass


def test_who_stops_asking_for_rows_ends_the_feed(tmp_path: Path) -> None:
    classifier = Classifier.load(write_handmade(tmp_path / "tones.tflite"))
    rate = classifier.spec.sample_rate
    feed = Feed(rate, print)
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(10 * rate) / rate)
    feed.put(tone.astype(np.float32)[:, np.newaxis])
    rows = iter(Listening(classifier, feed, Question(by="window"), name="garden"))
    first = next(rows)  # there is more to come, and the feed is open
    assert (first.path, first.scientific_name, first.rank, first.begin_s) == (
        "garden",
        "Columba bassa",
        1,
        0.0,
    )
    rows.close()
    assert feed.stopped.is_set()
