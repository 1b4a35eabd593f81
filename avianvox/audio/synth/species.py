"""Invented species: a name, a register and a repertoire each.

A species depends on its number alone, never on a data set's seed: recordings made with another seed are new
recordings of the same species, fit to test a model with.
"""

from dataclasses import dataclass

from avianvox.audio.synth.voices import KINDS, Motif
from avianvox.errors import InputError
from avianvox.randomness import derive_rng

GENERA = (
    ("Fictornis", "Fablebird"),
    ("Sonospiza", "Tonefinch"),
    ("Echocincla", "Echodipper"),
    ("Tintiphaga", "Bell-eater"),
    ("Vocurhynchus", "Voicebill"),
    ("Simulornis", "Mimebird"),
    ("Lyrisylva", "Lyrewood"),
    ("Chimerops", "Chime-eye"),
    ("Nemophona", "Nobody's-voice"),
    ("Phantospiza", "Phantomfinch"),
    ("Cantillula", "Chanterel"),
    ("Umbravox", "Shadowvoice"),
)
EPITHETS = (
    ("sibilans", "Whispering"),
    ("loquax", "Talkative"),
    ("vagans", "Wandering"),
    ("mendax", "Untruthful"),
    ("resonans", "Resounding"),
    ("velox", "Swift"),
    ("simplex", "Simple"),
    ("fugax", "Fleeting"),
    ("audax", "Bold"),
    ("tenax", "Persistent"),
    ("errans", "Straying"),
    ("fallax", "Deceiving"),
)
MAX_SPECIES = len(GENERA) * len(EPITHETS)

_LOW_HZ, _OCTAVES = 1500.0, 2.0  # registers lie between 1.5 and 6 kHz
_GOLDEN = 0.618033988749895


@dataclass(frozen=True, slots=True)
class Species:
    """``motifs``: call type (``"song"``, ``"call"``) -> what it consists of."""

    name: str
    common_name: str
    centre_hz: float
    motifs: dict[str, Motif]


def species(number: int) -> Species:
    """The species with a number from 0 to `MAX_SPECIES` - 1.

    The song is two motifs of the species' own kind of voice and another one; the call is a short motif of the
    own kind. Neighbouring numbers differ in kind, and registers are spread by the golden ratio.
    """
    if not 0 <= number < MAX_SPECIES:
        raise InputError(f"species are numbered 0 to {MAX_SPECIES - 1}, got {number}")
    rng = derive_rng(0, "species", number)
    genus, epithet = GENERA[number % 12], EPITHETS[(number + number // 12) % 12]
    kinds = list(KINDS)
    own = kinds[number % len(kinds)]
    other = kinds[(number + 1 + number // len(kinds)) % len(kinds)]
    centre_hz = _LOW_HZ * 2.0 ** (_OCTAVES * ((0.35 + number * _GOLDEN) % 1.0))
    first = KINDS[own](rng, centre_hz)
    second = KINDS[other](rng, centre_hz * 2.0 ** rng.uniform(-0.4, 0.4))
    call = _shortest([KINDS[own](rng, centre_hz * 2.0**0.2) for _ in range(3)])
    return Species(
        name=f"{genus[0]} {epithet[0]}",
        common_name=f"{epithet[1]} {genus[1]}",
        centre_hz=centre_hz,
        motifs={"song": _joined(first, second, gap_s=rng.uniform(0.05, 0.15)), "call": call},
    )


def _joined(first: Motif, second: Motif, *, gap_s: float) -> Motif:
    begin = first.duration_s + gap_s
    return Motif(
        first.onsets_s + tuple(begin + onset for onset in second.onsets_s), first.elements + second.elements
    )


def _shortest(motifs: list[Motif]) -> Motif:
    """The shortest of ``motifs``, cut after 0.6 s so that it fits into any recording."""
    motif = min(motifs, key=lambda m: m.duration_s)
    kept = max(1, sum(onset < 0.6 for onset in motif.onsets_s))
    return Motif(motif.onsets_s[:kept], motif.elements[:kept])
