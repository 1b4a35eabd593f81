"""Whatever libsndfile reads: WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF and more.

Two habits of libsndfile with MP3 are worked around here, both of them seen in real recordings:

- soundfile seeks to where it already is after each read of a seekable file. For MP3 that loses the decoder's
  state, and the samples depend on the block size. The file is therefore read as one that cannot seek.
- An MP3 without a frame count gets a length guessed from its size, and nothing is read beyond it: up to half
  of a recording goes missing. Such a file is made to look longer than it is; decoding ends where it ends.
"""

from collections.abc import Iterator
from io import UnsupportedOperation
from typing import BinaryIO

import numpy as np
import soundfile

from avianvox.audio.chatter import silence_decoders
from avianvox.audio.headers import mp3_counts_frames, read_header
from avianvox.audio.mp3 import ends_within_frame

_CHUNK_VALUES = 1 << 16  # samples over all channels in a read
_STRETCH = 16  # MP3 bit rates lie between 8 and 320 kbit/s, but a guess is never that wrong
_MOST_DAMAGES = 10_000
_TAIL_BYTES = 4096  # of a file that may stay unread: a last frame, tags
_TAGS = (b"TAG", b"APE", b"ID3", b"LYR", b"\0\0\0")


class _OneWay(soundfile.SoundFile):
    """A sound file that is read from front to back."""

    def seekable(self) -> bool:
        return False


class _Bytes:
    """A file for libsndfile; with ``stretch`` above 1 it claims to be longer than it is."""

    def __init__(self, stream: BinaryIO, size: int, stretch: int) -> None:
        self._stream = stream
        self._claimed = size * stretch
        self._beyond: int | None = None
        self.error = ""

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            at = self._stream.seek(offset, whence)
        except (OSError, ValueError):  # damage can lead before the beginning; libsndfile asks where it got
            return self.tell()
        self._beyond = self._claimed + offset if whence == 2 else None
        return at if self._beyond is None else self._beyond

    def tell(self) -> int:
        return self._stream.tell() if self._beyond is None else self._beyond

    def readinto(self, buffer: memoryview) -> int:
        self._beyond = None
        try:
            return self._stream.readinto(buffer)  # type: ignore[attr-defined]
        except OSError as error:
            self.error = error.strerror or str(error)
            return 0

    def read(self, size: int) -> bytes:
        return self._stream.read(size)

    def write(self, data: bytes) -> int:  # soundfile wants it there and never calls it
        raise UnsupportedOperation(f"{len(data)} bytes for a file that is open for reading")


def read_texts(stream: BinaryIO) -> dict[str, str]:
    """The texts beside the sound, such as title, artist and comment; none of a file that cannot be opened."""
    size = stream.seek(0, 2)
    stream.seek(0)
    try:
        with silence_decoders(), _OneWay(_Bytes(stream, size, stretch=1)) as file:
            return dict(file.copy_metadata())
    except (soundfile.SoundFileError, ValueError):  # damaged, or text that is none
        return {}


class SndfileSource:
    """One open file, read with libsndfile.

    Attributes
    ----------
    container, codec : str
        In libsndfile's words, for example ``"MP3"`` and ``"MPEG_LAYER_III"``.
    sample_rate, channels : int
    header_s : float or None
        Length by the header; for an MP3 without a frame count a guess from its size.
    promised : bool
        Whether ``header_s`` is a promise, not a guess.
    damage : str
        What was wrong, once it was met.
    remark : str
        What is to be said about a file that is not damaged.
    """

    def __init__(self, stream: BinaryIO, size: int, container: str) -> None:
        """Raises ``soundfile.LibsndfileError`` for content that libsndfile does not read."""
        frames = read_header(stream, container).frames
        counted = mp3_counts_frames(stream)
        self._stream, self._size = stream, size
        self._open(stretch=1)
        uncounted = self._file.subtype.startswith("MPEG_") and frames is None and not counted
        stretch = _STRETCH if uncounted and self._file.format == "MP3" else 1
        if stretch > 1:
            self.close()
            self._open(stretch)
        self.container: str = self._file.format
        self.codec: str = self._file.subtype
        self.sample_rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.promised = not uncounted
        self.damage = self.remark = ""
        if frames is None:
            frames = self._file.frames // stretch
        unknown = frames >= 1 << 62
        self.header_s = None if unknown else frames / self.sample_rate

    def _open(self, stretch: int) -> None:
        self._stream.seek(0)
        self._bytes = _Bytes(self._stream, self._size, stretch)
        with silence_decoders():
            self._file = _OneWay(self._bytes)

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield shape (n, channels), float32, in a buffer that is used again; go on behind damaged places."""
        buffer = np.empty((max(1, _CHUNK_VALUES // self.channels), self.channels), np.float32)
        damages = 0
        while damages < _MOST_DAMAGES:
            before = self._stream.tell()
            buffer.fill(np.nan)  # an error hides how much was decoded before it
            try:
                with silence_decoders():
                    frames = self._file.read(out=buffer)
            except soundfile.LibsndfileError:
                damages += 1
                decoded = np.flatnonzero(~np.isnan(buffer[:, 0]))
                if len(decoded):
                    yield buffer[: decoded[-1] + 1]
                elif self._stream.tell() == before:
                    break  # no way forward
                continue
            if not len(frames):
                break
            yield frames
        if damages:
            self.damage = "parts of the file are damaged"
        elif self._bytes.error:
            self.damage = f"reading stopped: {self._bytes.error}"
        elif self.container == "MP3":
            left = self._size - self._stream.tell()
            if left > _TAIL_BYTES and self._stream.read(3) not in _TAGS:
                self.damage = f"the decoder gave up {left:,} bytes before the end"
            elif not self.promised and ends_within_frame(self._stream, self._size):
                self.damage = "the file ends within a frame"

    def close(self) -> None:
        with silence_decoders():
            self._file.close()
