"""Whatever libsndfile reads: WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF and more.

Two habits of libsndfile with MP3 are worked around here, both of them seen in real recordings:

- soundfile seeks to where it already is after each read of a seekable file. For MP3 that loses the decoder's
  state, and the samples depend on the block size. The file is therefore read as one that cannot seek.
- An MP3 without a frame count gets a length guessed from its size, and nothing is read beyond it: up to half
  of a recording goes missing. Such a file is made to look longer than it is; decoding ends where it ends.

libsndfile calls Python for every byte. No exception passes through it: interrupts wait (`deferred_signals`),
and what fails in such a call is kept and raised when libsndfile has returned. A source may be closed by
another thread than the one that reads it: closing waits for libsndfile, and reading fails then.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO, UnsupportedOperation
from threading import Lock
from typing import BinaryIO

import numpy as np
import soundfile

from avianvox.audio.chatter import silence_decoders
from avianvox.audio.headers import HeaderError, mp3_counts_frames, read_header
from avianvox.audio.interrupts import deferred_signals
from avianvox.audio.mp3 import ends_within_frame

_CHUNK_VALUES = 1 << 16  # samples over all channels in a read
_STRETCH = 16  # MP3 bit rates lie between 8 and 320 kbit/s, but a guess is never that wrong
_MOST_DAMAGES = 10_000
_MOST_BARREN = 1000  # damages in a row without a sample between them; of an MP3, 1 MB
_TAIL_BYTES = 4096  # of a file that may stay unread: a last frame, tags
_TAGS = (b"TAG", b"APE", b"ID3", b"LYR", b"\0\0\0")
_HEADER_BYTES, _HEADER_CALLS = 1 << 26, 50_000
"""What may be read until a file is open. A few kilobytes are, or some megabytes where it holds a picture."""


class _OneWay(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is read from front to back."""

    def seekable(self) -> bool:
        return False


class _Bytes:
    """A file for libsndfile; with ``stretch`` above 1 it claims to be longer than it is.

    Nothing is raised out of a call by libsndfile; see `calling`. A header is read within bounds.
    """

    def __init__(self, stream: BinaryIO, size: int, stretch: int = 1) -> None:
        self._stream = stream
        self._claimed = size * stretch
        self._beyond: int | None = None
        self._failure: BaseException | None = None
        self._bytes_left, self._calls_left = _HEADER_BYTES, _HEADER_CALLS
        self.error = ""

    def opened(self) -> None:
        """The header was read: from here on, the sound may be of any length."""
        self._bytes_left = self._calls_left = 1 << 62

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Let libsndfile work on this file in the block.

        Raises
        ------
        HeaderError
            Its header goes on and on.
        BaseException
            What failed in a call by libsndfile; the block ends as if the file ended there.
        """
        with deferred_signals(), silence_decoders():
            try:
                yield
            finally:
                failure, self._failure = self._failure, None
                if failure is not None:
                    raise failure

    def _called(self, call: Callable[..., int], *arguments: object) -> int:
        try:
            if self._failure is None:
                self._count(0)
                return call(*arguments)
        except OSError as error:
            self.error = error.strerror or str(error)
        except BaseException as error:
            self._failure = error
        return 0

    def _count(self, n_bytes: int) -> None:
        self._bytes_left -= n_bytes
        self._calls_left -= 1
        if self._calls_left < 0 or self._bytes_left < 0:
            raise HeaderError("its header leads from one place to the next and never to the sound")

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._called(self._seek, offset, whence)

    def tell(self) -> int:
        return self._called(self._tell)

    def readinto(self, buffer: memoryview) -> int:
        return self._called(self._readinto, buffer)

    def read(self, size: int) -> bytes:  # soundfile wants these two there and never calls them
        raise UnsupportedOperation(f"{size} bytes of a file that is read into buffers")

    def write(self, data: bytes) -> int:
        raise UnsupportedOperation(f"{len(data)} bytes for a file that is open for reading")

    def _seek(self, offset: int, whence: int) -> int:
        try:
            at = self._stream.seek(offset, whence)
        except (OSError, ValueError):  # damage can lead before the beginning; libsndfile asks where it got
            return self._tell()
        self._beyond = self._claimed + offset if whence == 2 else None
        return at if self._beyond is None else self._beyond

    def _tell(self) -> int:
        return self._stream.tell() if self._beyond is None else self._beyond

    def _readinto(self, buffer: memoryview) -> int:
        self._beyond = None
        n_bytes: int = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        self._count(n_bytes)
        return n_bytes


def read_texts(stream: BinaryIO, container: str) -> dict[str, str]:
    """The texts beside the sound, such as title, artist and comment; none of a file that cannot be opened."""
    read = _Bytes(stream, stream.seek(0, 2))
    try:
        read_header(stream, container)  # whether it leads anywhere
        stream.seek(0)
        with read.calling(), _OneWay(read) as file:
            return dict(file.copy_metadata())
    except (soundfile.SoundFileError, ValueError):  # damaged, or text that is none
        return {}


class SeekableSound:
    """Frames from any place of a file in which a seek lands on the very sample.

    Raises ``soundfile.LibsndfileError`` for content that libsndfile does not read.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._bytes = _Bytes(stream, stream.seek(0, 2))
        stream.seek(0)
        with self._bytes.calling():
            self._file = soundfile.SoundFile(self._bytes)
        self._bytes.opened()
        self.n_frames: int = self._file.frames

    def read(self, first: int, last: int) -> np.ndarray:
        """The frames from ``first`` to ``last``, as far as there are any: shape (n, channels), float32."""
        last = min(last, self.n_frames)
        with self._bytes.calling():
            self._file.seek(min(first, last))
            frames: np.ndarray = self._file.read(max(0, last - first), dtype="float32", always_2d=True)
        return frames

    def __enter__(self) -> "SeekableSound":
        return self

    def __exit__(self, *_: object) -> None:
        with self._bytes.calling():
            self._file.close()


def encode_samples(
    samples: np.ndarray, sample_rate: int, *, container: str, codec: str | None = None
) -> bytes:
    """A sound file as bytes; ``container`` and ``codec`` are libsndfile's names.

    It is made in memory: what goes wrong where libsndfile writes, as on a full disk, it doesn't tell.

    Raises
    ------
    soundfile.LibsndfileError
        The container doesn't hold such sound.
    """
    content = BytesIO()
    with deferred_signals(), silence_decoders():
        soundfile.write(content, samples, sample_rate, format=container, subtype=codec)
    return content.getvalue()


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
        self._lock, self._closed = Lock(), False
        self._open(stretch=1)
        uncounted = self._file.subtype.startswith("MPEG_") and frames is None and not counted
        stretch = _STRETCH if uncounted and self._file.format == "MP3" else 1
        if stretch > 1:
            with self._bytes.calling():
                self._file.close()
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
        with self._bytes.calling():
            self._file = _OneWay(self._bytes)
        self._bytes.opened()

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield shape (n, channels), float32, in a buffer that is used again; go on behind damaged places."""
        buffer = np.empty((max(1, _CHUNK_VALUES // self.channels), self.channels), np.float32)
        damages = barren = 0
        while damages < _MOST_DAMAGES:
            before = self._stream.tell()
            buffer.fill(np.nan)  # an error hides how much was decoded before it
            try:
                with self._bytes.calling(), self._lock:
                    if self._closed:
                        raise ValueError("the file was closed while it was read")
                    frames = self._file.read(out=buffer)
            except soundfile.LibsndfileError:
                damages, barren = damages + 1, barren + 1
                decoded = np.flatnonzero(~np.isnan(buffer[:, 0]))
                if len(decoded):
                    barren = 0
                    yield buffer[: decoded[-1] + 1]
                elif self._stream.tell() == before or barren == _MOST_BARREN:
                    break  # no way forward
                continue
            if not len(frames):
                break
            barren = 0
            yield frames
        if damages:
            self.damage = "parts of the file are damaged"
        elif self._bytes.error:
            self.damage = f"reading stopped: {self._bytes.error}"
        elif self.container == "MP3":
            left = self._size - self._stream.tell()
            if left > _TAIL_BYTES and self._stream.read(3) not in _TAGS:
                self.damage = f"decoding stopped {left:,} bytes before the end"
            elif not self.promised and ends_within_frame(self._stream, self._size):
                self.damage = "the file ends within a frame"

    def close(self) -> None:
        """Let go of the file, once libsndfile has returned to whoever reads it."""
        self._closed = True
        with self._bytes.calling(), self._lock:
            self._file.close()
