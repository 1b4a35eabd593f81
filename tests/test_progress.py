"""Bars that move while one long recording is read, in this process and in its workers."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from terminal import on_a_terminal

from avianvox.audio.decode import open_audio
from avianvox.cli.common import MovingBar
from avianvox.workers import Workplace, heard, open_executor
from avianvox.workers.heard import Reading

RATE = 8000


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.wav"
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(60):
            file.write(0.1 * rng.standard_normal(10 * RATE))
    return path


def test_what_is_read_of_an_open_recording_is_counted_until_it_is_closed(long_recording: Path) -> None:
    seconds, shares = heard.heard()
    seen = []
    with open_audio(long_recording, sample_rate=RATE, block_s=60.0) as stream:
        for _ in stream:
            now = heard.heard()
            seen.append((now[0] - seconds, now[1] - shares))
    read, share = zip(*seen, strict=True)
    assert list(read) == sorted(read)
    assert read[0] >= 60.0
    assert read[-1] == pytest.approx(600.0)
    assert share == pytest.approx([s / 600.0 for s in read])
    assert heard.heard() == pytest.approx((seconds + 600.0, shares))


def test_a_recording_of_unknown_length_counts_by_seconds_alone() -> None:
    seconds, shares = heard.heard()
    reading = Reading(None)
    reading.add(5.0)
    assert heard.heard() == pytest.approx((seconds + 5.0, shares))
    longer = Reading(2.0)  # its header promises less than there is
    longer.add(8.0)
    assert heard.heard() == pytest.approx((seconds + 13.0, shares + 1.0))
    longer.end()
    longer.end()
    assert heard.heard() == pytest.approx((seconds + 13.0, shares))


def read_half(path: Path) -> None:
    """In a worker: stop in the middle of a recording, and leave it open."""
    stream = open_audio(path, sample_rate=RATE, block_s=300.0)
    next(iter(stream))
    globals().setdefault("kept", []).append(stream)


def test_what_workers_read_is_seen_here(long_recording: Path) -> None:
    seconds, shares = heard.heard()
    with open_executor(Workplace(2)) as executor:
        for wait in [executor.begin(read_half, long_recording) for _ in range(2)]:
            wait()
        now = heard.heard()
    assert now[0] - seconds >= 600.0
    assert 0.99 <= now[1] - shares <= 1.5


class FakeBars:
    """Remembers where a bar stood."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def update(self, task: object, *, completed: float, total: float | None, description: str | None) -> None:
        self.at.append(completed)


def test_the_bar_stands_between_recordings_and_never_beyond_the_last() -> None:
    bars = FakeBars()
    bar = MovingBar(bars, 0)  # type: ignore[arg-type]
    bar.report(1, 2)
    reading = Reading(10.0)
    reading.add(4.0)
    bar.move()
    assert bars.at == pytest.approx([1.0, 1.4])
    reading.end()  # closed, but not yet counted
    bar.move()
    bar.report(2, 2)
    assert bars.at[2:] == pytest.approx([1.4, 2.0])
    Reading(10.0).add(5.0)
    bar.move()
    assert bars.at[-1] == 2.0


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "forkpty"), reason="no terminals here")
@pytest.mark.parametrize(
    "command",
    [
        lambda path, out: ["classify", str(path), "--output", str(out / "a.csv")],
        lambda path, out: ["features", "build", str(path.parent), "--out", str(out / "store"), "--jobs", "2"],
    ],
)
def test_one_long_recording_moves_the_bar(command: Callable[[Path, Path], list[str]], tmp_path: Path) -> None:
    folder = tmp_path / "species" / "Parus major"
    folder.mkdir(parents=True)
    sound = (0.1 * np.random.default_rng(0).standard_normal(1800 * 22050)).astype(np.float32)
    soundfile.write(folder / "long.wav", sound, 22050, "PCM_16")
    path = folder / "long.wav"
    if command(path, tmp_path)[0] == "features":
        path = folder
    begin = time.monotonic()
    seen = on_a_terminal(command(path, tmp_path), columns=100)
    text = seen.output
    assert seen.code == 0, text
    percents = {int(found) for found in re.findall(r"(\d+)%", text)} - {0, 100}
    assert percents, f"the bar did not move in {time.monotonic() - begin:.1f} s: {text[-500:]}"
