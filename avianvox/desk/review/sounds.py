"""Pieces of recordings for a page: as WAV at any speed, and as a spectrogram of bytes.

What is decoded is kept for a while, with some sound around it, since the next question is mostly about the
same place; of formats in which no place can be sought, a good part of the file.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from struct import pack
from threading import Lock

import numpy as np

from avianvox.audio.cut import SEEKABLE, Clip, cut
from avianvox.audio.locate import exact_length_s
from avianvox.audio.probe import probe
from avianvox.audio.resample import Resampler
from avianvox.audio.sndfile import encode_samples
from avianvox.errors import AudioError, InputError

MOST_S = 1800.0
"""Of one piece: nobody sees or hears more of a recording at once."""

_MOST_BYTES = 256 << 20
_AROUND_S = 10.0
_AROUND_WHERE_NOTHING_IS_SOUGHT_S = 150.0
_MOST_RATE = 48_000  # more is nothing to ears, and not every browser plays it
_LEAST_RATE = 3_000  # nor less
_LOUD_PEAK = 0.7
_MOST_GAIN = 1000.0
_FRAME_S, _FRAME_OF_BATS_S = 0.023, 0.004
_BATS_RATE = 96_000
_LEAST_FRAME = 64
_MOST_COLUMNS = 4000
_FRAMES_AT_ONCE = 1024
_RUMBLE_HZ = 300.0
_RANGE_DB = 50.0
_FLOOR_DB = -120.0
STEP_DB = 0.5
"""Of a spectrogram's bytes, which begin at -120 dB; 0 dB is a sine at full scale."""


class Sounds:
    """Pieces of the recordings of a review.

    Parameters
    ----------
    locate : callable
        From a table's path to the file.
    length_of : callable, optional
        From a table's path to seconds, where they are known without decoding.
    """

    def __init__(
        self, locate: Callable[[str], Path], *, length_of: Callable[[str], float | None] = lambda _: None
    ) -> None:
        self._locate, self._length_of = locate, length_of
        self._lock = Lock()
        self._of_file: dict[str, Lock] = defaultdict(Lock)
        self._kept: OrderedDict[tuple[str, float], Clip] = OrderedDict()
        self._heads: dict[str, tuple[int, float, bool]] = {}

    def head(self, name: str) -> tuple[int, float, bool]:
        """Sample rate in Hz, length in seconds, and whether a place in the file can be sought.

        Raises
        ------
        AudioError
            It cannot be read.
        """
        with self._of_file[name]:
            if name not in self._heads:
                path = self._locate(name)
                found = probe(path, decode=False)
                length = self._length_of(name) if found.status.usable else None
                if length is None and found.status.usable:
                    length = exact_length_s(str(path))
                if not found.sample_rate or length is None:
                    raise AudioError(f"{path}: {found.message or 'cannot be decoded'}", status=found.status)
                self._heads[name] = found.sample_rate, length, found.container in SEEKABLE
            return self._heads[name]

    def piece(self, name: str, begin_s: float, end_s: float, channel: int | None) -> Clip:
        """What lies between two moments of a file, which are kept within it; all channels mixed for None.

        Raises
        ------
        AudioError
            It cannot be read, or there is no such channel.
        InputError
            No time lies between them, or too much.
        """
        rate, length, seekable = self.head(name)
        begin_s, end_s = max(0.0, begin_s), min(length, end_s)
        if not 0 < end_s - begin_s <= MOST_S:
            raise InputError(f"expected up to {MOST_S:g} seconds of the recording, got {begin_s} to {end_s}")
        with self._of_file[name]:
            clip = self._find(name, begin_s, end_s) or self._decode(name, begin_s, end_s, seekable)
        first = max(0, round(begin_s * rate) - clip.first_frame)
        samples = clip.samples[first : max(first + 1, round(end_s * rate) - clip.first_frame)]
        if not len(samples):
            raise AudioError(f"{name}: the recording ends before {begin_s:.1f} s", status="truncated")
        part = Clip(samples, rate, clip.first_frame + first, clip.bits).of_channel(channel)
        return Clip(part.samples.mean(axis=1, keepdims=True), rate, part.first_frame, part.bits)

    def _find(self, name: str, begin_s: float, end_s: float) -> Clip | None:
        with self._lock:
            for key, clip in self._kept.items():
                slack_s = 1 / clip.sample_rate
                if key[0] == name and clip.begin_s <= begin_s + slack_s and end_s <= clip.end_s + slack_s:
                    self._kept.move_to_end(key)
                    return clip
        return None

    def _decode(self, name: str, begin_s: float, end_s: float, seekable: bool) -> Clip:
        around_s = _AROUND_S if seekable else _AROUND_WHERE_NOTHING_IS_SOUGHT_S
        path = self._locate(name)
        found = next(cut(path, [(begin_s - around_s, end_s + around_s)]), None)
        if found is None:
            raise AudioError(f"{path}: the recording ends before {begin_s:.1f} s", status="truncated")
        with self._lock:
            self._kept[name, found[1].begin_s] = found[1]
            while len(self._kept) > 1 and sum(c.samples.nbytes for c in self._kept.values()) > _MOST_BYTES:
                self._kept.popitem(last=False)
        return found[1]

    def wav(
        self,
        name: str,
        begin_s: float,
        end_s: float,
        *,
        channel: int | None = None,
        slow: float = 1.0,
        loud: bool = False,
    ) -> bytes:
        """A piece as WAV.

        Parameters
        ----------
        name, begin_s, end_s, channel
            As `piece` takes them.
        slow : float
            How many times longer it lasts: what bats call comes down to where people hear.
        loud : bool
            Whether its loudest sample is brought near to full scale.

        Raises
        ------
        AudioError, InputError
            As `piece` does.
        """
        if not 0.1 <= slow <= 100:
            raise InputError(f"slow: expected a number from 0.1 to 100, got {slow:g}")
        clip = self.piece(name, begin_s, end_s, channel)
        samples, rate = clip.samples[:, 0], clip.sample_rate / slow
        if loud and (peak := float(np.abs(samples).max())):
            samples = samples * min(_MOST_GAIN, _LOUD_PEAK / peak)
        played = round(min(max(rate, _LEAST_RATE), _MOST_RATE))
        if abs(rate - played) > 1:
            resampler = Resampler(round(rate), played)
            samples = np.concatenate([*resampler.push(samples.astype(np.float32)), resampler.finish()])
        whole = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
        return encode_samples(whole[:, None], played, container="WAV", codec="PCM_16")

    def spectrogram(
        self, name: str, begin_s: float, end_s: float, *, columns: int, channel: int | None = None
    ) -> bytes:
        """A piece as the picture of its spectra.

        Parameters
        ----------
        name, begin_s, end_s, channel
            As `piece` takes them.
        columns : int
            At most so many; each shows the loudest of the spectra that it stands for.

        Returns
        -------
        bytes
            Eight float64: number of rows and of columns, seconds of begin and end, hertz from one row to the
            next, darkest and brightest decibels to be shown, sample rate. Then a byte for each point, rows of
            low frequencies first, in steps of `STEP_DB`.

        Raises
        ------
        AudioError, InputError
            As `piece` does.
        """
        if not 1 <= columns <= _MOST_COLUMNS:
            raise InputError(f"columns: expected 1 to {_MOST_COLUMNS}, got {columns}")
        clip = self.piece(name, begin_s, end_s, channel)
        power, step_hz = pooled_spectra(clip.samples[:, 0], clip.sample_rate, columns)
        decibels = 10 * np.log10(power + 1e-12)
        audible = decibels[int(min(_RUMBLE_HZ, clip.sample_rate / 4) / step_hz) :: 2, ::3]
        bright = float(np.percentile(audible, 99.8))
        dark = max(bright - _RANGE_DB, float(np.median(audible)))
        points = np.clip(np.round((decibels - _FLOOR_DB) / STEP_DB), 0, 255).astype(np.uint8)
        shape = (len(points), points.shape[1])
        head = pack("<8d", *shape, clip.begin_s, clip.end_s, step_hz, dark, bright, clip.sample_rate)
        return head + points.tobytes()


def pooled_spectra(samples: np.ndarray, sample_rate: int, columns: int) -> tuple[np.ndarray, float]:
    """Power spectra of a piece, the loudest of those that fall into one column.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
    sample_rate : int, Hz
    columns : int
        At most so many.

    Returns
    -------
    tuple of np.ndarray and float
        Shape (n_bins, n_columns), 1.0 for a sine at full scale; and the hertz from one bin to the next.
    """
    frame_s = _FRAME_OF_BATS_S if sample_rate > _BATS_RATE else _FRAME_S
    n_fft = 1 << round(np.log2(max(_LEAST_FRAME, frame_s * sample_rate)))
    hop = int(np.clip(len(samples) // columns, n_fft // 16, n_fft // 2))
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    padded = np.pad(samples, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[: len(samples) : hop]
    n_columns = min(columns, len(frames))
    pooled = np.zeros((n_columns, n_fft // 2 + 1), np.float32)
    column_of = np.arange(len(frames)) * n_columns // len(frames)
    for at in range(0, len(frames), _FRAMES_AT_ONCE):
        spectra = np.fft.rfft(frames[at : at + _FRAMES_AT_ONCE] * window, axis=1)
        power = np.square(spectra.real) + np.square(spectra.imag)
        here, firsts = np.unique(column_of[at : at + _FRAMES_AT_ONCE], return_index=True)
        pooled[here] = np.maximum(pooled[here], np.maximum.reduceat(power, firsts, axis=0))
    return pooled.T / float(window.sum() / 2) ** 2, sample_rate / n_fft
