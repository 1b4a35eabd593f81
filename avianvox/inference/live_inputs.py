"""Where a `Feed` gets its frames from: raw samples in a pipe, or a microphone, each in a thread of its own.

A row of `SAMPLE_FORMATS` says how samples stand in a pipe, by ffmpeg's name for it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import numpy as np

from avianvox.errors import AvianvoxError, InputError, require_extra
from avianvox.inference.live import Feed

SAMPLE_FORMATS = {"f32le": ("<f4", 1.0), "s16le": ("<i2", 1 / 32768), "s32le": ("<i4", 1 / 2147483648)}
"""Name to NumPy's name and the factor that brings full scale to 1."""

_PIPE_BYTES = 1 << 16
_PIECE_S = 0.25  # of a microphone


def read_pipe(file: int, feed: Feed, *, channels: int = 1, sample_format: str = "f32le") -> Thread:
    """Start to read raw samples, channels interleaved, into a feed; it ends when the pipe does.

    Parameters
    ----------
    file : int
        Descriptor that is open for reading.
    feed : Feed
    channels : int
    sample_format : str
        A name in `SAMPLE_FORMATS`.
    """
    kind, scale = SAMPLE_FORMATS[sample_format]
    size = channels * np.dtype(kind).itemsize

    def read() -> None:
        left = b""
        try:
            while data := os.read(file, _PIPE_BYTES):
                data = left + data
                whole = len(data) - len(data) % size
                left = data[whole:]
                if not whole:
                    continue
                frames = np.frombuffer(data[:whole], kind).astype(np.float32).reshape(-1, channels)
                if not feed.put(frames if scale == 1 else frames * np.float32(scale)):
                    return
        except OSError as error:
            feed.end(f"reading stopped: {error.strerror or error}")
            return
        feed.end("the input ended within a sample: check --channels and --sample-format" if left else "")

    thread = Thread(target=read, daemon=True)  # nothing can interrupt a read of a pipe in which nothing comes
    thread.start()
    return thread


@contextmanager
def open_microphone(device: str | None, feed: Feed, *, channels: int = 1) -> Iterator[str]:
    """Hear a microphone into a feed while the block runs.

    Parameters
    ----------
    device : str, optional
        Number, name or a part of it; by default the system's.
    feed : Feed
    channels : int

    Yields
    ------
    str
        The device's whole name.

    Raises
    ------
    MissingExtraError
        The package sounddevice is not installed.
    InputError
        There is no such device, or it doesn't offer this rate or number of channels; the line lists those
        that there are.
    AvianvoxError
        The system's sound library is missing.
    """
    sounddevice = _sounddevice()
    chosen: str | int | None = int(device) if device and device.isdecimal() else device

    def hear(frames: np.ndarray, _count: int, _time: Any, status: Any) -> None:
        if status:
            feed.say(f"the sound card reports: {status}")
        feed.offer(frames.copy())

    try:
        name = str(sounddevice.query_devices(chosen, "input")["name"])
        stream = sounddevice.InputStream(
            samplerate=feed.sample_rate,
            blocksize=round(_PIECE_S * feed.sample_rate),
            device=chosen,
            channels=channels,
            dtype="float32",
            callback=hear,
            finished_callback=feed.end,
        )
    except (ValueError, sounddevice.PortAudioError) as error:
        inputs = [d["name"] for d in sounddevice.query_devices() if d["max_input_channels"]]
        raise InputError(
            f"cannot listen to {f'{device!r}' if device else 'a microphone'}: {error}; "
            f"inputs here: {', '.join(inputs) or 'none'}"
        ) from error
    with stream:
        yield name


def _sounddevice() -> Any:
    require_extra("sounddevice", extra="live", purpose="listening to a microphone")
    try:
        import sounddevice
    except OSError as error:
        raise AvianvoxError(
            f"listening to a microphone needs the PortAudio library of your system: {error}"
        ) from error
    return sounddevice
