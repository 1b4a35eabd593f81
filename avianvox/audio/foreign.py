"""Formats that libsndfile doesn't read: AAC, ALAC, WMA and the rest, through ffmpeg or audioread.

ffmpeg, where it is on the PATH, streams floating-point samples through a pipe. Without it audioread is asked
for what the system brings (Core Audio, GStreamer, MAD). Neither is needed for anything libsndfile reads.
"""

import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from avianvox.errors import AudioError
from avianvox.types import Status

_CHUNK_VALUES = 1 << 15


class FfmpegSource:
    """One file, decoded by an ``ffmpeg`` process. Attributes as in `SndfileSource`.

    The pipe carries Sun's AU format: its 24-byte header tells rate and channels, float32 samples follow.
    """

    header_s: float | None = None
    promised = False

    def __init__(self, ffmpeg: str, path: Path, container: str, codec: str) -> None:
        self.container, self.codec, self.damage = container, codec, ""
        self._path = path
        command = [ffmpeg, "-v", "error", "-nostdin", "-i", f"file:{path}"]
        command += ["-map", "0:a:0", "-f", "au", "-c:a", "pcm_f32be", "pipe:1"]
        self._complaints = TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._complaints
        )
        header = self._read(24)
        if len(header) < 24 or header[:4] != b".snd":
            reason = self._finish() or "no sound came out"
            self.close()
            raise AudioError(f"{path}: ffmpeg cannot decode it: {reason}")
        data_at, _size, _encoding, self.sample_rate, self.channels = struct.unpack(">5I", header[4:])
        self._read(data_at - 24)

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.read(size)

    def _finish(self) -> str:
        """Wait for the end; what ffmpeg complained about, in one line."""
        code = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        if lines:
            return lines[-1].removeprefix(f"file:{self._path}: ")
        return f"ffmpeg ended with code {code}" if code else ""

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield shape (n, channels), float32."""
        frame_bytes = 4 * self.channels
        size = max(1, _CHUNK_VALUES // self.channels) * frame_bytes
        while len(data := self._read(size)) >= frame_bytes:
            whole = data[: len(data) - len(data) % frame_bytes]
            yield np.frombuffer(whole, ">f4").astype(np.float32).reshape(-1, self.channels)
        self.damage = self._finish()

    def close(self) -> None:
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._complaints.close()


class AudioreadSource:
    """One file, decoded by whatever audioread finds on this system. Attributes as in `SndfileSource`."""

    promised = False

    def __init__(self, opened: Any, container: str, codec: str) -> None:
        self.container, self.codec, self.damage = container, codec, ""
        self._opened = opened
        self.sample_rate = int(opened.samplerate)
        self.channels = int(opened.channels)
        self.header_s: float | None = opened.duration

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield shape (n, channels), float32."""
        import audioread

        try:
            for block in self._opened:
                samples = np.frombuffer(block, "<i2").astype(np.float32) / np.float32(32768)
                yield samples.reshape(-1, self.channels)
        except audioread.DecodeError as error:
            self.damage = str(error) or "parts of the file are damaged"

    def close(self) -> None:
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
