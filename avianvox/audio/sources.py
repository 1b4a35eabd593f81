"""An open sound file: which decoder reads it, and what came of opening it.

Content decides, never the extension: libsndfile reads what it can, ffmpeg or audioread the rest.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from avianvox.audio.find import fault_of_folder
from avianvox.audio.headers import (
    FOR_LIBSNDFILE,
    LIKELY_HZ,
    HeaderError,
    read_by_libsndfile,
    read_header,
    recognise,
)
from avianvox.audio.sndfile import SndfileSource
from avianvox.errors import AudioError, AvianvoxError
from avianvox.files import open_regular
from avianvox.types import Status

KINDS = "WAV, FLAC, MP3, Ogg, AIFF, CAF, AU, W64, or what ffmpeg reads"


class Source(Protocol):
    """An open file: what `SndfileSource`, `FfmpegSource` and `AudioreadSource` have in common."""

    container: str
    codec: str
    sample_rate: int
    channels: int
    header_s: float | None
    promised: bool
    damage: str
    remark: str

    def chunks(self) -> Iterator[np.ndarray]: ...

    def close(self) -> None: ...


def open_source(path: Path) -> tuple[Source, BinaryIO]:
    """Open a file by its content. The stream has to be closed after the source.

    Raises
    ------
    AudioError
        Status missing, empty, undecodable or unsupported.
    """
    try:
        stream = open_regular(path)
    except (OSError, ValueError) as error:
        status, reason = fault_of_folder(path) if os.path.isdir(path) else _fault(error)
        raise AudioError(f"{path}: {reason}", status=status) from error
    try:
        with only_audio_errors(path):
            source = _open_stream(path, stream)
        _check_rate(path, source)
    except BaseException:
        stream.close()
        raise
    return source, stream


def _open_stream(path: Path, stream: BinaryIO) -> Source:
    try:
        size = stream.seek(0, 2)
        container, codec = recognise(stream)
    except HeaderError as error:
        raise AudioError(f"{path}: damaged MP3 file: {error}") from error
    except OSError as error:
        raise AudioError(f"{path}: cannot be read: {error.strerror}", status=Status.UNDECODABLE) from error
    if not size:
        raise AudioError(f"{path}: the file is empty (0 bytes)", status=Status.EMPTY)
    if container and container not in FOR_LIBSNDFILE:
        return _open_foreign(path, container, codec)
    try:
        if not container:
            raise HeaderError(f"expected {KINDS}")
        return SndfileSource(stream, size, container)
    except HeaderError as error:
        kind = f"damaged {container} file" if container else "not an audio file"
        raise AudioError(f"{path}: {kind}: {error}") from error
    except soundfile.LibsndfileError as error:
        codec = codec or read_header(stream, container).codec
        if not read_by_libsndfile(container, codec):
            return _open_foreign(path, container, codec)
        raise AudioError(f"{path}: damaged {container} file ({error.error_string.rstrip('.')})") from error


def _open_foreign(path: Path, container: str, codec: str) -> Source:
    from avianvox.audio.foreign import open_foreign  # starts processes: costs 10 ms to import

    return open_foreign(path, container, codec)


def _check_rate(path: Path, source: Source) -> None:
    """Refuse a header that would stretch minutes of work, and gigabytes, out of a few samples."""
    least, most = LIKELY_HZ
    if not least <= source.sample_rate <= most:
        source.close()
        raise AudioError(
            f"{path}: expected a sample rate from {least} to {most:,} Hz, "
            f"its header says {source.sample_rate:,} Hz",
            status=Status.UNSUPPORTED,
        )


@contextmanager
def only_audio_errors(path: Path) -> Iterator[None]:
    """Whatever a decoder stumbles over is the fault of this one file, and the others go on without it."""
    try:
        yield
    except AvianvoxError:
        raise
    except Exception as error:
        raise AudioError(f"{path}: cannot be decoded ({type(error).__name__}: {error})") from error


def _fault(error: OSError | ValueError) -> tuple[Status, str]:
    code = getattr(error, "errno", None)
    if code == errno.ENOENT:
        return Status.MISSING, "no such file"
    if code in (errno.EACCES, errno.EPERM):
        return Status.MISSING, "no permission to read it"
    special = code == errno.EINVAL  # a pipe, a device
    reason = getattr(error, "strerror", None) or str(error)
    return Status.UNDECODABLE if special else Status.MISSING, reason
