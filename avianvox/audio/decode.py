"""From a file to blocks of float32 mono at the model's rate, and what is to be said about the file.

`open_audio` is the way in. Content decides how a file is read, never its extension. Channels are mixed to
mono before resampling, or one of them is picked and the others are never looked at. The decoder is read in
pieces of a fixed size, so the samples are the same to the last bit however large the blocks are that leave
here, and memory doesn't grow with the recording.

How a status is found, first match first:

- truncated: the header promises at least `TOLERANCE_S` more than was decoded, or the decoder met damage or
  gave up well before the end of the file. An MP3 without a frame count promises nothing: its length is
  guessed from its size, tags and pictures included, and such a guess is never held against it; but it must
  not end within a frame.
- silent: the samples of all channels stay within `SILENT_RANGE` (a constant offset is silence too).
- clipped: a share of `CLIPPED_SHARE` or more of the samples stands at full scale.

Where one channel was picked, these two speak of that channel. Where the channels are mixed and cancel each
other, a remark says so.

Samples that are no sound (NaN, infinite, beyond ±`ABSURD`) become zero and are counted in the message.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import numpy as np

from avianvox.audio.resample import Resampler, mix_to_mono, pick_channel
from avianvox.audio.sources import Source, only_audio_errors, open_source
from avianvox.errors import AudioError, InputError
from avianvox.types import Status, Waveform
from avianvox.workers.heard import Reading

TOLERANCE_S = 0.1  # encoders' padding, up to three MP3 frames, is not a loss
SILENT_RANGE = 2e-4  # highest less lowest sample: six steps of 16 bits, -80 dB of full scale
FULL_SCALE = 0.99  # the highest 8-bit sample is 0.992
CLIPPED_SHARE = 0.005
CANCELLED = 0.01  # 40 dB below the channels
CANCEL = (
    "the channels cancel each other when they are mixed (is the polarity of one reversed?); "
    "read one of them alone, with {option} 1"
)
ABSURD = 1e6
MOST_HEADER_BYTES = 4096
UNCOUNTED = (
    "its header counts no samples, but data follow it (did the recorder lose power?); "
    "repair the header, for example with: ffmpeg -ignore_length 1 -i broken.wav repaired.wav"
)

NARROW = "there is nothing above {held} kHz in it, and {wanted} kHz are listened to: answers may be wrong"


@dataclass(frozen=True, slots=True)
class Probe:
    """What one file holds and what came of it.

    ``header_s`` is the length by the header (a guess for an MP3 without a frame count) and ``decoded_s`` what
    was decoded, both in seconds and None where not known.
    """

    path: str
    status: Status
    container: str = ""
    codec: str = ""
    sample_rate: int = 0  # Hz, in the file
    channels: int = 0
    header_s: float | None = None
    decoded_s: float | None = None
    message: str = ""


class Meter:
    """Watches decoded samples go by and repairs in place those that are no sound."""

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf
        self.mix_low, self.mix_high = np.inf, -np.inf
        self.n_frames = self.n_values = self.n_full = self.n_absurd = 0

    @property
    def cancels(self) -> bool:
        """Whether there is sound in the channels, and almost nothing of it is left when they are mixed."""
        heard, mixed = self.high - self.low, self.mix_high - self.mix_low
        return heard > SILENT_RANGE and mixed <= max(SILENT_RANGE, CANCELLED * heard)

    def mix(self, chunk: np.ndarray) -> np.ndarray:
        """Take shape (n, channels), float32, in, and give the mean of all channels, shape (n,)."""
        self.add(chunk)
        mixed = mix_to_mono(chunk)
        if chunk.shape[1] > 1:
            self.mix_low = min(self.mix_low, float(mixed.min()))
            self.mix_high = max(self.mix_high, float(mixed.max()))
        else:
            self.mix_low, self.mix_high = self.low, self.high
        return mixed

    def add(self, chunk: np.ndarray) -> None:
        """Take shape (n, channels), float32, in."""
        low, high = float(chunk.min()), float(chunk.max())
        if not (low > -ABSURD and high < ABSURD):
            absurd = ~(np.abs(chunk) < ABSURD)
            self.n_absurd += int(np.count_nonzero(absurd))
            chunk[absurd] = 0
            low, high = float(chunk.min()), float(chunk.max())
        if high >= FULL_SCALE or low <= -FULL_SCALE:
            self.n_full += int(np.count_nonzero(np.abs(chunk) >= FULL_SCALE))
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.n_frames += len(chunk)
        self.n_values += chunk.size


def judge(path: Path, source: Source, meter: Meter) -> Probe:
    """The status of a file that was decoded to its end, by the rules at the top of this module."""
    decoded_s = meter.n_frames / source.sample_rate
    status, remarks = Status.OK, []
    missing_s = (source.header_s or 0.0) - decoded_s
    if not meter.n_frames:
        uncounted = source.container == "WAV" and os.path.getsize(path) > MOST_HEADER_BYTES
        lost = source.damage or missing_s >= TOLERANCE_S or uncounted
        status = Status.UNDECODABLE if lost else Status.EMPTY
        remarks.append(source.damage or (UNCOUNTED if uncounted else "the file holds no samples"))
    elif source.damage or (source.promised and missing_s >= TOLERANCE_S):
        status = Status.TRUNCATED
        promise = f"the header promises {source.header_s:.1f} s, " if source.promised else ""
        remarks.append(f"{promise}{decoded_s:.1f} s decode")
        remarks.extend([source.damage] if source.damage else [])
    elif meter.high - meter.low <= SILENT_RANGE:
        status = Status.SILENT
        remarks.append("there is no sound in it")
    elif meter.n_full >= CLIPPED_SHARE * meter.n_values:
        status = Status.CLIPPED
        remarks.append(f"{meter.n_full / meter.n_values:.1%} of the samples are at full scale")
    elif source.remark:
        remarks.append(source.remark)
    if status in (Status.OK, Status.CLIPPED) and meter.cancels:
        remarks.append(CANCEL.format(option="avianvox classify --channels"))
    if meter.n_absurd:
        remarks.append(f"{meter.n_absurd:,} samples are not finite or far too large, and were set to zero")
    return Probe(
        path=str(path),
        status=status,
        container=source.container,
        codec=source.codec,
        sample_rate=source.sample_rate,
        channels=source.channels,
        header_s=source.header_s,
        decoded_s=decoded_s,
        message="; ".join(remarks),
    )


class AudioStream:
    """One open recording; iterate once over its blocks, then look at ``report``. Made by `open_audio`."""

    def __init__(
        self, path: Path | str, *, sample_rate: int, block_s: float = 4.0, channel: int | None = None
    ) -> None:
        if sample_rate <= 0 or block_s <= 0:
            raise InputError(
                f"open_audio: expected a positive rate and block, got {sample_rate} Hz and {block_s} s"
            )
        if channel is not None and channel < 1:
            raise InputError(f"open_audio: channels are counted from 1, got {channel}")
        self.path = Path(path)
        self.sample_rate = sample_rate
        self._block = max(1, round(block_s * sample_rate))
        self._channel = channel
        self._meter = Meter()
        self._source, self._stream = open_source(self.path)
        self._reading = Reading(self._source.header_s)
        there = self._source.channels
        if channel is not None and channel > there:
            self.close()
            held = f"channels 1 to {there}" if there > 1 else "one channel"
            raise AudioError(
                f"{path}: expected a channel {channel}, the file has {held}; pick another, or mix them",
                status=Status.UNSUPPORTED,
            )

    def __enter__(self) -> "AudioStream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. `report` stays."""
        self._reading.end()
        self._source.close()
        self._stream.close()

    @property
    def report(self) -> Probe:
        """What is to be said about the file; complete once the last block was taken."""
        found = judge(self.path, self._source, self._meter)
        if found.status not in (Status.OK, Status.CLIPPED) or 2 * found.sample_rate > self.sample_rate:
            return found
        held, wanted = found.sample_rate / 2000, self.sample_rate / 2000
        narrow = NARROW.format(held=f"{held:g}", wanted=f"{wanted:g}")
        return replace(found, message="; ".join(filter(None, (found.message, narrow))))

    @property
    def highest_hz(self) -> float:
        """The frequency up to which there can be sound."""
        return min(self._source.sample_rate, self.sample_rate) / 2

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield blocks of shape (n,), float32, full scale ±1; all but the last are ``block_s`` long.

        Raises
        ------
        AudioError
            Status empty or undecodable when not one sample comes out.
        """
        waiting: list[np.ndarray] = []
        n_waiting = 0
        for piece in self._pieces():
            waiting.append(piece)
            n_waiting += len(piece)
            if n_waiting >= self._block:
                joined = np.concatenate(waiting)
                whole = n_waiting - n_waiting % self._block
                for start in range(0, whole, self._block):
                    yield joined[start : start + self._block]
                waiting = [joined[whole:]]
                n_waiting -= whole
        if n_waiting:
            yield np.concatenate(waiting)

    def _pieces(self) -> Iterator[np.ndarray]:
        with only_audio_errors(self.path):
            resampler = Resampler(self._source.sample_rate, self.sample_rate)
            for chunk in self._source.chunks():
                heard = chunk if self._channel is None else pick_channel(chunk, self._channel)
                self._reading.add(len(chunk) / self._source.sample_rate)
                yield from resampler.push(self._meter.mix(heard))
            if not self._meter.n_frames:
                report = self.report
                raise AudioError(f"{self.path}: {report.message}", status=report.status)
            yield resampler.finish()


def open_audio(
    path: Path | str, *, sample_rate: int, block_s: float = 4.0, channel: int | None = None
) -> AudioStream:
    """Open a recording for reading in blocks, as mono and resampled.

    Parameters
    ----------
    path : path-like
    sample_rate : int, Hz
        Of the samples that come out.
    block_s : float, seconds
        Length of a block. The samples don't depend on it.
    channel : int or None
        The channel to read, counted from 1; None mixes all of them.

    Returns
    -------
    AudioStream
        A context manager that yields arrays of shape (n,), float32.

    Raises
    ------
    AudioError
        Nothing can be decoded, or there is no such channel (status unsupported); ``error.status`` says why.

    Examples
    --------
    >>> with open_audio("recording.ogg", sample_rate=22050) as stream:
    ...     seconds = sum(len(block) for block in stream) / 22050
    ...     print(stream.report.status)
    ok
    """
    return AudioStream(path, sample_rate=sample_rate, block_s=block_s, channel=channel)


def count_channels(path: Path | str) -> int:
    """How many channels a recording has, by its header. Raises as `open_audio` does."""
    source, stream = open_source(Path(path))
    try:
        return source.channels
    finally:
        source.close()
        stream.close()


def load_waveform(path: Path | str, *, sample_rate: int) -> tuple[Waveform, Probe]:
    """A whole recording at once, and what is to be said about it. Raises as `open_audio` does."""
    with open_audio(path, sample_rate=sample_rate) as stream:
        samples = np.concatenate(list(stream))
        return Waveform(samples, sample_rate), stream.report
