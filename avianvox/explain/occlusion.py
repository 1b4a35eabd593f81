"""Occlusion: how much lower the score is where one tile of time and frequency is silenced.

It needs nothing but scores, so that any model can be asked. A tile is brought down to the noise floor of its
bands: in the rows of a model that hears mel bands (MFCC are made anew of them), and in the short-time
spectrum of a model that hears sound, which is then put together again. A hole of zeros would be a sound that
no recording has.

References
----------
Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from avianvox.errors import InputError
from avianvox.explain.heard import Heard
from avianvox.explain.listener import Listener
from avianvox.features.filters import dct_matrix, hann_window, hz_to_mel
from avianvox.features.floor import noise_floor
from avianvox.features.spec import FeatureSpec

LEAST = 1e-6
"""Of a probability and of what is missing to 1, in log-odds."""

BATCH = 16
"""Windows that are altered at a time."""


@dataclass(frozen=True)
class Grid:
    """Tiles of a window: ``n_times`` times ``n_bands`` of them, all of about the same number of cells."""

    n_times: int
    n_bands: int

    def places(self, n_frames: int, n_mels: int) -> tuple[np.ndarray, np.ndarray]:
        """The tile of each frame and of each band."""
        return np.arange(n_frames) * self.n_times // n_frames, np.arange(n_mels) * self.n_bands // n_mels

    def cells(self, tiles: np.ndarray, n_frames: int, n_mels: int) -> np.ndarray:
        """Values of tiles, shape (..., n_times, n_bands), for each cell that they hold."""
        times, bands = self.places(n_frames, n_mels)
        return tiles[..., times[:, None], bands]

    def means(self, cells: np.ndarray) -> np.ndarray:
        """The mean of the cells of each tile, shape (..., n_times, n_bands)."""
        times, bands = self.places(*cells.shape[-2:])
        first_times, first_bands = (np.searchsorted(at, np.arange(at[-1] + 1)) for at in (times, bands))
        sums = np.add.reduceat(np.add.reduceat(cells, first_times, axis=-2), first_bands, axis=-1)
        sizes = np.bincount(times)[:, None] * np.bincount(bands)
        return np.asarray(sums / sizes)


class Silencer(Protocol):
    """Takes tiles out of a window."""

    def without(self, rows: np.ndarray, tiles: np.ndarray) -> np.ndarray:
        """A window without some tiles, for each choice of them.

        Parameters
        ----------
        rows : np.ndarray, shape (n_frames, n_features), float32
        tiles : np.ndarray, shape (n, n_times, n_bands), bool

        Returns
        -------
        np.ndarray, shape (n, n_frames, n_features), float32
        """
        ...


@dataclass(frozen=True)
class BandSilencer:
    """Of rows of mel bands."""

    spec: FeatureSpec
    grid: Grid

    def without(self, rows: np.ndarray, tiles: np.ndarray) -> np.ndarray:
        """See `Silencer`. What is below the noise floor stays."""
        n_mels = self.spec.n_mels
        bands = rows[:, :n_mels]
        gone = self.grid.cells(tiles, *bands.shape)
        quiet = np.minimum(bands, noise_floor(bands))
        changed = np.where(gone, quiet, bands).astype(np.float32)
        if self.spec.combine in ("mel", "above_floor"):
            mfcc = np.broadcast_to(rows[:, n_mels:], (len(tiles), len(rows), self.spec.n_mfcc))
        else:
            mfcc = np.einsum("ntm,mc->ntc", changed, dct_matrix(self.spec))
        return np.concatenate([changed, mfcc.astype(np.float32)], axis=2)


@dataclass(frozen=True)
class SoundSilencer:
    """Of samples; ``view`` says which frequencies a tile holds, and the frames that the spectrum has."""

    view: FeatureSpec
    grid: Grid

    def without(self, rows: np.ndarray, tiles: np.ndarray) -> np.ndarray:
        """See `Silencer`. Each bin is scaled down to its median over the window; its phase stays."""
        samples, n_fft, hop = rows[:, 0], self.view.n_fft, self.view.hop_length
        window = hann_window(self.view).astype(np.float64)
        n_frames = -(-(len(samples) + n_fft) // hop)
        padded = np.pad(samples.astype(np.float64), (n_fft, n_frames * hop - len(samples)))
        frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop][: n_frames + 1]
        spectra = np.fft.rfft(frames * window, axis=1)
        loud = np.abs(spectra)
        scale = np.minimum(1.0, np.median(loud, axis=0) / np.maximum(loud, 1e-12))
        middles = np.arange(len(frames)) * hop - n_fft // 2
        times = np.clip(middles * self.grid.n_times // len(samples), 0, self.grid.n_times - 1)
        bands = self._bands()
        norm = self._overlapped(np.broadcast_to(window**2, frames.shape), len(padded))
        found = []
        for chosen in tiles:
            gone = chosen[times[:, None], bands]
            parts = np.fft.irfft(np.where(gone, spectra * scale, spectra), n_fft, axis=1) * window
            sound = self._overlapped(parts, len(padded)) / np.maximum(norm, 1e-6)
            found.append(sound[n_fft : n_fft + len(samples), None])
        return np.array(found, np.float32)

    def _bands(self) -> np.ndarray:
        """The tile of each bin; what lies above the view belongs to the highest one."""
        hz = np.arange(self.view.n_fft // 2 + 1) * (self.view.sample_rate / self.view.n_fft)
        low, high = hz_to_mel(self.view.fmin_hz), hz_to_mel(self.view.fmax_hz)
        share = (hz_to_mel(hz) - low) / (high - low)
        tiles: np.ndarray = np.clip((share * self.grid.n_bands).astype(np.int64), 0, self.grid.n_bands - 1)
        return tiles

    def _overlapped(self, frames: np.ndarray, length: int) -> np.ndarray:
        total = np.zeros(max(length, (len(frames) - 1) * self.view.hop_length + self.view.n_fft))
        for k, frame in enumerate(frames):
            total[k * self.view.hop_length : k * self.view.hop_length + len(frame)] += frame
        return total[:length]


def silencer_of(heard: Heard, grid: Grid) -> Silencer:
    """What takes tiles out of the windows of a recording."""
    if isinstance(heard.spec, FeatureSpec):
        return BandSilencer(heard.spec, grid)
    return SoundSilencer(heard.view, grid)


def rescored(
    listener: Listener, silencer: Silencer, rows: np.ndarray, tiles: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scores and confidences of a window without tiles, for each choice of them, `BATCH` at a time."""
    for first in range(0, len(tiles), BATCH):
        yield listener.scores(silencer.without(rows, tiles[first : first + BATCH]))


@dataclass(frozen=True)
class Occlusion:
    """``tile_s``: about the length of a tile; ``n_bands``: tiles over the frequencies."""

    tile_s: float = 0.4
    n_bands: int = 8

    def __post_init__(self) -> None:
        if not self.tile_s > 0 or not 1 <= self.n_bands <= 128:
            raise InputError(
                f"occlusion: expected tiles longer than 0 s, and 1 to 128 of them over the frequencies, "
                f"got {self.tile_s:g} s and {self.n_bands}"
            )

    def grid(self, heard: Heard) -> Grid:
        """The tiles of a window."""
        n_times = round(heard.spec.window_s / self.tile_s)
        return Grid(min(max(1, n_times), heard.window_frames), min(self.n_bands, heard.view.n_mels))

    def maps(self, listener: Listener, heard: Heard, target: int, windows: np.ndarray) -> np.ndarray:
        """By how much each tile raises the log-odds of class ``target``; see
        `avianvox.explain.methods.Method`."""
        grid = self.grid(heard)
        silencer = silencer_of(heard, grid)
        single = np.eye(grid.n_times * grid.n_bands, dtype=bool).reshape(-1, grid.n_times, grid.n_bands)
        found = []
        for window in windows.tolist():
            answers = rescored(listener, silencer, heard.rows[window], single)
            without = np.concatenate([scores[:, target] for scores, _ in answers])
            drops = log_odds(heard.scores[window, target]) - log_odds(without)
            found.append(drops.reshape(grid.n_times, grid.n_bands))
        return np.array(found)


def log_odds(scores: np.ndarray | float) -> np.ndarray:
    """Of probabilities, which would hardly move where a model is sure."""
    bounded = np.clip(np.asarray(scores, np.float64), LEAST, 1 - LEAST)
    return np.log(bounded / (1 - bounded))
