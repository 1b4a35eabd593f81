"""Examples of each cluster on one page that holds everything: spectrograms to see, sounds to hear."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avianvox.audio.excerpt import Excerpt
from avianvox.dataset.credits import credit_of
from avianvox.errors import AudioError
from avianvox.evaluation.plain import counted
from avianvox.features.spec import FeatureSpec
from avianvox.files import atomic_write
from avianvox.find.cluster import Clusters, examples
from avianvox.find.places import Places
from avianvox.pages.blocks import Counter, Section, Text
from avianvox.pages.clips import CONTEXT_S, Clip, clip_audio, clip_picture
from avianvox.pages.markup import Markup, tag
from avianvox.pages.page import html_page
from avianvox.types import Detection

_SPEC = FeatureSpec()  # of pictures and sounds, whatever the store is made with
_ABOUT = (
    "In each spectrogram, the window is bright and what lies around it is dimmed. Listen, and fill in the "
    "column `label` of the table of names; leave it empty where the examples differ."
)


@dataclass(frozen=True)
class _Sounds:
    """Examples of one cluster: where each was, and its picture and player, or why there are none."""

    sounds: tuple[tuple[str, Markup], ...]

    def html(self, counter: Counter) -> Markup:
        credited = ((sound, tag("p", where, class_="credit")) for where, sound in self.sounds)
        return tag("div", *(tag("div", *pair, class_="sound") for pair in credited), class_="sounds")

    def markdown(self, counter: Counter) -> str:
        return "\n".join(f"- {where}" for where, _ in self.sounds)


def write_page(
    path: Path,
    clusters: Clusters,
    places: Places,
    *,
    n_examples: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Write the page, and give one line for each example whose file can't be read; it stands there too."""
    sections = [Section("about", "About", (Text(_ABOUT),))]
    shown = examples(clusters, places, n_examples=n_examples)
    failed: list[str] = []
    for k, (name, rows) in enumerate(shown.items(), start=1):
        sounds = []
        for row in rows:
            try:
                sound = _sound(row)
            except AudioError as error:
                why = error.about(Path(row.path))
                failed.append(f"{row.path}: {error.status}: {why}")
                sound = tag("p", why, class_="absent")
            sounds.append((_where(row), sound))
        members = clusters.members(int(name.split()[1]) - 1)
        n_recordings = len(np.unique(clusters.windows.position[members]))
        title = f"{name}: {counted(len(members), 'window')} of {counted(n_recordings, 'recording')}"
        sections.append(Section(name.replace(" ", "-"), title, (_Sounds(tuple(sounds)),)))
        if progress:
            progress(k, len(shown))
    page = html_page("Groups of like sounds", str(clusters.windows.store.path), sections, "avianvox cluster")
    with atomic_write(path) as stream:
        stream.write(page)
    return failed


def _where(row: Detection) -> str:
    path = Path(row.path)
    credit = credit_of(path) if path.is_file() else ""
    return f"{path.name}, {row.begin_s:.1f} to {row.end_s:.1f} s" + (f"; {credit}" if credit else "")


def _sound(row: Detection) -> Markup:
    rate = _SPEC.sample_rate
    begin_s, end_s = row.begin_s or 0.0, row.end_s or 0.0
    first = round(max(0.0, begin_s - CONTEXT_S) * rate)
    with Excerpt(row.path, sample_rate=rate, first=first, last=round((end_s + CONTEXT_S) * rate)) as excerpt:
        samples = np.concatenate([np.zeros(0, np.float32), *excerpt])
    if not len(samples):
        raise AudioError(f"{row.path}: there is no sound from {begin_s:g} s on")
    at = first / rate
    clip = Clip(at, at + len(samples) / rate, (begin_s, end_s), samples, _SPEC, True)
    player = tag("audio", controls=True, preload="metadata", src=clip_audio(clip))
    return tag("div", clip_picture(clip, title=f"spectrogram of {Path(row.path).name}"), player)
