"""Which recordings of an answer are wanted, and which are taken where there are more.

The better quality comes first, and among equals the order is drawn: it depends on the seed and the
recording's number alone, so a recording that is new on the server does not shuffle the others.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from avianvox.dataset.download.answers import Sound
from avianvox.errors import InputError
from avianvox.randomness import hash_name

QUALITIES = ("A", "B", "C", "D", "E")
"""xeno-canto's rating, best first."""

_BYTES_PER_SECOND = {".wav": 92_000, ".flac": 50_000}
_MP3_BYTES_PER_SECOND = 16_300


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for. None means that it does not matter."""

    query: str
    min_quality: str | None = None
    min_length_s: float | None = None
    max_length_s: float | None = None
    no_derivatives: bool = True  # whether recordings that may not be altered are taken
    per_species: int | None = None
    per_recordist: int | None = None  # of one species
    per_session: int | None = None  # of one species; a session is a recordist, a day and a place
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.query.strip():
            raise InputError("the query is empty; expected tags, such as gen:Vireo sp:latimeri q:A")
        if self.min_quality is not None and self.min_quality not in QUALITIES:
            raise InputError(f"expected a quality from A to E, got '{self.min_quality}'")
        for name in ("per_species", "per_recordist", "per_session"):
            cap = getattr(self, name)
            if cap is not None and cap < 1:
                raise InputError(f"{name}: expected at least 1, got {cap}")
        if (self.min_length_s or 0) > (math.inf if self.max_length_s is None else self.max_length_s):
            raise InputError(
                f"minimum duration {self.min_length_s} s: expected at most the maximum, {self.max_length_s} s"
            )


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be fetched: ``chosen`` by number; ``left_out`` counts the others by reason."""

    chosen: tuple[Sound, ...]
    left_out: dict[str, int]

    @property
    def seconds(self) -> float:
        """Length of all chosen recordings, as far as it is known."""
        return sum(sound.recording.duration_s or 0.0 for sound in self.chosen)

    @property
    def n_species(self) -> int:
        return len({_species(sound) for sound in self.chosen})

    @property
    def bytes_about(self) -> int:
        """An estimate from lengths: 16.3 kB a second of mp3, 92 kB of WAV, as 274 recordings had them."""
        return round(sum(map(_bytes_about, self.chosen)))


def choose(found: Iterable[Sound], wishes: Wishes) -> Plan:
    """Part ``found`` into what is taken and what is left out."""
    left_out: Counter[str] = Counter()
    taken: Counter[tuple[str, ...]] = Counter()
    chosen = []
    for sound in sorted(found, key=partial(_rank, seed=wishes.seed)):
        reason = _unwanted(sound, wishes) or _too_many(sound, wishes, taken)
        if reason:
            left_out[reason] += 1
            continue
        taken.update(_groups(sound))
        chosen.append(sound)
    chosen.sort(key=lambda sound: sound.number)
    return Plan(tuple(chosen), dict(sorted(left_out.items())))


def _rank(sound: Sound, *, seed: int) -> tuple[int, int]:
    return _quality(sound), hash_name(seed, "download", sound.recording.id)


def _quality(sound: Sound) -> int:
    """0 for A; a recording without a rating comes after E."""
    rating = sound.recording.quality.upper()
    return QUALITIES.index(rating) if rating in QUALITIES else len(QUALITIES)


def _unwanted(sound: Sound, wishes: Wishes) -> str:
    """The reason for which it is not taken, or ""."""
    recording = sound.recording
    length = recording.duration_s
    if not sound.address:
        return "sound withheld by xeno-canto"
    if wishes.min_quality is not None and _quality(sound) > QUALITIES.index(wishes.min_quality):
        return f"quality below {wishes.min_quality}"
    if not wishes.no_derivatives and "-ND" in recording.licence.upper():
        return "no derivatives allowed"
    if not wishes.no_derivatives and not recording.licence:
        return "licence unknown"
    if length is None:
        return "length unknown" if (wishes.min_length_s, wishes.max_length_s) != (None, None) else ""
    if wishes.min_length_s is not None and length < wishes.min_length_s:
        return f"shorter than {wishes.min_length_s:g} s"
    if wishes.max_length_s is not None and length > wishes.max_length_s:
        return f"longer than {wishes.max_length_s:g} s"
    return ""


def _too_many(sound: Sound, wishes: Wishes, taken: Counter[tuple[str, ...]]) -> str:
    caps = (wishes.per_species, wishes.per_recordist, wishes.per_session)
    names = ("species", "recordist", "session")
    for cap, name, group in zip(caps, names, _groups(sound), strict=True):
        if cap is not None and taken[group] >= cap:
            return f"above {cap} per {name}"
    return ""


def _groups(sound: Sound) -> tuple[tuple[str, ...], ...]:
    """Its species, and that species by its recordist and in its session.

    Where no recordist is named, the recording counts as a recordist's own.
    """
    recording, species = sound.recording, _species(sound)
    recordist = recording.recordist or recording.id
    return (species,), (species, "recordist", recordist), (species, "session", recording.session)


def _species(sound: Sound) -> str:
    """As the server names it, also where nobody has identified it."""
    return f"{sound.row.get('gen', '')} {sound.row.get('sp', '')}"


def _bytes_about(sound: Sound) -> float:
    rate = _BYTES_PER_SECOND.get(sound.name[sound.name.rindex(".") :], _MP3_BYTES_PER_SECOND)
    return rate * (sound.recording.duration_s or 0.0)
