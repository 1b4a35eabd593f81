"""From an event to its clip: nothing is forgotten too early, nobody waits long, a failure is said once."""

import threading
from pathlib import Path

import numpy as np
import pytest
from handmade_model import write_handmade
from listen_process import RATE as RATE_OF_TONES
from listen_process import run, tone

from avianvox.audio.cut import Clip
from avianvox.audio.tape import Tape
from avianvox.errors import OutputError
from avianvox.tables.formats import read_table
from avianvox.trigger import trigger as module
from avianvox.trigger.trigger import Around, Trigger
from avianvox.types import Detection

RATE = 100


class Folder:
    """Takes clips as a folder does; fails while ``why`` says so, and waits for ``go``."""

    def __init__(self) -> None:
        self.clips: list[Clip] = []
        self.n_removed = 0
        self.why = ""
        self.go = threading.Event()
        self.go.set()

    def save(self, row: Detection, clip: Clip) -> Path:
        assert self.go.wait(30)
        if self.why:
            raise OutputError(self.why)
        self.clips.append(clip)
        return Path(f"{len(self.clips)}.flac")


class Ran(list[tuple[Detection, Path | None]]):
    """Commands that would be run."""

    def put(self, row: Detection, clip: Path | None) -> None:
        self.append((row, clip))

    def close(self) -> None:
        pass

    def summary(self) -> list[str]:
        return []


def event(begin_s: float, end_s: float) -> Detection:
    return Detection("-", begin_s=begin_s, end_s=end_s, begin_time="then", scientific_name="Parus major")


def seconds(tape: Tape, trigger: Trigger, first: int, last: int) -> None:
    """Hear whole seconds; the samples of second n are n."""
    for n in range(first, last):
        tape.push(np.full(RATE, n, np.float32))
        trigger.passed(n)


def opened(folder: Folder, said: list[str], **options: object) -> tuple[Tape, Trigger, Ran]:
    tape, ran = Tape(RATE), Ran()
    trigger = Trigger(said.append, tape=tape, clips=folder, commands=ran, **options)  # type: ignore[arg-type]
    return tape, trigger, ran


@pytest.mark.parametrize(("length", "after"), [(5, 3), (50, 60), (59, 0), (400, 60)])
def test_a_clip_is_whole_however_long_it_takes(length: int, after: int) -> None:
    folder = Folder()
    tape, trigger, _ = opened(folder, [], around=Around(before_s=4, after_s=after), late_s=10)
    seconds(tape, trigger, 0, 1000 + length + 10)
    trigger.put(event(1000, 1000 + length))  # ten seconds late
    seconds(tape, trigger, 1000 + length + 10, 2000)
    trigger.close()
    (clip,) = folder.clips
    first = 1000 + max(0, length - 60) - 4
    heard = clip.samples[:, 0].reshape(-1, RATE)[:, 0].tolist()
    assert heard == list(range(first, 1000 + length + after))
    assert tape.n_bytes <= 4 * RATE * (60 + 4 + 10 + 2)


def test_the_end_of_the_sound_is_the_end_of_the_clip() -> None:
    folder = Folder()
    tape, trigger, ran = opened(folder, [], around=Around(before_s=60, after_s=60))
    seconds(tape, trigger, 0, 20)
    trigger.put(event(5, 10))
    trigger.close()
    assert len(folder.clips[0].samples) == 20 * RATE
    assert ran == [(event(5, 10), Path("1.flac"))]


def test_a_disk_that_hangs_does_not_hold_listening_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    folder, said = Folder(), []
    folder.go.clear()
    tape, trigger, ran = opened(folder, said, around=Around(before_s=0, after_s=0))
    for n in range(20):
        seconds(tape, trigger, n, n + 1)
        trigger.put(event(n, n + 1))
    seconds(tape, trigger, 20, 21)
    assert said == ["no clip of Parus major at then: the disk is too slow: 4 clips wait"]
    folder.go.set()
    trigger.close()
    assert trigger.n_saved + trigger.n_unsaved == 20 == len(ran)  # commands are run all the same
    assert 4 <= trigger.n_saved <= 6
    assert said[1:] == ["clips are saved again"]


def test_what_fails_is_said_once_and_again_when_it_is_over() -> None:
    folder, said = Folder(), []
    tape, trigger, ran = opened(folder, said, around=Around(before_s=0, after_s=0))
    for n, why in enumerate(["", "full (9 MB free)", "full (8 MB free)", "gone", ""]):
        folder.why = why
        seconds(tape, trigger, n, n + 1)
        trigger.put(event(n, n + 1))
        trigger.passed(n + 1)
        while len(ran) <= n:
            pass
    trigger.close()
    assert said == [
        "no clip of Parus major at then: full (9 MB free)",
        "no clip of Parus major at then: gone",
        "clips are saved again",
    ]
    assert [clip is None for _, clip in ran] == [False, True, True, True, False]
    assert trigger.summary() == ["2 clips saved", "3 events without a clip"]


def test_an_event_that_ends_long_after_its_sound_is_whole(tmp_path: Path) -> None:
    """With --gap, it is known a hundred seconds later."""
    model = write_handmade(tmp_path / "tones.tflite")
    sound = np.concatenate((tone(1000, 30), np.zeros(130 * RATE_OF_TONES, np.float32)))
    clips = tmp_path / "clips"
    run(model, sound.tobytes(), "--gap", "100", "--save-clips", str(clips), "-q")
    (row,) = read_table(clips / "clips.csv")
    assert row.decoded_s == pytest.approx(30 + 3, abs=3)
    assert row.begin_s == 0.0
