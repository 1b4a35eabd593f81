"""Sound and spectrogram of one window, small enough to stand inside a page.

The clip holds the window and up to `CONTEXT_S` seconds around it; on the spectrogram the window is bright and
its surroundings are dimmed.
"""

import struct
import zlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from avianvox.audio.decode import load_waveform
from avianvox.audio.excerpt import Excerpt
from avianvox.audio.sndfile import encode_samples
from avianvox.dataset.windows import window_offsets
from avianvox.features.extract import extract_features
from avianvox.features.filters import hz_to_mel
from avianvox.features.spans import span_frames
from avianvox.features.spec import FeatureSpec
from avianvox.pages.markup import Markup, join, tag
from avianvox.pages.plot import drawing
from avianvox.types import Recording, Waveform

CONTEXT_S = 1.0
SHOWN_DB = 55.0
"""Range of the colours below the loudest point of a clip."""

MOST_RATE, SLOWED = 48_000, 10
"""Above this rate a recorder was not bought for ears: its sound is slowed down by so much."""

_PEAK = 0.7
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
N_COLOURS = 40
_TICK_ROOM = 14.0  # right of a tick, for half of its text
TICKS_HZ = (500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000)
ANCHORS = "000004 140e36 3b0f70 641a80 8c2981 b73779 de4968 f7705c fe9f6d fecf92 fcfdbf"
"""Matplotlib's colour map "magma" at eleven places."""


@dataclass(frozen=True)
class Clip:
    """A piece of a recording.

    Attributes
    ----------
    begin_s, end_s : float
        The clip within the recording.
    window_s : (float, float)
        The window within the recording; its end may lie beyond that of a short recording, which is looped.
    samples : np.ndarray, shape (n,), float32
    spec : FeatureSpec
    exact : bool
        Whether the window is the model's own one. A model that judges a whole recording at once has none, and
        the loudest part stands for it.
    """

    begin_s: float
    end_s: float
    window_s: tuple[float, float]
    samples: np.ndarray
    spec: FeatureSpec
    exact: bool


def cut_clip(
    recording: Recording, spec: FeatureSpec, *, hop_frames: int, window: int, n_windows: int
) -> Clip:
    """The surroundings of one of the ``n_windows`` windows that a model gave scores for.

    ``hop_frames``: how many frames on the next window begins.

    Raises
    ------
    AudioError
        The recording is not there or does not decode.
    """
    rate, context = spec.sample_rate, round(CONTEXT_S * spec.sample_rate)
    samples, at, before, n_frames = _sound(recording, spec, context)
    offsets = window_offsets(n_frames, spec.n_frames, hop_frames)
    length = spec.n_frames * spec.hop_length
    starts = before + offsets * spec.hop_length
    exact = len(offsets) == n_windows
    if exact:
        begin = int(starts[window])
    else:
        power = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
        ends = np.minimum(starts + length, len(samples))
        begin = int(starts[np.argmax(power[ends] - power[starts])])
    end = begin + (length if recording.span is None else min(length, n_frames * spec.hop_length))
    first, last = max(0, begin - context), min(len(samples), end + context)
    begin_s, end_s = (at + first) / rate, (at + last) / rate
    window_s = ((at + begin) / rate, (at + end) / rate)
    return Clip(begin_s, end_s, window_s, samples[first:last], spec, exact)


def cut_loudest(path: Path, span: tuple[float, float], spec: FeatureSpec, *, most_s: float) -> Clip:
    """The surroundings of a span of a file; of one longer than ``most_s`` seconds, of its loudest part.

    Raises
    ------
    AudioError
        The recording is not there, does not decode, or ends before the span.
    """
    rate, length = spec.sample_rate, round(most_s * spec.sample_rate)
    first, last = round(span[0] * rate), max(round(span[1] * rate), round(span[0] * rate) + 1)
    at = max(0, first - round(CONTEXT_S * rate))
    with Excerpt(path, sample_rate=rate, first=at, last=last + round(CONTEXT_S * rate)) as excerpt:
        samples = np.concatenate(list(excerpt))
    begin, end = first - at, min(last - at, len(samples))
    exact = end - begin <= length
    if not exact:
        power = np.concatenate(([0.0], np.cumsum(np.square(samples[begin:end], dtype=np.float64))))
        begin += int(np.argmax(power[length:] - power[:-length]))
        end = begin + length
    kept = max(0, begin - round(CONTEXT_S * rate)), min(len(samples), end + round(CONTEXT_S * rate))
    window_s = ((at + begin) / rate, (at + end) / rate)
    return Clip(
        (at + kept[0]) / rate, (at + kept[1]) / rate, window_s, samples[kept[0] : kept[1]], spec, exact
    )


def _sound(recording: Recording, spec: FeatureSpec, context: int) -> tuple[np.ndarray, int, int, int]:
    """Samples of a recording, and of a part those around it too.

    Returns
    -------
    samples : np.ndarray, shape (n,), float32
    at, before : int
        Where the samples begin in the file, and where the recording begins in the samples.
    n_frames : int
        Of the recording.
    """
    if recording.span is None:
        samples = load_waveform(recording.path, sample_rate=spec.sample_rate)[0].samples
        return samples, 0, 0, spec.frames_of(len(samples))
    first_frame, last_frame = span_frames(spec, recording.span)
    first = first_frame * spec.hop_length
    at = max(0, first - context)
    last = None if last_frame is None else last_frame * spec.hop_length + context
    with Excerpt(recording.path, sample_rate=spec.sample_rate, first=at, last=last) as excerpt:
        samples = np.concatenate(list(excerpt))
    there = spec.frames_of(len(samples) - (first - at))
    return samples, at, first - at, there if last_frame is None else min(there, last_frame - first_frame)


def clip_audio(clip: Clip) -> str:
    """The clip as the address of an MP3 that holds itself (Ogg where libsndfile cannot write MP3).

    It is made as loud as it can be without clipping: this is to be listened to, not to be measured. Sound
    above `MOST_RATE` is slowed down by `SLOWED`, so that bats can be heard.
    """
    rate = clip.spec.sample_rate
    return sound_address(clip.samples, rate // SLOWED if rate > MOST_RATE else rate)


def sound_address(samples: np.ndarray, sample_rate: int) -> str:
    """The same of any samples at a rate that MP3 has; others become FLAC."""
    peak = float(np.abs(samples).max(initial=0.0)) or 1.0
    kind, mime = ("MP3", "audio/mpeg") if "MP3" in soundfile.available_formats() else ("OGG", "audio/ogg")
    if sample_rate not in _MP3_RATES:
        kind, mime = "FLAC", "audio/flac"
    content = encode_samples(samples * (_PEAK / peak), sample_rate, container=kind)
    return f"data:{mime};base64,{b64encode(content).decode()}"


def clip_picture(clip: Clip, *, title: str) -> Markup:
    """The clip's spectrogram over seconds of the recording and kHz on the mel scale."""
    spec = clip.spec.with_changes(hop_length=clip.spec.n_fft // 8)
    rows = extract_features(Waveform(clip.samples, spec.sample_rate), spec).values[:, : spec.n_mels]
    image = b64encode(palette_png(colour_steps(rows.T[::-1]))).decode()
    left, top, width, height, foot = 34.0, 4.0, 400.0, 150.0, 172.0
    right = left + width

    def at_s(seconds: float) -> float:
        share = (seconds - clip.begin_s) / (clip.end_s - clip.begin_s)
        return left + min(max(share, 0.0), 1.0) * width

    low, high = float(hz_to_mel(spec.fmin_hz)), float(hz_to_mel(spec.fmax_hz))
    parts = [
        tag(
            "image",
            href=f"data:image/png;base64,{image}",
            x=left,
            y=top,
            width=width,
            height=height,
            preserveAspectRatio="none",
        )
    ]
    begin, end = (at_s(edge) for edge in clip.window_s)
    for x1, x2 in ((left, begin), (end, right)):
        if x2 - x1 > 0.5:
            parts.append(tag("rect", x=x1, y=top, width=x2 - x1, height=height, fill="#000", opacity=0.45))
    for hz in TICKS_HZ:
        if spec.fmin_hz < hz < spec.fmax_hz:
            y = top + height * (1 - (float(hz_to_mel(hz)) - low) / (high - low))
            parts.append(tag("line", x1=left - 3, x2=left, y1=y, y2=y, class_="axis"))
            parts.append(
                tag("text", f"{hz / 1000:g}", x=left - 6, y=y + 3.5, text_anchor="end", class_="tick")
            )
    parts.append(tag("text", "kHz", x=left - 6, y=top + 8, text_anchor="end", class_="tick"))
    for second in range(int(np.ceil(clip.begin_s)), int(clip.end_s) + 1):
        x = at_s(second)
        parts.append(tag("line", x1=x, x2=x, y1=top + height, y2=top + height + 3, class_="axis"))
        anchor = "middle" if x < left + width - _TICK_ROOM else "end"  # the last one has no room to its right
        parts.append(tag("text", f"{second} s", x=x, y=foot - 4, text_anchor=anchor, class_="tick"))
    parts.append(
        tag(
            "line",
            y1=top,
            y2=top + height,
            x1=left,
            x2=left,
            class_="playhead",
            data_from=left,
            data_to=right,
        )
    )
    return drawing(join(parts), right + 6, foot, title=title)


def palette_png(pixels: np.ndarray) -> bytes:
    """An 8-bit PNG of steps of the colour map.

    Parameters
    ----------
    pixels : np.ndarray, shape (height, width), uint8 below the number of colours
    """
    palette = colour_map(np.linspace(0, 1, N_COLOURS))
    return _png(pixels[:, :, None], 3, (b"PLTE", palette.tobytes()))


def rgb_png(pixels: np.ndarray) -> bytes:
    """A PNG of red, green and blue, shape (height, width, 3), uint8."""
    return _png(pixels, 2)


def colour_map(shares: np.ndarray, *, anchors: str = ANCHORS) -> np.ndarray:
    """Colours of values from 0 to 1, shape (..., 3), uint8, between ``anchors`` at equal distances."""
    given = np.array([list(bytes.fromhex(colour)) for colour in anchors.split()], np.float64)
    places = np.asarray(shares, np.float64) * (len(given) - 1)
    colours = [np.interp(places, np.arange(len(given)), given[:, k]) for k in range(3)]
    return np.stack(colours, axis=-1).round().astype(np.uint8)


def _png(pixels: np.ndarray, kind: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of pixels of shape (height, width, n_values); ``kind`` is its colour type."""
    height, width, n_values = pixels.shape
    rows = pixels.astype(np.uint8).reshape(height, width * n_values)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)),
        *chunks,
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def colour_steps(decibels: np.ndarray) -> np.ndarray:
    """Few steps, so that the picture is small: 1.4 dB each."""
    top = float(decibels.max())
    share = np.clip(1 + (decibels - top) / SHOWN_DB, 0, 1)
    return np.round(share * (N_COLOURS - 1)).astype(np.uint8)
