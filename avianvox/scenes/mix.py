"""The sound of a scene, in blocks: memory grows neither with the scene nor with its background."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from avianvox.audio.excerpt import Excerpt
from avianvox.audio.probe import probe
from avianvox.audio.synth.scene import at_distance
from avianvox.errors import AudioError
from avianvox.files import atomic_write
from avianvox.scenes.cuts import CutCall
from avianvox.scenes.plan import Paste, Scene
from avianvox.scenes.settings import SceneSettings
from avianvox.types import Box, Recording

_BLOCK_S = 10.0
_SEAM_S = 0.02  # over which a background fades where it begins anew
_LEAST_POWER = 1e-9  # of a background in a call's band: -90 dB of full scale
_PEAK = 0.98
_COMMENT = b"synthetic scene, made by avianvox: not a recording\0\0"

Calls = Callable[[Paste], CutCall]
"""The sound of a paste."""


def scene_blocks(scene: Scene, calls: Calls, settings: SceneSettings) -> Iterator[np.ndarray]:
    """The samples of a scene, float32, before it is turned down to what a file holds.

    The level of a call is measured against the background alone, in the call's band and while it sounds.

    Raises
    ------
    AudioError
        The background cannot be decoded.
    """
    n, rate = settings.n_samples, settings.sample_rate
    reach = round(settings.longest_s * rate) + rate
    block = round(_BLOCK_S * rate)
    source = _background(scene.background, scene.offset, settings)
    clean = mixed = np.zeros(0, np.float32)
    waiting = list(scene.pastes)
    for at in range(0, n, block):
        size = min(block, n - at)
        while len(clean) < min(size + reach, n - at):
            more = next(source)
            clean, mixed = np.concatenate((clean, more)), np.concatenate((mixed, more))
        while waiting and waiting[0].first_sample < at + size:
            paste = waiting.pop(0)
            begin = paste.first_sample - at
            sound = _heard(calls(paste), paste, clean[begin:], settings)
            mixed[begin : begin + len(sound)] += sound
        yield mixed[:size]
        clean, mixed = clean[size:], mixed[size:]


def band_power(samples: np.ndarray, box: Box, sample_rate: int) -> float:
    """Mean power of sound between the low and the high frequency of a box."""
    spectrum = np.fft.rfft(samples.astype(np.float64))
    inside = np.fft.rfftfreq(len(samples), 1 / sample_rate)
    band = spectrum[(inside >= box.low_hz) & (inside <= box.high_hz)]
    return float(2 * np.sum(np.abs(band) ** 2) / len(samples) ** 2)


def _heard(cut: CutCall, paste: Paste, behind: np.ndarray, settings: SceneSettings) -> np.ndarray:
    """A call as it sounds at its place: filtered by the distance, at its level above the background."""
    sound = cut.samples
    if paste.distance_m:
        sound = at_distance(sound, settings.sample_rate, paste.distance_m, np.ones(1)).astype(np.float32)
    own = band_power(sound, cut.box, settings.sample_rate)
    ground = band_power(behind[: len(sound)], cut.box, settings.sample_rate)
    gain = np.sqrt(10.0 ** (paste.level_db / 10) * max(ground, _LEAST_POWER) / max(own, 1e-20))
    heard: np.ndarray = (gain * sound).astype(np.float32)
    return heard


def _background(ground: Recording, offset: float, settings: SceneSettings) -> Iterator[np.ndarray]:
    """The background from its offset on, again and again, with a fade where it begins anew."""
    rate = settings.sample_rate
    begin = round((ground.begin_s or 0.0) * rate)
    end = None if ground.end_s is None or ground.begin_s is None else round(ground.end_s * rate)
    length_s = probe(ground.path, decode=False).header_s if end is None else end / rate
    spare = max(0.0, (length_s or 0.0) - begin / rate - settings.duration_s)
    first = begin + int(offset * spare * rate)
    while True:
        n = 0
        for piece in _faded(ground.path, first, end, rate):
            n += len(piece)
            yield piece
        if not n:
            raise AudioError(f"{ground.path}: no sound to make a background of")
        first = begin


def _faded(path: Path, first: int, last: int | None, rate: int) -> Iterator[np.ndarray]:
    seam = round(_SEAM_S * rate)
    rise = np.sin(np.linspace(0, np.pi / 2, seam, dtype=np.float32)) ** 2
    held = np.zeros(0, np.float32)
    begun = False
    with Excerpt(path, sample_rate=rate, first=first, last=last) as excerpt:
        for piece in excerpt:
            held = np.concatenate((held, piece))
            if len(held) <= 2 * seam:
                continue
            if not begun:
                held[:seam] *= rise
                begun = True
            yield held[:-seam]
            held = held[-seam:]
    fall = rise[::-1][-len(held) :] if len(held) else rise[:0]
    yield held[-len(fall) :] * fall if len(fall) else held


def write_scene(path: Path, blocks: Iterable[np.ndarray], *, n_samples: int, sample_rate: int) -> None:
    """Write a WAV file of 16 bits, turned down as a whole where it would be too loud.

    Its comment says that it is synthetic.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    with atomic_write(path, "wb") as stream, TemporaryFile() as raw:
        peak = 0.0
        for block in blocks:
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            raw.write(block.astype("<f4").tobytes())
        scale = np.float32(32767 * min(1.0, _PEAK / peak if peak else 1.0))
        stream.write(_header(n_samples, sample_rate))
        raw.seek(0)
        while content := raw.read(1 << 20):
            stream.write(np.round(np.frombuffer(content, "<f4") * scale).astype("<i2").tobytes())


def _header(n_samples: int, sample_rate: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return name + len(content).to_bytes(4, "little") + content

    numbers = ((1, 2), (1, 2), (sample_rate, 4), (2 * sample_rate, 4), (2, 2), (16, 2))
    form = b"".join(value.to_bytes(size, "little") for value, size in numbers)
    head = b"WAVE" + chunk(b"fmt ", form) + chunk(b"LIST", b"INFO" + chunk(b"ICMT", _COMMENT))
    size = 2 * n_samples
    return (
        b"RIFF" + (len(head) + 8 + size).to_bytes(4, "little") + head + b"data" + size.to_bytes(4, "little")
    )
