"""The best examples of each species: a spectrogram, and its sound where the page has room for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avianvox.audio.probe import probe
from avianvox.dataset.credits import credit_of
from avianvox.errors import AudioError
from avianvox.features.spec import FeatureSpec
from avianvox.overview.picture import cut
from avianvox.overview.season import Season
from avianvox.pages.clips import MOST_RATE, SLOWED, clip_audio, clip_picture, cut_loudest
from avianvox.pages.markup import Markup
from avianvox.types import Detection
from avianvox.words import printable

SHOWN_S = 6.0
_BATS_RATE = 96_000
_BIRDS = FeatureSpec()


@dataclass(frozen=True)
class Example:
    """A detection with its picture and sound; where there is none, ``trouble`` says why."""

    detection: Detection
    said: str
    picture: Markup | None = None
    audio: str = ""
    trouble: str = ""


def examples(
    season: Season,
    locate: Callable[[str], Path],
    *,
    most_bytes: int,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, list[Example]]:
    """Species to its examples, the highest score first.

    ``most_bytes``: of all sounds; once they are used up, examples have pictures alone.
    """
    found: dict[str, list[Example]] = {}
    left, done = most_bytes, 0
    total = sum(len(rows) for rows in season.examples.values())
    for name in season.species:
        for row in season.examples.get(name, ()):
            one = _example(row, locate(row.path), sound=left > 0)
            left -= len(one.audio)
            found.setdefault(name, []).append(one)
            done += 1
            if progress:
                progress(done, total)
    return found


def _example(row: Detection, path: Path, *, sound: bool) -> Example:
    said = _said(row)
    span = row.begin_s or 0.0, row.end_s or 0.0
    try:
        clip = cut_loudest(path, span, _spec(path), most_s=SHOWN_S)
    except AudioError as error:
        return Example(row, said, trouble=f"Sound not available: {error.about(path)}.")
    title = f"Spectrogram of {cut(row.scientific_name)}, {clip.begin_s:.1f} to {clip.end_s:.1f} s"
    slower = f"{SLOWED} times slower" if clip.spec.sample_rate > MOST_RATE and sound else ""
    said = ", ".join(part for part in (said, slower, printable(credit_of(path))) if part)
    return Example(row, said, clip_picture(clip, title=title), clip_audio(clip) if sound else "")


def _spec(path: Path) -> FeatureSpec:
    """What a spectrogram of this file shows: the range of birds, or all that a detector of bats records."""
    rate = probe(path, decode=False).sample_rate
    return _BIRDS if rate <= _BATS_RATE else _BIRDS.with_changes(sample_rate=rate, fmax_hz=rate / 2)


def _said(row: Detection) -> str:
    when = printable(row.begin_time.replace("T", " ")[:19])
    score = "" if row.score is None else f"score {row.score:.2f}"
    parts = (score, cut(row.site), when, printable(Path(row.path).name))
    return ", ".join(part for part in parts if part)
