"""Facts: what a file tells before anybody listens to the voice in it.

`gather_facts` reads headers where the files are there and everything else from the feature store. A fact in
words (sample rate, codec, channels) is `UNKNOWN` where there is no file; a fact in numbers (length, padding,
noise floor) is known of every recording that has features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from avianvox.types import Recording

if TYPE_CHECKING:
    from avianvox.features.store import FeatureStore

UNKNOWN = "unknown"

_NOISE_FRAMES = 512  # spread over the recording, of which the noise floor is read
_NOISE_QUANTILE = 0.1
_GROUPS = 10  # of about the same size, into which numbers are sorted

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact about each of n recordings.

    Attributes
    ----------
    name : str
        How it is called in a sentence, after "the".
    values : np.ndarray, shape (n,), str or float64
    unit : str
        Of numbers; "" for words.
    """

    name: str
    values: np.ndarray
    unit: str = ""

    @property
    def numeric(self) -> bool:
        return self.values.dtype.kind == "f"

    def codes(self) -> np.ndarray:
        """A group for each recording, shape (n,), int64: equal words, or about a tenth of the numbers."""
        if not self.numeric:
            return np.unique(self.values, return_inverse=True)[1].astype(np.int64)
        edges = np.quantile(self.values, np.arange(1, _GROUPS) / _GROUPS)
        return np.searchsorted(np.unique(edges), self.values).astype(np.int64)

    def in_words(self, value: Any) -> str:
        """A value with its unit."""
        return f"{value:.4g} {self.unit}".strip() if self.numeric else str(value)

    def summary(self) -> dict[str, Any]:
        """Least, middle and largest number, or how many recordings have each word."""
        if self.numeric:
            low, middle, high = np.quantile(self.values, (0.0, 0.5, 1.0)).tolist()
            return {"unit": self.unit, "least": low, "median": middle, "largest": high}
        return dict(
            zip(*(column.tolist() for column in np.unique(self.values, return_counts=True)), strict=True)
        )


def gather_facts(
    recordings: Sequence[Recording],
    store: "FeatureStore",
    positions: np.ndarray,
    *,
    progress: Progress | None = None,
) -> list[Fact]:
    """Facts about recordings that have features.

    Parameters
    ----------
    recordings : sequence of Recording
    store : FeatureStore
    positions : np.ndarray, shape (n,), int64
        Of the recordings in the store; each has at least one frame.
    progress : callable, optional
        Called with the number of recordings done and the number of all.
    """
    headers, floors = [], []
    for done, (recording, at) in enumerate(zip(recordings, positions.tolist(), strict=True), start=1):
        headers.append(_header(recording))
        floors.append(noise_floor_db(store.features(at)[:, : store.log_mel.n_mels]))
        if progress:
            progress(done, len(recordings))
    rates, codecs, channels = (np.array(column) for column in zip(*headers, strict=True))
    n_frames = store.n_frames[positions].astype(np.float64)
    window = store.log_mel.n_frames
    return [
        Fact("sample rate", rates),
        Fact("codec", codecs),
        Fact("number of channels", channels),
        Fact("length", n_frames * store.log_mel.hop_length / store.log_mel.sample_rate, "s"),
        Fact("share of padding", 1 - np.minimum(n_frames, window) / window, "of a window"),
        Fact("noise floor", np.array(floors, np.float64), "dB"),
    ]


def noise_floor_db(log_mel: np.ndarray) -> float:
    """How loud the quiet moments are.

    Parameters
    ----------
    log_mel : np.ndarray, shape (n_frames, n_mels), dB

    Returns
    -------
    float, dB
        The lowest decile over time of each band, and of these the median.
    """
    every = max(1, len(log_mel) // _NOISE_FRAMES)
    return float(np.median(np.quantile(log_mel[::every], _NOISE_QUANTILE, axis=0)))


def _header(recording: Recording) -> tuple[str, str, str]:
    """Sample rate, codec and channels as words."""
    from avianvox.audio.probe import probe

    header = probe(recording.path, decode=False)
    if not header.sample_rate:
        return UNKNOWN, UNKNOWN, UNKNOWN
    codec = " ".join(dict.fromkeys(part for part in (header.container, header.codec) if part))
    return f"{header.sample_rate} Hz", codec, f"{header.channels}"
