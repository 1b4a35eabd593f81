"""A place and its sound: background noise, distance, reverberation, and birds calling in it.

Everything linear (distance, reverberation) is applied to the clean voices in one Fourier transform.
Box ends are where the direct sound ends: the tail of the reverberation is not part of a call.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.audio.synth.species import Species
from avianvox.audio.synth.voices import render_motif, vary
from avianvox.types import Box, Waveform

_PEAK = 0.98
_ABSORPTION_DB = 0.003  # per metre and kHz²: air and leaves
_NEAR_M = 5.0  # where a voice of amplitude 1 arrives with amplitude 0.5
_GAP_S = 0.15  # least silence between two calls


@dataclass(frozen=True, slots=True)
class Place:
    """What one session has in common: the noise of the site and day, and the recorder.

    Levels are in dB relative to full scale (root mean square); ``-inf`` switches a source off.
    """

    noise_db: float  # pink
    wind_db: float  # brown, in slow gusts
    hum_db: float
    hum_hz: float
    insect_db: float
    insect_hz: float
    decay_s: float  # reverberation: time in which it falls by 60 dB
    reverberation: float  # amplitude of the tail relative to the direct sound at 20 m
    gain_db: float  # of the recorder, on voices and noise alike


@dataclass(frozen=True, slots=True)
class Call:
    """One call in a recording: its box, the species and the type of call."""

    box: Box
    label: str
    call_type: str


def draw_place(rng: np.random.Generator) -> Place:
    """A place as a recordist might find one; half of them hum, half have insects."""
    return Place(
        noise_db=rng.uniform(-58.0, -42.0),
        wind_db=rng.uniform(-60.0, -36.0),
        hum_db=rng.uniform(-60.0, -48.0) if rng.random() < 0.5 else -np.inf,
        hum_hz=float(rng.choice((50.0, 60.0))),
        insect_db=rng.uniform(-62.0, -48.0) if rng.random() < 0.5 else -np.inf,
        insect_hz=rng.uniform(4500.0, 7500.0),
        decay_s=rng.uniform(0.2, 0.9),
        reverberation=rng.uniform(0.1, 0.5),
        gain_db=rng.uniform(-8.0, 4.0),
    )


def coloured_noise(n: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Noise whose power falls as ``1 / f**exponent`` (1: pink, 2: brown), shape (n,), with unit variance."""
    size = _fft_size(n)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    steps = np.arange(len(spectrum), dtype=np.float64)
    steps[0] = np.inf
    noise = np.fft.irfft(spectrum * steps ** (-exponent / 2), size)[:n]
    scaled: np.ndarray = noise / noise.std()
    return scaled


def background(n: int, sample_rate: int, place: Place, rng: np.random.Generator) -> np.ndarray:
    """Noise of a place without birds, shape (n,), float64, before the recorder's gain."""
    t = np.arange(n) / sample_rate
    noise = _amplitude(place.noise_db) * coloured_noise(n, 1.0, rng)

    knots = np.arange(0.0, t[-1] + 2.0, 1.0)
    gusts = np.interp(t, knots, rng.gamma(1.5, 1 / 1.5, size=len(knots)))
    noise += _amplitude(place.wind_db) * gusts * coloured_noise(n, 2.0, rng)

    if np.isfinite(place.hum_db):
        for k, weight in enumerate((1.0, 0.6, 0.3, 0.15), start=1):
            phase = rng.uniform(0, 2 * np.pi)
            noise += _amplitude(place.hum_db) * weight * np.sin(2 * np.pi * k * place.hum_hz * t + phase)
    if np.isfinite(place.insect_db) and place.insect_hz < 0.45 * sample_rate:
        rate_hz = rng.uniform(2.0, 5.0)
        chirping = np.sin(2 * np.pi * rate_hz * t + rng.uniform(0, 2 * np.pi)) > 0
        pulses = chirping * np.sin(2 * np.pi * 35.0 * t) ** 2
        carrier = np.sin(2 * np.pi * place.insect_hz * t + 0.1 * np.cumsum(rng.standard_normal(n)))
        noise += 2.3 * _amplitude(place.insect_db) * pulses * carrier
    return noise


def impulse_response(sample_rate: int, decay_s: float, level: float, rng: np.random.Generator) -> np.ndarray:
    """Direct sound (1 at sample 0) and, after 10 ms, a noise that decays exponentially, of norm ``level``."""
    n = max(2, round(decay_s * sample_rate))
    t = np.arange(n) / sample_rate
    tail = rng.standard_normal(n) * 10.0 ** (-3.0 * t / decay_s)
    tail[t < 0.01] = 0.0
    response: np.ndarray = level * tail / max(np.sqrt(np.sum(tail**2)), 1e-12)
    response[0] = 1.0
    return response


def at_distance(clean: np.ndarray, sample_rate: int, distance_m: float, response: np.ndarray) -> np.ndarray:
    """Sound of a voice ``distance_m`` away: gain, absorption of the high frequencies, reverberation.

    The onset stays where it is: the time of travel is left out.
    """
    size = _fft_size(len(clean) + len(response))
    khz = np.fft.rfftfreq(size, 1.0 / sample_rate) / 1000.0
    loss = 10.0 ** (-_ABSORPTION_DB * distance_m * khz**2 / 20.0)
    gain = 0.5 * _NEAR_M / max(distance_m, _NEAR_M)
    heard = np.fft.irfft(np.fft.rfft(clean, size) * np.fft.rfft(response, size) * (gain * loss), size)
    return heard[: len(clean)]


def sing(
    bird: Species, n: int, sample_rate: int, *, individual: np.random.Generator, rng: np.random.Generator
) -> tuple[np.ndarray, list[Call]]:
    """Clean voice of one bird over ``n`` samples, with its calls in order of time; they never overlap.

    ``individual`` is a generator named for the bird: it draws its own pitch and tempo.
    """
    own = {kind: vary(motif, individual, pitch=0.06, tempo=0.12) for kind, motif in bird.motifs.items()}
    samples = np.zeros(n, np.float32)
    calls: list[Call] = []
    mostly_song = rng.random() < 0.75
    first = int(rng.uniform(0.0, 0.3) * sample_rate)
    while first < n:
        wanted = "song" if (rng.random() < 0.9) == mostly_song else "call"
        for call_type in (wanted, "call"):  # the call where the song no longer fits
            sound, box = render_motif(vary(own[call_type], rng, pitch=0.02, tempo=0.04), sample_rate)
            if first + len(sound) <= n:
                samples[first : first + len(sound)] = sound
                calls.append(Call(box.shifted(first / sample_rate), bird.name, call_type))
                break
        first += len(sound) + int((_GAP_S + rng.exponential(0.9)) * sample_rate)
    return samples, calls


def record(
    birds: list[tuple[Species, float, np.random.Generator]],
    n: int,
    sample_rate: int,
    place: Place,
    rng: np.random.Generator,
) -> tuple[Waveform, list[Call], float]:
    """One recording.

    Parameters
    ----------
    birds : list of (species, distance in metres, generator named for the individual)
    n : int, samples
    sample_rate : int, Hz
    place : Place
    rng : np.random.Generator

    Returns
    -------
    Waveform
        Within ±0.98; turned down as a whole where it would have clipped.
    calls : list of Call
        In order of time.
    snr_db : float
        Power of the voices while a bird calls over that of the background; ``-inf`` without birds.
    """
    noise = background(n, sample_rate, place, rng)
    voices = np.zeros(n)
    calls: list[Call] = []
    singing = np.zeros(n, bool)
    for bird, distance_m, individual in birds:
        clean, its_calls = sing(bird, n, sample_rate, individual=individual, rng=rng)
        level = place.reverberation * distance_m / 20.0
        response = impulse_response(sample_rate, place.decay_s, level, rng)
        voices += at_distance(clean, sample_rate, distance_m, response)
        calls += its_calls
        singing |= clean != 0
    snr_db = -np.inf
    if singing.any():
        snr_db = 10.0 * np.log10(np.mean(voices[singing] ** 2) / np.mean(noise**2))
    mixed = _amplitude(place.gain_db) * (voices + noise)
    mixed /= max(1.0, np.abs(mixed).max() / _PEAK)
    calls.sort(key=lambda call: call.box.begin_s)
    return Waveform(mixed.astype(np.float32), sample_rate), calls, float(snr_db)


def _amplitude(level_db: float) -> float:
    return float(10.0 ** (level_db / 20.0))


def _fft_size(n: int) -> int:
    """The least product of a power of two with 1, 3 or 5 that holds ``n``: quick to transform."""
    return min(m << max(0, (-(-n // m) - 1).bit_length()) for m in (1, 3, 5))
