"""An interrupt inside a call by libsndfile ends the reading, and is never taken for the end of a file."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import soundfile

from avianvox.audio.cut import cut
from avianvox.audio.decode import count_channels, open_audio
from avianvox.audio.excerpt import Excerpt
from avianvox.audio.interrupts import deferred_signals
from avianvox.audio.probe import probe
from avianvox.audio.sndfile import SndfileSource
from avianvox.audio.tags import read_tags

RATE = 22050


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    noise = np.random.default_rng(0).standard_normal((2 * RATE, 2)) * 0.1
    for name in ("a.wav", "a.flac", "a.mp3", "a.ogg"):
        soundfile.write(folder / name, noise, RATE)
    data = bytearray((folder / "a.mp3").read_bytes())  # one without a frame count, which is opened twice
    at = max(data.find(b"Xing"), data.find(b"Info"))
    data[at : at + 4] = b"    "
    (folder / "uncounted.mp3").write_bytes(data)
    return folder


def blocks(path: Path) -> None:
    with open_audio(path, sample_rate=RATE) as audio:
        for _ in audio:
            pass


def part(path: Path) -> None:
    with Excerpt(path, sample_rate=RATE, first=RATE // 2, last=RATE) as audio:
        for _ in audio:
            pass


READERS: dict[str, Callable[[Path], object]] = {
    "probe": probe,
    "header": lambda path: probe(path, decode=False),
    "channels": count_channels,
    "tags": read_tags,
    "blocks": blocks,
    "part": part,
    "cut": lambda path: list(cut(path, [(0.5, 1.0)])),
}


class Disturbed(BytesIO):
    """A file in which something happens at the ``n``-th call."""

    def __init__(self, content: bytes, n: int, disturb: Callable[[], None]) -> None:
        super().__init__(content)
        self.n, self.disturb = n, disturb

    def _call(self) -> None:
        self.n -= 1
        if self.n == 0:
            self.disturb()

    def readinto(self, buffer: Any) -> int:
        self._call()
        return super().readinto(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._call()
        return super().seek(offset, whence)

    def tell(self) -> int:
        self._call()
        return super().tell()


def interrupt() -> None:
    raise KeyboardInterrupt


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("disturb", [interrupt, ctrl_c])
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.ogg", "uncounted.mp3"])
def test_an_interrupt_at_any_call_comes_out(
    folder: Path, name: str, reader: str, disturb: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / name
    content = path.read_bytes()

    def play(n: int) -> Disturbed:
        stream = Disturbed(content, n, disturb)
        for room in ("sources", "tags"):
            monkeypatch.setattr(f"avianvox.audio.{room}.open_regular", lambda _path: stream)
        return stream

    quiet = play(0)
    READERS[reader](path)
    n_calls = -quiet.n
    assert n_calls > 0
    for n in sorted({*range(1, min(n_calls, 60)), *range(1, n_calls, 1 + n_calls // 40), n_calls}):
        play(n)
        with pytest.raises(KeyboardInterrupt):
            READERS[reader](path)


@pytest.mark.parametrize("function", ["vio_read", "vio_seek", "vio_tell", "vio_get_filelen"])
def test_an_interrupt_before_our_part_of_a_call_comes_out(folder: Path, function: str) -> None:
    """Between libsndfile and this package stand some lines of soundfile, in which nothing can be caught."""

    def follow(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name == function:
            sys.setprofile(None)
            ctrl_c()

    sys.setprofile(follow)
    try:
        with pytest.raises(KeyboardInterrupt):
            probe(folder / "a.wav")
    finally:
        sys.setprofile(None)


def test_signals_wait_for_the_end_of_the_block() -> None:
    came: list[str] = []
    former = signal.signal(signal.SIGTERM, lambda *_: came.append("term"))
    before = signal.getsignal(signal.SIGINT)

    def block(number: int) -> None:
        with deferred_signals(), deferred_signals():
            signal.raise_signal(number)
            came.append("block")

    try:
        block(signal.SIGTERM)
        assert came == ["block", "term"]
        with pytest.raises(KeyboardInterrupt):
            block(signal.SIGINT)
        assert came == ["block", "term", "block"]
        assert signal.getsignal(signal.SIGINT) is before
        signal.raise_signal(signal.SIGTERM)
        assert came[-1] == "term"
    finally:
        signal.signal(signal.SIGTERM, former)


def test_an_error_that_libsndfile_would_swallow_comes_out(folder: Path) -> None:
    def fail() -> None:
        raise MemoryError("no room")

    content = (folder / "a.wav").read_bytes()
    stream = Disturbed(content, 0, fail)
    source = SndfileSource(stream, len(content), "WAV")
    stream.n = 2
    with pytest.raises(MemoryError):
        list(source.chunks())
    source.close()


def test_closing_waits_for_the_thread_that_reads(folder: Path) -> None:
    """Where it did not, the thread found itself in memory that was gone: SIGFPE, now and then."""
    content = (folder / "a.ogg").read_bytes()
    inside, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def wait() -> None:
        inside.set()
        go_on.wait(30)

    stream = Disturbed(content, 0, wait)
    source = SndfileSource(stream, len(content), "OGG")
    stream.n = 2  # the first call is not libsndfile's
    raised: list[BaseException] = []

    def read() -> None:
        try:
            for _ in source.chunks():
                pass
        except BaseException as error:
            raised.append(error)

    def close() -> None:
        source.close()
        closed.set()

    reading, closing = threading.Thread(target=read), threading.Thread(target=close)
    reading.start()
    assert inside.wait(30)
    closing.start()
    assert not closed.wait(0.3)
    go_on.set()
    assert closed.wait(30)
    reading.join(30)
    closing.join(30)
    assert [type(error) for error in raised] == [ValueError]  # and not a word from freed memory


ENDING = """
import atexit, threading, time
atexit.register(lambda: print(threading.active_count()))  # the last to run
import numpy as np
from avianvox.inference.readahead import read_ahead
def blocks():
    for n in range(1000):
        time.sleep(0.01)
        yield np.zeros(n)
kept = read_ahead(blocks(), depth=1000)
next(kept)
"""


def test_threads_end_before_the_interpreter_does() -> None:
    done = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
