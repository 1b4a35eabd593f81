"""Who calls when in a scene. Everything is drawn here, by the scene's number alone; `mix` makes the sound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError
from avianvox.randomness import derive_rng
from avianvox.scenes.cuts import shifted_box
from avianvox.scenes.parts import Fold
from avianvox.scenes.settings import SceneSettings, bins_between
from avianvox.types import NO_BIRD, Box, Recording

_TRIES, _ATTEMPTS = 200, 30
"""Places that are looked at for a call, and draws of a scene's calls."""

_CALL_TO_CALL_DB = 2.0
"""Deviation of an animal's calls about its own level."""

_OCTAVES = 1 / 12
"""Most by which another animal of the same clip calls higher or lower."""


@dataclass(frozen=True, slots=True)
class Paste:
    """One call in a scene.

    ``caller`` counts the animals of the scene, ``call`` those of the clip; ``box`` is within the scene.
    ``octaves``: how much higher it is than in the clip, where this animal is not the clip's first one.
    """

    clip: Recording
    caller: int
    call: int
    first_sample: int
    level_db: float
    distance_m: float
    octaves: float
    box: Box


@dataclass(frozen=True)
class Scene:
    """A scene before it sounds; ``offset``: where in its background it begins, from 0 to 1."""

    number: int
    fold: int
    background: Recording
    offset: float
    n_callers: int
    pastes: tuple[Paste, ...]

    @property
    def name(self) -> str:
        return f"scene-{self.number:05d}"

    @property
    def labels(self) -> tuple[str, ...]:
        """The species, the one with the most animals first; "no bird" alone where nothing calls."""
        callers = {paste.caller: paste.clip.label for paste in self.pastes}
        names = list(callers.values())
        return tuple(sorted(set(names), key=lambda name: (-names.count(name), name))) or (NO_BIRD,)

    @property
    def made_of(self) -> tuple[Recording, ...]:
        """Clips, each once, and the background."""
        found = {paste.clip.id: paste.clip for paste in self.pastes}
        return (*found.values(), self.background)


@dataclass(frozen=True)
class Voices:
    """A fold whose clips have calls; ``boxes``: of each call of a clip, by the clip's id."""

    fold: Fold
    boxes: Mapping[str, Sequence[Box]]

    def clips(self, label: str) -> list[Recording]:
        return [clip for clip in self.fold.clips if clip.label == label and self.boxes.get(clip.id)]

    @property
    def species(self) -> list[str]:
        return [name for name in self.fold.species if self.clips(name)]


def draw_scene(number: int, fold: int, voices: Voices, settings: SceneSettings) -> Scene:
    """The scene with a number; depends on nothing but its arguments.

    Raises
    ------
    InputError
        The animals' calls don't fit into the scene without overlap.
    """
    rng = derive_rng(settings.seed, "scene", number)
    grounds = voices.fold.backgrounds
    background, offset = grounds[int(rng.integers(len(grounds)))], float(rng.random())
    if rng.random() < settings.empty:
        return Scene(number, fold, background, offset, 0, ())
    bins = bins_between(settings.callers[0], settings.callers[1])
    low, high = bins[int(rng.integers(len(bins)))]
    n_callers = int(rng.integers(low, high + 1))
    for attempt in range(_ATTEMPTS):
        drawn = derive_rng(settings.seed, "scene", number, "calls", attempt)
        pastes = _pastes(n_callers, voices, settings, drawn)
        if pastes is not None:
            return Scene(number, fold, background, offset, n_callers, pastes)
    raise InputError(
        f"scene {number}: the calls of {n_callers} animals do not fit into {settings.duration_s:g} s without "
        "overlap; allow it with --overlap, make scenes longer, or ask for fewer callers or calls"
    )


def _pastes(
    n_callers: int, voices: Voices, settings: SceneSettings, rng: np.random.Generator
) -> tuple[Paste, ...] | None:
    """The calls of a scene in order of time; None where one finds no free place."""
    lowest_db, highest_db = settings.level_db
    pastes: list[Paste] = []
    for caller, (clip, again) in enumerate(_callers(n_callers, voices, settings, rng)):
        octaves = float(rng.uniform(-_OCTAVES, _OCTAVES)) if again else 0.0
        level_db = float(rng.uniform(lowest_db, highest_db))
        distance_m = float(rng.uniform(0.0, settings.distance_m))
        n_calls = int(rng.integers(settings.calls[0], settings.calls[1] + 1))
        boxes = voices.boxes[clip.id]
        order = np.roll(rng.permutation(len(boxes)), -again)
        for k in range(n_calls):
            call = int(order[k % len(order)])
            place = _place(shifted_box(boxes[call], octaves, settings.sample_rate), pastes, settings, rng)
            if place is None:
                return None
            level = min(max(level_db + float(rng.normal(0.0, _CALL_TO_CALL_DB)), lowest_db), highest_db)
            pastes.append(Paste(clip, caller, call, place[0], level, distance_m, octaves, place[1]))
    return tuple(sorted(pastes, key=lambda paste: (paste.first_sample, paste.caller, paste.call)))


def _callers(
    n_callers: int, voices: Voices, settings: SceneSettings, rng: np.random.Generator
) -> list[tuple[Recording, int]]:
    """The clip of each animal, and how many animals of the scene have it already.

    Each species has one at first. Further ones are of species that have clips left, as long as there are any.
    """
    names = voices.species
    n_species = min(int(rng.integers(1, settings.species + 1)), len(names), n_callers)
    chosen = [names[i] for i in rng.permutation(len(names))[:n_species]]
    clips = [voices.clips(name) for name in chosen]
    turns = [[mine[i] for i in rng.permutation(len(mine))] for mine in clips]
    shares = rng.dirichlet(np.ones(n_species))
    taken = np.zeros(n_species, np.int64)
    found = []
    for caller in range(n_callers):
        left = taken < [len(mine) for mine in turns]
        odds = shares * left if left.any() else shares
        k = caller if caller < n_species else int(rng.choice(n_species, p=odds / odds.sum()))
        again, turn = divmod(int(taken[k]), len(turns[k]))
        found.append((turns[k][turn], again))
        taken[k] += 1
    return found


def _place(
    box: Box, pastes: Sequence[Paste], settings: SceneSettings, rng: np.random.Generator
) -> tuple[int, Box] | None:
    """First sample and box of a call in a free place; None where none is found."""
    rate = settings.sample_rate
    last = settings.n_samples - round(box.end_s * rate)
    for _ in range(_TRIES):
        first = int(rng.integers(0, last + 1))
        there = box.shifted(first / rate)
        if settings.overlap or not any(_overlap(there, paste.box) for paste in pastes):
            return first, there
    return None


def _overlap(one: Box, other: Box) -> bool:
    return (
        one.begin_s < other.end_s
        and other.begin_s < one.end_s
        and one.low_hz < other.high_hz
        and other.low_hz < one.high_hz
    )
