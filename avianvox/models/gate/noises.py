"""Sounds in which nothing calls, made from the noise of real recordings; and voices laid over noise."""

import numpy as np

from avianvox.features.extract import extract_features
from avianvox.features.filters import band_edges_hz
from avianvox.features.spec import FeatureSpec
from avianvox.types import Waveform

_KINDS = ("still", "gusts", "gusts and drops", "all of it, swelling")
_DROP_S = 0.05
_RMS = 0.01
_STRONG_CELLS = 40  # of a window of some 16,000: the voice itself


def noise_window(floor: np.ndarray, spec: FeatureSpec, rng: np.random.Generator) -> np.ndarray:
    """Log-mel rows of a noise with the colour of a recording's own.

    Gusts and surf are noise of falling colour with a gain that wanders, rain and crackling are clicks that
    die away in milliseconds. Nothing of it is tonal.

    Parameters
    ----------
    floor : np.ndarray, shape (n_mels,), dB
        The quiet level of each band of a recording.
    spec : FeatureSpec
    rng : np.random.Generator

    Returns
    -------
    np.ndarray, shape (spec.n_frames, n_mels), float32
    """
    skipped = spec.n_fft // spec.hop_length  # frames that reach over the ends
    n = (spec.n_frames + 2 * skipped) * spec.hop_length
    hz = np.fft.rfftfreq(n, 1.0 / spec.sample_rate)
    kind = int(rng.integers(len(_KINDS)))
    colour = 10.0 ** (np.interp(hz, band_edges_hz(spec)[1:-1], floor) / 20.0)
    sound = _coloured(colour, n, rng)
    seconds = n / spec.sample_rate
    if kind >= 1:
        falling = (1.0 + hz / rng.uniform(100.0, 3000.0)) ** -rng.uniform(1.0, 2.5)
        wandering = _wandering(n, seconds * rng.uniform(0.3, 4.0), rng)
        gusts = np.exp(rng.uniform(0.5, 1.5) * wandering) * _coloured(falling, n, rng)
        sound += _amplitude(rng.uniform(-10.0, 25.0)) * gusts
    if kind >= 2:
        sound += _amplitude(rng.uniform(-10.0, 15.0)) * _drops(n, spec.sample_rate, rng)
    if kind == 3:
        sound *= np.exp(0.5 * _wandering(n, 0.5 * seconds, rng))
    sound *= _RMS / sound.std()
    rows = extract_features(Waveform(sound.astype(np.float32), spec.sample_rate), spec).values
    return rows[skipped : skipped + spec.n_frames, : spec.n_mels]


def mix_windows(voice: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """A window of a voice laid over a window of noise, as powers add up.

    The voice is turned up or down until its strongest cells stand ``snr_db`` over the noise's medians there.

    Parameters
    ----------
    voice, noise : np.ndarray, shape (n_frames, n_mels), float32, dB
    snr_db : float
    """
    rise = voice - np.median(voice, axis=0)
    strong = np.argpartition(rise, -_STRONG_CELLS, axis=None)[-_STRONG_CELLS:]
    bands = strong % rise.shape[1]
    gain = np.median(noise, axis=0)[bands].mean() + snr_db - voice.ravel()[strong].mean()
    mixed: np.ndarray = 10.0 * np.log10(10.0 ** ((voice + gain) / 10.0) + 10.0 ** (noise / 10.0))
    return mixed.astype(np.float32)


def _coloured(colour: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Noise with the amplitudes ``colour`` of its n // 2 + 1 frequencies, shape (n,), with unit variance."""
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * colour, n)
    scaled: np.ndarray = noise / noise.std()
    return scaled


def _wandering(n: int, n_turns: float, rng: np.random.Generator) -> np.ndarray:
    """Straight lines between normal numbers, about two for each turn, shape (n,)."""
    knots = int(2 * n_turns) + 2
    return np.interp(np.linspace(0.0, knots - 1.0, n), np.arange(knots), rng.standard_normal(knots))


def _drops(n: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """1 to 60 clicks a second that die away within milliseconds, shape (n,), with unit variance."""
    count = 1 + rng.poisson(rng.uniform(1.0, 60.0) * n / sample_rate)
    clicks = np.zeros(n)
    clicks[rng.integers(0, n, count)] = rng.exponential(1.0, count)
    t = np.arange(round(_DROP_S * sample_rate)) / sample_rate
    response = rng.standard_normal(len(t)) * np.exp(-t / rng.uniform(0.001, 0.012))
    falling = 1.0 / (1.0 + np.fft.rfftfreq(n, 1.0 / sample_rate) / rng.uniform(500.0, 12000.0))
    drops = np.fft.irfft(np.fft.rfft(clicks) * np.fft.rfft(response, n) * falling, n)
    scaled: np.ndarray = drops / drops.std()
    return scaled


def _amplitude(level_db: float) -> float:
    return float(10.0 ** (level_db / 20.0))
