"""Landmarks of a sound: numbers that a copy shares with its original, however it was cut, coded or amplified.

A peak is a value of the log-mel rows, averaged over three frames, that nothing in its neighbourhood exceeds.
Four peaks of one zone of bands make one landmark: their bands, and how many frames lie between them. Gain
moves all values alike, trimming moves all frames alike, and a lower sample rate or a worse codec spoils some
zones and spares others. Of copies as MP3, Ogg Vorbis or clip of three seconds about one landmark in twenty
survives, of which a second of sound has 250; two different recordings have next to none in common.

References
----------
A. Wang, "An industrial-strength audio search algorithm", ISMIR 2003; with four peaks in place of two as in
R. Sonnleitner and G. Widmer, "Quad-based audio fingerprinting robust to time and frequency scaling", 2014.
"""

from itertools import combinations

import numpy as np

PER_FRAME = 6.0
"""Landmarks of a frame of sound, about: for planning."""

_REACH = 5  # frames and bands that a peak rules in every direction
_ZONES = 4
_FAN = 5  # peaks that follow the first of a landmark, of which it takes three
_SPACINGS = 64  # values that the time between two peaks takes, in steps of two frames
_STEP = 2
_BLOCK = 1 << 14  # frames worked on at a time: memory does not grow with the recording
_MIX = np.uint64(0x9E3779B97F4A7C15)


def landmarks(log_mel: np.ndarray, *, floor_db: float, one_in: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks of one recording.

    Parameters
    ----------
    log_mel : np.ndarray, shape (n_frames, n_mels), dB
    floor_db : float
        The least value that the rows can take; there is no peak within 1 dB of it.
    one_in : int
        Keep one in so many, the same ones in every recording.

    Returns
    -------
    codes : np.ndarray, shape (n,), int64
    frames : np.ndarray, shape (n,), int64
        Of the first peak of each.
    """
    found = [
        _landmarks(log_mel[begin : begin + _BLOCK], floor_db) for begin in range(0, len(log_mel), _BLOCK)
    ]
    codes = np.concatenate([np.zeros(0, np.int64), *(codes for codes, _ in found)])
    frames = [
        begin + frames for begin, (_, frames) in zip(range(0, len(log_mel), _BLOCK), found, strict=True)
    ]
    kept = (codes.astype(np.uint64) * _MIX >> np.uint64(40)) % np.uint64(one_in) == 0
    return codes[kept], np.concatenate([np.zeros(0, np.int64), *frames])[kept]


def _landmarks(log_mel: np.ndarray, floor_db: float) -> tuple[np.ndarray, np.ndarray]:
    times, bands = _peaks(log_mel, floor_db)
    width = -(-log_mel.shape[1] // _ZONES)
    codes, frames = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for zone in range(_ZONES):
        inside = bands // width == zone
        time, band = times[inside], bands[inside] % width
        for chosen in combinations(range(1, _FAN + 1), 3):
            n = max(len(time) - chosen[-1], 0)
            code = zone * width + band[:n]
            for k in chosen:
                spacing = (time[k : k + n] - time[:n]) // _STEP
                code = (code * width + band[k : k + n]) * _SPACINGS + spacing
            near = spacing < _SPACINGS  # the last one is the widest
            codes.append(code[near])
            frames.append(time[:n][near])
    return np.concatenate(codes), np.concatenate(frames)


def _peaks(log_mel: np.ndarray, floor_db: float) -> tuple[np.ndarray, np.ndarray]:
    """Frame and band of each peak, in order of time."""
    if len(log_mel) < 3:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    values = log_mel[:-2] + log_mel[1:-1] + log_mel[2:]
    padded = np.pad(values, _REACH, constant_values=-np.inf)
    highest = _running_maximum(_running_maximum(padded).T).T
    times, bands = np.nonzero((values == highest) & (values > 3 * (floor_db + 1)))
    return times, bands


def _running_maximum(values: np.ndarray) -> np.ndarray:
    """Along the first axis, over as many values as a peak rules."""
    span, width = 1, 2 * _REACH + 1
    while span < width:
        step = min(span, width - span)
        values = np.maximum(values[:-step], values[step:])
        span += step
    return values
