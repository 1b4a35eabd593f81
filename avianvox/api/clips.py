"""The sound behind anything: a file, samples, a recording of a catalog, or a row of a table."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from avianvox.api.inputs import as_samples
from avianvox.audio.cut import Clip, cut
from avianvox.errors import AudioError
from avianvox.types import Detection, Recording, Status

if TYPE_CHECKING:
    from avianvox.api.inputs import Sound

Heard: TypeAlias = "Sound | Detection"

LONGEST_S = 120.0
_KINDS = "a path, an array with sample_rate, a Waveform, a Recording or a row of results"
"""So much of a longer sound is taken where nobody says which part."""


def clip_of(
    sound: "Heard",
    *,
    sample_rate: int | None = None,
    begin_s: float | None = None,
    end_s: float | None = None,
    context_s: float = 1.0,
) -> tuple[Clip, Detection]:
    """Samples with all their channels, and the row of a table that says what is of interest in them.

    Parameters
    ----------
    sound : path-like, np.ndarray, Waveform, Recording or Detection
    sample_rate : int, Hz, optional
        Of an array.
    begin_s, end_s : float, seconds, optional
        The part that is wanted; by default the row's with ``context_s`` on both sides, or the first
        `LONGEST_S` seconds.
    context_s : float, seconds

    Raises
    ------
    AudioError
        Nothing can be decoded, or there is nothing in that part.
    InputError
        It is no sound.
    """
    about = _about(sound)
    first, last = about.begin_s, about.end_s
    if begin_s is None:
        begin_s = 0.0 if first is None else max(0.0, first - context_s)
    if end_s is None:
        end_s = begin_s + LONGEST_S if last is None else last + context_s
    if isinstance(sound, str | os.PathLike | Recording | Detection):
        clip = next((found for _, found in cut(Path(about.path), [(begin_s, end_s)])), None)
    else:
        samples, rate = as_samples(sound, sample_rate=sample_rate, kinds=_KINDS)
        at = slice(round(begin_s * rate), round(end_s * rate))
        frames = samples.reshape(len(samples), -1)[at]
        clip = Clip(frames, rate, at.start, 24) if len(frames) else None
    if clip is None:
        raise AudioError(f"{about.path}: the sound ends before {begin_s:.1f} s", status=Status.EMPTY)
    return clip.of_channel(about.channel), about


def _about(sound: "Heard") -> Detection:
    """What is known of a sound, as a row."""
    if isinstance(sound, Detection):
        return sound
    if isinstance(sound, Recording):
        return Detection(
            str(sound.path),
            begin_s=sound.begin_s,
            end_s=sound.end_s,
            low_hz=sound.low_hz,
            high_hz=sound.high_hz,
            scientific_name=sound.label,
            common_name=sound.common_name,
            site=sound.site,
            begin_time=" ".join(part for part in (sound.date, sound.time) if part),
        )
    return Detection(os.fspath(sound) if isinstance(sound, str | os.PathLike) else "array")


def title_of(about: Detection) -> str:
    """One line: what it is, how sure, and where it is from."""
    names = about.scientific_name + (f" ({about.common_name})" if about.common_name else "")
    score = "" if about.score is None else f"{about.score:.2f}"
    decision = "" if about.decision is None else str(about.decision)
    return ", ".join(part for part in (names, score, decision, os.path.basename(about.path)) if part)
