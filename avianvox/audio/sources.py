"""An open sound file: which decoder reads it, and what came of opening it.

Content decides, never the extension: libsndfile reads what it can, ffmpeg or audioread the rest.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import soundfile

from avianvox.audio.headers import read_by_libsndfile, read_header, recognise
from avianvox.audio.sndfile import SndfileSource
from avianvox.errors import AudioError, AvianvoxError
from avianvox.types import Status


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
        kind = stat.S_IFMT(os.stat(path).st_mode)
        if kind not in (stat.S_IFREG, stat.S_IFDIR):  # to open a pipe would wait for whoever writes into it
            raise AudioError(f"{path}: not a regular file", status=Status.UNDECODABLE)
        stream = open(path, "rb")  # noqa: SIM115
    except AudioError:
        raise
    except (OSError, ValueError) as error:
        raise AudioError(f"{path}: {_missing_reason(error)}", status=Status.MISSING) from error
    try:
        with only_audio_errors(path):
            return _open_stream(path, stream), stream
    except BaseException:
        stream.close()
        raise


def _open_stream(path: Path, stream: BinaryIO) -> Source:
    try:
        size = stream.seek(0, 2)
        container, codec = recognise(stream)
    except OSError as error:
        raise AudioError(f"{path}: cannot be read: {error.strerror}", status=Status.UNDECODABLE) from error
    if not size:
        raise AudioError(f"{path}: the file is empty (0 bytes)", status=Status.EMPTY)
    try:
        return SndfileSource(stream, size, container)
    except soundfile.LibsndfileError as error:
        codec = codec or read_header(stream, container).codec
        if container and not read_by_libsndfile(container, codec):
            from avianvox.audio.foreign import open_foreign  # starts processes: costs 10 ms to import

            return open_foreign(path, container, codec)
        kind = f"damaged {container} file" if container else "not an audio file"
        raise AudioError(f"{path}: {kind} ({error.error_string.rstrip('.')})") from error


@contextmanager
def only_audio_errors(path: Path) -> Iterator[None]:
    """Whatever a decoder stumbles over is the fault of this one file, and the others go on without it."""
    try:
        yield
    except AvianvoxError:
        raise
    except Exception as error:
        raise AudioError(f"{path}: cannot be decoded ({type(error).__name__}: {error})") from error


def _missing_reason(error: OSError | ValueError) -> str:
    code = getattr(error, "errno", None)
    if code == errno.ENOENT:
        return "no such file"
    if code == errno.EISDIR:
        return "this is a folder, not a file"
    if code in (errno.EACCES, errno.EPERM):
        return "no permission to read it"
    return getattr(error, "strerror", None) or str(error)
