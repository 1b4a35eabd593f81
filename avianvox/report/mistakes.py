"""The mistakes that teach most: sure of themselves, each of another pair of species, to be seen and heard.

Beside a mistake stands the recording of the named species that the model recognised best, and what may have
led the model: the named species sings in the background, or the same person recorded it in training.
"""

from collections import Counter as Count
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.dataset.licences import licence_name
from avianvox.dataset.splits import Split
from avianvox.errors import AudioError
from avianvox.evaluation.predictions import Pooled
from avianvox.features.spec import FeatureSpec
from avianvox.pages.blocks import Counter, Section, Text, inline, name
from avianvox.pages.clips import clip_audio, clip_picture, cut_clip
from avianvox.pages.markup import Markup, join, tag
from avianvox.types import LabelSet, Recording

_TITLE = "Most confident mistakes"
_MOST_OF_ONE_SPECIES = 2
"""Mistakes shown at most with the same right answer, and with the same wrong one."""


@dataclass(frozen=True)
class Sound:
    """A playable window with its picture; where there is none, ``trouble`` says why.

    ``exact``: whether it is a window of the model, or the loudest part in its place.
    """

    recording: Recording
    picture: Markup | None = None
    audio: str = ""
    trouble: str = ""
    exact: bool = False

    def html(self) -> Markup:
        credit = tag("p", _credit(self.recording), class_="credit")
        if self.trouble:
            return tag("div", tag("p", self.trouble, class_="absent"), credit, class_="sound")
        player = tag("audio", controls=True, preload="metadata", src=self.audio)
        return tag("div", self.picture, player, credit, class_="sound")


@dataclass(frozen=True)
class Mistake:
    """A recording that was given a wrong name.

    ``scores``: of the name given and of the right one; ``rank``: of the right one, from 1; ``hints``: what
    may have led the model; ``example``: a recording of the named species, rightly recognised.
    """

    target: str
    named: str
    scores: tuple[float, float]
    rank: int
    hints: tuple[str, ...]
    sound: Sound
    example: Sound | None

    @property
    def summary(self) -> str:
        given, right = self.scores
        return f"Uncalibrated score {given:.2f}. The correct species has {right:.2f} (rank {self.rank})."

    def to_mapping(self) -> dict[str, Any]:
        return {
            "recording": self.sound.recording.id,
            "target": self.target,
            "named": self.named,
            "score_named": self.scores[0],
            "score_target": self.scores[1],
            "rank_of_target": self.rank,
            "hints": list(self.hints),
            "example_of_named": self.example.recording.id if self.example else None,
            "credit": self.sound.recording.attribution,
        }


@dataclass(frozen=True)
class MistakesBlock:
    """Mistakes side by side; the Markdown page says them in words."""

    mistakes: tuple[Mistake, ...]

    def html(self, counter: Counter) -> Markup:
        return tag("div", *map(self._card, self.mistakes), class_="mistakes")

    @staticmethod
    def _card(mistake: Mistake) -> Markup:
        if mistake.example is None:
            example = tag(
                "p", "No recording of ", tag("i", mistake.named), " was named correctly.", class_="versus"
            )
        else:
            title = tag("p", "For comparison, a correctly named ", tag("i", mistake.named), ":")
            example = tag("div", title, mistake.example.html(), class_="versus")
        return tag(
            "article",
            tag("h3", tag("i", mistake.target), " named ", tag("i", mistake.named)),
            tag("p", inline(" ".join((mistake.summary, *mistake.hints)))),
            mistake.sound.html(),
            example,
            class_="mistake",
        )

    def markdown(self, counter: Counter) -> str:
        return "\n".join(
            f"- {name(m.target)} named {name(m.named)}. {' '.join((m.summary, *m.hints))} "
            f"({m.sound.recording.attribution})"
            for m in self.mistakes
        )


def mistakes_section(
    pooled: Pooled,
    split: Split,
    recordings: tuple[Recording, ...],
    labels: LabelSet,
    windows: tuple[FeatureSpec, int],
    n: int,
) -> Section:
    """The ``n`` most instructive mistakes among the test recordings of all folds.

    Parameters
    ----------
    pooled : Pooled
    split : Split
        The folds that it comes from, as positions in ``recordings``.
    recordings : tuple of Recording
    labels : LabelSet
    windows : FeatureSpec, int
        As `SavedRun.windows_of` gives them.
    n : int
        0 for none.
    """
    rows = instructive_mistakes(pooled, n)
    if not rows:
        why = "The model made no mistake." if n else "Left out because of `--clips 0`."
        return Section("mistakes", _TITLE, absent=why)
    sounds: dict[int, Sound] = {}

    def sound(row: int) -> Sound:
        if row not in sounds:
            sounds[row] = _sound(pooled, row, *windows)
        return sounds[row]

    found = []
    for row in rows:
        target, named = int(pooled.targets[row]), int(pooled.predicted[row])
        scores = pooled.scores[row]
        trained = [recordings[i] for i in split.folds[pooled.folds[row]].train.tolist()]
        hints = _hints(pooled.recordings[row], labels.names[target], labels.names[named], trained)
        best = _best_example(pooled, named)
        found.append(
            Mistake(
                labels.names[target],
                labels.names[named],
                (float(scores[named]), float(scores[target])),
                int((scores > scores[target]).sum()) + 1,
                hints,
                sound(row),
                None if best is None else sound(best),
            )
        )
    words = "Wrongly named recordings with the highest scores, one of each pair of species."
    if exact := [sound.exact for sound in sounds.values() if sound.picture]:
        part = "the window with the highest score for the name" if all(exact) else "the loudest part"
        if not any(exact):
            part += " (the model scores a recording as a whole)"
        words += f" The bright part of a spectrogram is {part}. All sounds have the same loudness."
    data = {"mistakes": [mistake.to_mapping() for mistake in found]}
    return Section("mistakes", _TITLE, (Text(words), MistakesBlock(tuple(found))), data)


def instructive_mistakes(pooled: Pooled, n: int) -> list[int]:
    """Rows that are wrong with the highest score, no pair twice and no species more than twice on a side."""
    predicted = pooled.predicted
    wrong = np.flatnonzero(predicted != pooled.targets)
    order = wrong[np.argsort(-pooled.scores[wrong, predicted[wrong]], kind="stable")]
    chosen: list[int] = []
    pairs: set[tuple[int, int]] = set()
    seen: Count[tuple[str, int]] = Count()
    for row in order.tolist():
        target, named = int(pooled.targets[row]), int(predicted[row])
        sides = (("target", target), ("named", named))
        if (
            len(chosen) < n
            and (target, named) not in pairs
            and all(seen[s] < _MOST_OF_ONE_SPECIES for s in sides)
        ):
            chosen.append(row)
            pairs.add((target, named))
            seen.update(sides)
    return chosen


def _best_example(pooled: Pooled, label: int) -> int | None:
    """The row of this class that is right with the highest score."""
    right = np.flatnonzero((pooled.targets == label) & (pooled.predicted == label))
    return int(right[np.argmax(pooled.scores[right, label])]) if len(right) else None


def _hints(recording: Recording, target: str, named: str, trained: list[Recording]) -> tuple[str, ...]:
    hints = []
    if named in recording.background:
        hints.append(f"{name(named)} is listed as background species, so the name may be correct.")
    if recording.recordist:
        mine = Count(r.label for r in trained if r.recordist == recording.recordist)
        if mine[named] > mine[target]:
            hints.append(
                f"In training, {recording.recordist} recorded {name(named)} {_times(mine[named])} and "
                f"{name(target)} {_times(mine[target])}."
            )
    same = sum(r.session == recording.session and r.label == named for r in trained)
    if same:
        hints.append(f"{name(named)} was recorded {_times(same)} in the same session.")
    return tuple(hints)


def _sound(pooled: Pooled, row: int, spec: FeatureSpec, hop_frames: int) -> Sound:
    recording = pooled.recordings[row]
    windows = np.flatnonzero(pooled.window_rows == row)
    surest = int(np.argmax(pooled.window_scores[windows, pooled.predicted[row]]))
    try:
        clip = cut_clip(recording, spec, hop_frames=hop_frames, window=surest, n_windows=len(windows))
    except AudioError as error:
        return Sound(recording, trouble=f"Sound not available: {error}.")
    title = f"Spectrogram of {recording.id}, {clip.begin_s:.1f} to {clip.end_s:.1f} s"
    return Sound(recording, clip_picture(clip, title=title), clip_audio(clip), exact=clip.exact)


def _credit(recording: Recording) -> Markup:
    """Recordist, id with its address, and licence."""
    shown = tag("a", recording.id, href=recording.url) if _is_web(recording.url) else recording.id
    place = " ".join(part for part in (recording.site, recording.date) if part)
    parts = (recording.recordist, shown, place, licence_name(recording.licence))
    return join((part for part in parts if part), ", ")


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _times(n: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(n, f"{n} times")
