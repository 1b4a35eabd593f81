"""Which detections of each species to look at: the best, some at random, or the doubtful ones.

A rule gives a detection its place; those with the smallest are taken. It looks at nothing but the detection,
so a table of any length is read once, in any order, in memory that holds the chosen rows alone.
"""

import math
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from avianvox.randomness import hash_name
from avianvox.types import Detection
from avianvox.words import composed

Rule = Callable[[Detection, int], float]
"""A detection and a seed to its place among those of its species; infinity: it has none."""

DOUBT = 0.5
"""The score that says least: of calibrated answers with it, half are right."""


def _best(detection: Detection, _seed: int) -> float:
    return 1.0 if detection.score is None else -detection.score


def _random(detection: Detection, seed: int) -> float:
    begin = f"{detection.begin_s:.3f}"
    return hash_name(seed, "segments", detection.path, detection.channel or 0, begin)


def _uncertain(detection: Detection, _seed: int) -> float:
    return 1.0 if detection.score is None else abs(detection.score - DOUBT)


def _unexpected(detection: Detection, seed: int) -> float:
    return _best(detection, seed) if detection.expected_here == "no" else math.inf


PICKS: Mapping[str, Rule] = {
    "best": _best,
    "random": _random,
    "uncertain": _uncertain,
    "unexpected": _unexpected,
}
"""``best``: the highest score first. ``random``: each as likely as any other, the same for the same seed.
``uncertain``: a score nearest to `DOUBT` first. Rows without a score come last. ``unexpected``: those that
the place argues against and no others, as ``best``."""


def has_segment(detection: Detection) -> bool:
    """Whether a row names a species in a span of a file; of a window's candidates, only the first does."""
    span = detection.begin_s is not None and detection.end_s is not None
    return bool(span and detection.scientific_name and detection.rank in (None, 1))


class Chooser:
    """The detections of each species that a rule puts first, of all that it has seen.

    Parameters
    ----------
    pick : str
        A name of `PICKS`. Equal places are settled by path and begin.
    per_species : int
        At most so many.
    seed : int
        Of ``random``.
    """

    def __init__(self, pick: str = "best", *, per_species: int = 10, seed: int = 0) -> None:
        self._rule, self._most, self._seed = PICKS[pick], per_species, seed
        self._kept: dict[str, list[tuple[float, str, float, int, int, Detection]]] = defaultdict(list)
        self._n = 0

    def see(self, detection: Detection) -> None:
        """Take a detection into account, where `has_segment` says that there is something to cut."""
        if not has_segment(detection):
            return
        place = self._rule(detection, self._seed)
        if place == math.inf:
            return
        self._n += 1
        rows = self._kept[composed(detection.scientific_name)]
        begin_s, channel = detection.begin_s or 0.0, detection.channel or 0
        insort(rows, (place, detection.path, begin_s, channel, self._n, detection))
        del rows[self._most :]

    def chosen(self) -> dict[str, list[Detection]]:
        """Scientific name, in alphabetical order, to its detections, in the order of the rule."""
        return {name: [row[-1] for row in self._kept[name]] for name in sorted(self._kept)}


def choose(
    detections: Iterable[Detection],
    *,
    pick: str = "best",
    per_species: int = 10,
    seed: int = 0,
    min_score: float = 0.0,
) -> dict[str, list[Detection]]:
    """Choose detections of each species.

    Parameters
    ----------
    detections : iterable of Detection
        Rows for which `has_segment` is false are passed over.
    pick, per_species, seed
        As `Chooser` takes them.
    min_score : float
        Detections with a lower score are passed over; those without a score are not.

    Returns
    -------
    dict of str to list of Detection
        As `Chooser.chosen`.
    """
    chooser = Chooser(pick, per_species=per_species, seed=seed)
    for detection in detections:
        if detection.score is None or detection.score >= min_score:
            chooser.see(detection)
    return chooser.chosen()
