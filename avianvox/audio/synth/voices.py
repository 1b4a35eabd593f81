"""Bird-like voices: elements, the motifs that they form, and the four kinds of motif.

An `Element` is one unbroken sound: a pitch contour with harmonics under an envelope. A `Motif` is a row of
elements with their onsets. The functions of `KINDS` draw motifs from a generator; `render_motif` is pure.
Boxes follow from the same parameters as the sound, so they are exact.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from avianvox.errors import InputError, UnknownNameError
from avianvox.registry import nearest
from avianvox.types import Box

_RISE_S = 0.012  # longest raised-cosine attack and decay of an element
_TOP = 0.45  # of the sample rate: nothing is voiced above


@dataclass(frozen=True, slots=True)
class Element:
    """One unbroken sound.

    The pitch runs through ``start_hz``, ``middle_hz`` and ``end_hz``, a parabola in octaves, with vibrato of
    ``vibrato_octaves`` at ``vibrato_hz``. ``harmonics`` are amplitudes from the fundamental upwards.
    """

    duration_s: float
    start_hz: float
    middle_hz: float
    end_hz: float
    harmonics: tuple[float, ...] = (1.0,)
    vibrato_hz: float = 0.0
    vibrato_octaves: float = 0.0
    amplitude: float = 1.0


@dataclass(frozen=True, slots=True)
class Motif:
    """Elements and when each begins, in seconds from the first one; neighbours do not overlap."""

    onsets_s: tuple[float, ...]
    elements: tuple[Element, ...]

    @property
    def duration_s(self) -> float:
        return self.onsets_s[-1] + self.elements[-1].duration_s


def render_element(element: Element, sample_rate: int) -> tuple[np.ndarray, float, float]:
    """Samples of one element, and its lowest and highest frequency.

    Returns
    -------
    samples : np.ndarray, shape (n,), float64
    low_hz, high_hz : float
        The contour's extremes over all harmonics, widened by what the vibrato (Carson's rule) and the
        attack spread.
    """
    n = max(8, round(element.duration_s * sample_rate))
    t = np.arange(n) / sample_rate
    x = np.linspace(-1.0, 1.0, n)
    start, middle, end = np.log2([element.start_hz, element.middle_hz, element.end_hz])
    octaves = middle + x * (end - start) / 2 + x**2 * ((start + end) / 2 - middle)
    octaves += element.vibrato_octaves * np.sin(2 * np.pi * element.vibrato_hz * t)
    contour = np.minimum(2.0**octaves, _TOP * sample_rate)
    phase = 2 * np.pi * np.cumsum(contour) / sample_rate

    n_voiced = min(len(element.harmonics), int(_TOP * sample_rate / contour.max()))
    samples = np.zeros(n)
    for k in range(1, n_voiced + 1):
        samples += element.harmonics[k - 1] * np.sin(k * phase)

    rise_s = min(_RISE_S, 0.4 * element.duration_s)
    edge = np.minimum(t, t[::-1]) / rise_s
    samples *= 0.5 - 0.5 * np.cos(np.pi * np.minimum(edge, 1.0))
    samples *= element.amplitude / sum(element.harmonics)
    spread = element.vibrato_hz + 1.0 / rise_s
    return samples, max(0.0, contour.min() - spread), min(sample_rate / 2, n_voiced * contour.max() + spread)


def render_motif(motif: Motif, sample_rate: int) -> tuple[np.ndarray, Box]:
    """Samples (shape (n,), float32, within ±1) of a motif, and the box around it, beginning at 0 s."""
    parts = [render_element(element, sample_rate) for element in motif.elements]
    firsts = [round(onset * sample_rate) for onset in motif.onsets_s]
    n = max(first + len(part[0]) for first, part in zip(firsts, parts, strict=True))
    samples = np.zeros(n, np.float32)
    for first, (part, _, _) in zip(firsts, parts, strict=True):
        samples[first : first + len(part)] += part.astype(np.float32)
    low, high = min(part[1] for part in parts), max(part[2] for part in parts)
    return samples, Box(0.0, n / sample_rate, float(low), float(high))


def vary(motif: Motif, rng: np.random.Generator, *, pitch: float, tempo: float) -> Motif:
    """A motif as another bird, or the same one another time, sings it.

    ``pitch`` and ``tempo`` are standard deviations in octaves, of the whole; single elements vary by a
    quarter of that, and in loudness by about 1 dB.
    """
    stretch = 2.0 ** rng.normal(0.0, tempo)
    shift = rng.normal(0.0, pitch)
    elements = []
    for element in motif.elements:
        ratio = 2.0 ** (shift + rng.normal(0.0, pitch / 4))
        elements.append(
            replace(
                element,
                duration_s=element.duration_s * stretch,
                start_hz=element.start_hz * ratio,
                middle_hz=element.middle_hz * ratio,
                end_hz=element.end_hz * ratio,
                amplitude=element.amplitude * 10.0 ** rng.normal(-0.1, 0.05),
            )
        )
    return Motif(tuple(onset * stretch for onset in motif.onsets_s), tuple(elements))


def _row(elements: list[Element], gap_s: float) -> Motif:
    onsets, now = [], 0.0
    for element in elements:
        onsets.append(now)
        now += element.duration_s + gap_s
    return Motif(tuple(onsets), tuple(elements))


def whistle(rng: np.random.Generator, centre_hz: float) -> Motif:
    """One to three drawn-out pure tones, nearly level, on different pitches."""
    elements = []
    for _ in range(rng.integers(1, 4)):
        pitch = centre_hz * 2.0 ** rng.uniform(-0.35, 0.35)
        start, end = pitch * 2.0 ** rng.uniform(-0.08, 0.08, size=2)
        elements.append(Element(float(rng.uniform(0.15, 0.45)), start, pitch, end))
    return _row(elements, float(rng.uniform(0.03, 0.12)))


def trill(rng: np.random.Generator, centre_hz: float) -> Motif:
    """One short note, repeated 10 to 24 times at 12 to 28 a second."""
    rate_hz = float(rng.uniform(12.0, 28.0))
    sweep = 2.0 ** (rng.choice((-1.0, 1.0)) * rng.uniform(0.1, 0.3))
    share = rng.uniform(0.5, 0.75)
    note = Element(float(share / rate_hz), centre_hz * sweep, centre_hz, centre_hz / sweep)
    return _row([note] * int(rng.integers(10, 25)), float((1 - share) / rate_hz))


def harmonic(rng: np.random.Generator, centre_hz: float) -> Motif:
    """One to four nasal notes: an arched fundamental well below ``centre_hz`` and four to seven overtones."""
    fundamental = centre_hz / rng.uniform(3.0, 4.0)
    roll_off = rng.uniform(0.6, 0.85)
    arch = 2.0 ** rng.uniform(-0.25, 0.25)
    note = Element(
        float(rng.uniform(0.1, 0.3)),
        fundamental,
        fundamental * arch,
        fundamental * 2.0 ** rng.uniform(-0.2, 0.1),
        harmonics=tuple(float(roll_off**k) for k in range(rng.integers(5, 9))),
        vibrato_hz=float(rng.uniform(15.0, 40.0)),
        vibrato_octaves=float(rng.uniform(0.0, 0.03)),
    )
    return _row([note] * int(rng.integers(1, 5)), float(rng.uniform(0.05, 0.15)))


def chirp(rng: np.random.Generator, centre_hz: float) -> Motif:
    """One to five quick sweeps through about an octave."""
    half = 2.0 ** (rng.choice((-1.0, 1.0)) * rng.uniform(0.3, 0.5))
    bend = 2.0 ** rng.uniform(-0.15, 0.15)
    note = Element(float(rng.uniform(0.04, 0.14)), centre_hz * half, centre_hz * bend, centre_hz / half)
    return _row([note] * int(rng.integers(1, 6)), float(rng.uniform(0.04, 0.12)))


KINDS: dict[str, Callable[[np.random.Generator, float], Motif]] = {
    "whistle": whistle,
    "trill": trill,
    "harmonic": harmonic,
    "chirp": chirp,
}
"""Kinds of voice: each draws a motif about a centre frequency."""


def voice(kind: str, rng: np.random.Generator, sample_rate: int) -> tuple[np.ndarray, list[Box]]:
    """One clean call of a kind, on a pitch between 1.5 and 5 kHz.

    Returns
    -------
    samples : np.ndarray, shape (n,), float32, within ±1
    boxes : list of Box
        One, around the whole call.

    Raises
    ------
    UnknownNameError
        ``kind`` is not one of `KINDS`.
    InputError
        ``sample_rate`` is below 8000 Hz.

    Examples
    --------
    >>> samples, (box,) = voice("whistle", np.random.default_rng(0), 22050)
    >>> box.low_hz < box.high_hz
    True
    """
    if kind not in KINDS:
        raise UnknownNameError(
            f"unknown voice '{kind}'{nearest(kind, list(KINDS))} (known: {', '.join(KINDS)})"
        )
    check_sample_rate(sample_rate)
    samples, box = render_motif(KINDS[kind](rng, float(1500.0 * (10 / 3) ** rng.uniform())), sample_rate)
    return samples, [box]


def check_sample_rate(sample_rate: int) -> None:
    """Raise `InputError` for a rate that cannot hold the voices."""
    if sample_rate < 8000:
        raise InputError(f"synthetic voices need a sample rate of at least 8000 Hz, got {sample_rate}")
