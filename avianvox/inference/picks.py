"""Which detections of each species to look at: the best, some at random, or the doubtful ones.

A rule gives a detection its place; those with the smallest are taken. It looks at nothing but the detection,
so a table of any length is read once, in any order, in memory that holds the chosen rows alone.
"""

import math
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from avianvox.randomness import hash_name
from avianvox.types import Detection, composed

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
    pick : str
        A name of `PICKS`. Equal places are settled by path and begin.
    per_species : int
        At most so many.
    seed : int
        Of ``random``.
    min_score : float
        Detections with a lower score are passed over; those without a score are not.

    Returns
    -------
    dict of str to list of Detection
        Scientific name, in alphabetical order, to its detections, in the order of the rule.
    """
    rule = PICKS[pick]
    kept: dict[str, list[tuple[float, str, float, int, int, Detection]]] = defaultdict(list)
    for n, detection in enumerate(filter(has_segment, detections)):
        if detection.score is not None and detection.score < min_score:
            continue
        place = rule(detection, seed)
        if place == math.inf:
            continue
        rows = kept[composed(detection.scientific_name)]
        insort(rows, (place, detection.path, detection.begin_s or 0.0, detection.channel or 0, n, detection))
        del rows[per_species:]
    return {name: [row[-1] for row in kept[name]] for name in sorted(kept)}
