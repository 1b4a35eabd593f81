"""What stands between a pipe or a microphone and the classifier: the clock, stalls, lost sound."""

import os
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from handmade_model import write_handmade

from avianvox.errors import AvianvoxError, InputError, MissingExtraError
from avianvox.inference import live
from avianvox.inference.answers import Question
from avianvox.inference.classifier import Classifier
from avianvox.inference.live import Clock, Feed, Listening
from avianvox.inference.live_inputs import open_microphone, read_pipe

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
    return np.concatenate(list(feed.blocks(rate, clock))), clock


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
    before, after = (datetime.fromisoformat(clock.time_of(sample)) for sample in (len(piece) - 1, len(piece)))
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
    assert said == ["this computer is too slow: sound is being lost"]
    assert feed.n_lost == 60


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
