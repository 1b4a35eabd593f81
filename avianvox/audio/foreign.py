"""Formats that libsndfile doesn't read: AAC, ALAC, WMA and the rest, through ffmpeg or audioread.

ffmpeg, where it is on the PATH, streams floating-point samples through a pipe. Without it audioread is asked
for what the system brings (Core Audio, GStreamer, MAD). Neither is needed for anything libsndfile reads.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from threading import Lock
from typing import Any

import numpy as np

from avianvox.errors import AudioError
from avianvox.types import Status

_CHUNK_VALUES = 1 << 15
_COMPLAINT = re.compile(r"^.*\[(?:error|fatal|panic)\] ")
_MOST_PRINTED = 1 << 16
_APART: dict[str, Any] = {"start_new_session": True}
if sys.platform == "win32":
    _APART = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
"""A Ctrl-C is for us: ffmpeg would end as if the file did."""

_SHORT_S = 0.25  # less than announced: more than codecs' padding


class FfmpegSource:
    """One file, decoded by an ``ffmpeg`` process. Attributes as in `SndfileSource`.

    The pipe carries Sun's AU format: its 24-byte header tells rate and channels, float32 samples follow.
    ``header_s`` is what ffmpeg prints as the duration. That may be the length of a film and is no promise,
    but where less comes out and ffmpeg complained, the file is damaged; its exit code is 0 even then.
    """

    promised = False

    def __init__(self, ffmpeg: str, path: Path, container: str, codec: str) -> None:
        self.container, self.codec = container, codec
        self.damage = self.remark = ""
        self._path = path
        command = [ffmpeg, "-v", "level+info", "-nostats", "-nostdin", "-i", f"file:{path}"]
        command += ["-map", "0:a:0", "-f", "au", "-c:a", "pcm_f32be", "pipe:1"]
        written, self._file = mkstemp(prefix="avianvox-")
        try:
            self._complaints = open(self._file, "rb")  # noqa: SIM115 - ffmpeg's own place in it is not to move
            _remove(self._file)
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=written, **_APART
            )
        finally:
            os.close(written)
        self._n_frames = 0
        self.header_s: float | None = None
        try:
            self._read_head(path)
        except BaseException:
            self.close()
            raise

    def _read_head(self, path: Path) -> None:
        header = self._read(24)
        if len(header) < 24 or header[:4] != b".snd":
            self._finish()
            reason = self.damage or self.remark or "no sound came out"
            raise AudioError(f"{path}: ffmpeg cannot decode it: {reason}")
        data_at, _size, _encoding, self.sample_rate, self.channels = struct.unpack(">5I", header[4:])
        self._read(data_at - 24)
        self.header_s = self._duration_s()

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        piece: bytes = self._process.stdout.read(size)
        return piece

    def _printed(self) -> str:
        """Its first and its last words; a damaged file may bring millions."""
        size = self._complaints.seek(0, 2)
        self._complaints.seek(0)
        printed = self._complaints.read(_MOST_PRINTED)
        if size > _MOST_PRINTED:
            self._complaints.seek(max(_MOST_PRINTED, size - _MOST_PRINTED))
            printed += self._complaints.read(_MOST_PRINTED)
        return printed.decode(errors="replace")

    def _duration_s(self) -> float | None:
        printed = self._printed()
        found = re.search(r"^(?:\[info\])?\s*Duration: (\d+):(\d+):(\d+\.\d+)", printed, re.MULTILINE)
        if found is None or "Estimating duration from bitrate" in printed:
            return None
        hours, minutes, seconds = map(float, found.groups())
        return hours * 3600 + minutes * 60 + seconds

    def _finish(self) -> None:
        """Wait for the end and see what ffmpeg complained about."""
        code = self._process.wait()
        complaints = [line for line in self._printed().splitlines() if _COMPLAINT.search(line)]
        words = _COMPLAINT.sub("", complaints[-1]).removeprefix(f"file:{self._path}: ") if complaints else ""
        if code:
            self.damage = words or f"ffmpeg ended with code {code}"
        elif words and self.header_s and self.header_s - self._n_frames / self.sample_rate >= _SHORT_S:
            self.damage = f"{self.header_s:.1f} s were announced; ffmpeg says: {words}"
        elif words:
            self.remark = f"ffmpeg says: {words}"

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield shape (n, channels), float32."""
        frame_bytes = 4 * self.channels
        size = max(1, _CHUNK_VALUES // self.channels) * frame_bytes
        while len(data := self._read(size)) >= frame_bytes:
            whole = data[: len(data) - len(data) % frame_bytes]
            self._n_frames += len(whole) // frame_bytes
            yield np.frombuffer(whole, ">f4").astype(np.float32).reshape(-1, self.channels)
        self._finish()

    def close(self) -> None:
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._complaints.close()
        _remove(self._file)


def _remove(file: str) -> None:
    """At once where a file may go while it is open, as on POSIX; else when it was closed."""
    with suppress(OSError):
        os.unlink(file)


class AudioreadSource:
    """One file, decoded by whatever audioread finds on this system. Attributes as in `SndfileSource`."""

    promised = False

    def __init__(self, opened: Any, container: str, codec: str) -> None:
        self.container, self.codec = container, codec
        self.damage = self.remark = ""
        self._opened = opened
        self._lock, self._closed = Lock(), False  # closing waits for whoever reads
        self.sample_rate = int(opened.samplerate)
        self.channels = int(opened.channels)
        self.header_s: float | None = opened.duration

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield shape (n, channels), float32."""
        import audioread

        try:
            blocks = iter(self._opened)
            while True:
                with self._lock:
                    if self._closed or (block := next(blocks, None)) is None:
                        return
                samples = np.frombuffer(block, "<i2").astype(np.float32) / np.float32(32768)
                yield samples.reshape(-1, self.channels)
        except audioread.DecodeError as error:
            self.damage = str(error) or "parts of the file are damaged"

    def close(self) -> None:
        self._closed = True
        with self._lock:
            self._opened.close()


def open_foreign(path: Path, container: str, codec: str) -> FfmpegSource | AudioreadSource:
    """Open a file of a kind that libsndfile doesn't read.

    Raises
    ------
    AudioError
        Status unsupported when nothing installed here decodes it, undecodable when ffmpeg refuses it.
    """
    if ffmpeg := shutil.which("ffmpeg"):
        return FfmpegSource(ffmpeg, path, container, codec)
    import audioread

    try:
        return AudioreadSource(audioread.audio_open(str(path)), container, codec)
    except (audioread.DecodeError, OSError, EOFError) as error:
        kind = f"{codec} in {container}" if codec and codec != container else container
        raise AudioError(
            f"{path}: nothing installed here decodes {kind}; install ffmpeg, or convert it to FLAC or WAV",
            status=Status.UNSUPPORTED,
        ) from error
