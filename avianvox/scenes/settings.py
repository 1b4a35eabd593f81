"""What scenes are made like."""

from dataclasses import dataclass
from math import isfinite

from avianvox.errors import InputError
from avianvox.tasks.ordinal import BINS

_NO_END = 1 << 31
_LONGEST_S = 86_400.0
_RATES = range(8000, 96_001)


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """What to make.

    Attributes
    ----------
    n_scenes : int
        Of all parts together; each fold of sessions gets as many.
    duration_s : float
        Of a scene.
    callers : (int, int)
        Fewest and most animals that call in a scene. The bins of `avianvox.tasks.ordinal.BINS` between them
        come equally often.
    calls : (int, int)
        Fewest and most calls of one animal.
    species : int
        Most species in a scene.
    level_db : (float, float)
        Lowest and highest level of a call above the background's energy in the call's band.
    distance_m : float
        Farthest animal: air and leaves take its high frequencies. 0: no such filter.
    overlap : bool
        Whether boxes may overlap.
    empty : float in [0, 1)
        Share of scenes in which nothing calls.
    parts : str
        Names of the parts, each with its number of session folds.
    listen_s : float
        So much of a clip is searched for calls.
    alone : bool
        Leave out clips whose catalog names other species in the background.
    sample_rate : int, Hz
    seed : int
    """

    n_scenes: int = 60
    duration_s: float = 10.0
    callers: tuple[int, ...] = (1, 3)
    calls: tuple[int, ...] = (1, 2)
    species: int = 3
    level_db: tuple[float, ...] = (3.0, 20.0)
    distance_m: float = 0.0
    overlap: bool = False
    empty: float = 0.1
    parts: str = "train=3,validation=1,test=2"
    listen_s: float = 30.0
    alone: bool = False
    sample_rate: int = 22050
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("callers", "calls", "level_db"):
            if len(pair := getattr(self, name)) != 2 or not pair[0] <= pair[1]:
                raise InputError(f"{name}: expected the least and the most, got {list(pair)}")
        if self.callers[0] < 1 or self.calls[0] < 1 or self.species < 1 or self.n_scenes < 1:
            raise InputError(
                "expected at least one scene, caller, call and species, got "
                f"n_scenes={self.n_scenes}, callers={list(self.callers)}, calls={list(self.calls)}, "
                f"species={self.species}"
            )
        if not 1.0 <= self.duration_s <= _LONGEST_S:
            raise InputError(f"duration_s: expected 1 to {_LONGEST_S:g} s, got {self.duration_s:g}")
        if not all(map(isfinite, self.level_db)):
            raise InputError(f"level_db: expected two numbers of decibels, got {list(self.level_db)}")
        if not 0 <= self.empty < 1:
            raise InputError(f"empty: expected a share from 0 to below 1, got {self.empty:g}")
        if not 0 <= self.distance_m <= 1000 or not 1 <= self.listen_s <= 3600:
            raise InputError(
                "expected distance_m from 0 to 1000 and listen_s from 1 to 3600, "
                f"got {self.distance_m:g} and {self.listen_s:g}"
            )
        if self.sample_rate not in _RATES:
            raise InputError(
                f"sample_rate: expected {_RATES.start} to {_RATES.stop - 1} Hz, got {self.sample_rate}"
            )
        _ = self.folds

    @property
    def folds(self) -> tuple[str, ...]:
        """The part that each session fold belongs to.

        Raises
        ------
        InputError
            ``parts`` is not of the form ``train=3,test=2``, or a name stands there twice.
        """
        found: list[str] = []
        for text in self.parts.split(","):
            name, _, number = (cell.strip() for cell in text.partition("="))
            if (
                not name.isidentifier()
                or not number.isdecimal()
                or not 0 < int(number) < 100
                or name in found
            ):
                raise InputError(
                    f"parts: expected different names with numbers of folds, such as train=3,test=2, got "
                    f"'{self.parts}'"
                )
            found += [name] * int(number)
        if len(found) < 2:
            raise InputError(f"parts: expected two folds or more, such as train=3,test=2, got '{self.parts}'")
        return tuple(found)

    @property
    def n_samples(self) -> int:
        return round(self.duration_s * self.sample_rate)

    @property
    def longest_s(self) -> float:
        """Of a call."""
        return min(3.0, 0.45 * self.duration_s)


def bins_between(fewest: int, most: int) -> list[tuple[int, int]]:
    """The bins of `avianvox.tasks.ordinal.BINS` that hold a number between both, cut to these."""
    cut = ((max(low, fewest), min(high, most)) for low, high in map(_ends, BINS))
    return [(low, high) for low, high in cut if low <= high]


def bin_name(number: int) -> str:
    """The bin of a number of animals; "0" of none.

    Examples
    --------
    >>> bin_name(0), bin_name(7), bin_name(30), bin_name(51)
    ('0', '7', '11-50', '51+')
    """
    return next((name for name in BINS if _ends(name)[0] <= number <= _ends(name)[1]), str(number))


def _ends(name: str) -> tuple[int, int]:
    low, _, high = name.removesuffix("+").partition("-")
    return int(low), _NO_END if name.endswith("+") else int(high or low)
