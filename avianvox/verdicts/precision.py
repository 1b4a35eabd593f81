"""How many of a table's events are right, by species: estimated from those that were judged, with intervals.

The estimate is of this very table. Events that were drawn (:mod:`avianvox.verdicts.events`) stand for the
others of their stratum; of a table that was judged without a draw, the judged events stand for the others of
their species. Where all were judged, nothing is left to be estimated and the interval is a point.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avianvox.evaluation.bootstrap import wilson_lower
from avianvox.verdicts.consensus import Opinion
from avianvox.verdicts.events import Listed
from avianvox.verdicts.table import Event

LEVEL = 0.95
"""Of the intervals, two-sided."""

_PRIOR = 2.0  # rows of the pooled share that each stratum's own share is drawn towards, for its variance


@dataclass(frozen=True, slots=True)
class Share:
    """A share and the ends of its interval; all NaN where nothing is known."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of the events: how many there are, how many were judged and how many of these are right."""

    events: int
    judged: int
    right: int


@dataclass(frozen=True, slots=True)
class Precision:
    """The events of a species, or of all of them.

    Attributes
    ----------
    species : str
        "" for all.
    events : int
        Of the table.
    judged, right : int
        Events whose suggestion is known to be right or wrong, and those that are right.
    unsure, disputed : int
        Events that somebody listened to and nobody knew, and those without a majority. They are left out.
    covered : int
        Events in strata of which at least one was judged: of these the share is.
    share : Share
    """

    species: str
    events: int
    judged: int
    right: int
    unsure: int
    disputed: int
    covered: int
    share: Share


def stratified_share(strata: Sequence[Stratum], *, level: float = LEVEL) -> Share:
    """The share of right events, each stratum weighted by its events.

    Strata without a judged event are left out. The interval is Wilson's at the effective sample size: that of
    a simple random sample of the same variance. Each stratum's variance is that of its own share, drawn
    towards the pooled one, so that a stratum in which all are right doesn't pass for certain, and it has
    the correction for a finite population.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", 1927; Korn and Graubard,
    "Confidence intervals for proportions with small expected number of positive counts estimated from survey
    data", 1998: the effective sample size.

    Examples
    --------
    >>> share = stratified_share([Stratum(100, 10, 10), Stratum(300, 10, 5)])
    >>> round(share.value, 3), round(share.low, 2), round(share.high, 2)
    (0.625, 0.39, 0.81)
    """
    events, judged, right = (
        np.array([getattr(s, name) for s in strata if s.judged], np.float64)
        for name in ("events", "judged", "right")
    )
    if not len(events):
        return Share()
    weight = events / events.sum()
    value = float(np.einsum("i,i->", weight, right / judged))
    n = judged.sum()
    pooled = (n * value + _PRIOR) / (n + 2 * _PRIOR)
    own = (right + _PRIOR * pooled) / (judged + _PRIOR)
    left = np.maximum(events - judged, 0.0) / events
    variance = float(np.einsum("i,i->", weight**2, left * own * (1 - own) / judged))
    if variance == 0:
        return Share(value, value, value)
    drawn_in = float(np.einsum("i,i->", weight, own))
    low, high = wilson(value, drawn_in * (1 - drawn_in) / variance, level=level)
    return Share(value, low, high)


def wilson(share: float, n: float, *, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's two-sided interval of a share among ``n``."""
    one_sided = (1 + level) / 2
    shares = np.array([share * n, (1 - share) * n])
    low, beyond = wilson_lower(shares, np.array([n, n]), level=one_sided)
    return float(low), float(1 - beyond)


def simple_share(right: int, n: int, *, level: float = LEVEL) -> Share:
    """A share of independent rows with Wilson's interval."""
    return Share(right / n, *wilson(right / n, n, level=level)) if n else Share()


def precisions(
    events: Sequence[Listed], opinions: Mapping[Event, Opinion], *, drawn: bool
) -> tuple[Precision, list[Precision]]:
    """The precision of all events, and of each species in alphabetical order.

    Parameters
    ----------
    events : sequence of Listed
    opinions : mapping
        Of each event that somebody judged.
    drawn : bool
        ``events`` are a drawn list. Otherwise each species is a stratum of its own.
    """
    by_stratum: dict[tuple[str, int], list[Listed]] = defaultdict(list)
    for row in events:
        by_stratum[row.species, row.stratum if drawn else 0].append(row)
    strata: dict[str, list[Stratum]] = defaultdict(list)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for (species, _), rows in by_stratum.items():
        known = [opinions[row.event] for row in rows if row.event in opinions]
        answers = [opinion.is_right for opinion in known if opinion.is_right is not None]
        n_events = rows[0].stratum_events if drawn else len(rows)
        strata[species].append(Stratum(n_events, len(answers), sum(answers)))
        counts[species][0] += sum(opinion.is_unsure for opinion in known)
        counts[species][1] += sum(opinion.is_disputed for opinion in known)
    each = [_precision(name, strata[name], *counts[name]) for name in sorted(strata)]
    unsure, disputed = (sum(c[k] for c in counts.values()) for k in range(2))
    return _precision("", [s for own in strata.values() for s in own], unsure, disputed), each


def _precision(species: str, strata: Sequence[Stratum], unsure: int, disputed: int) -> Precision:
    events, judged, right = (sum(getattr(s, n) for s in strata) for n in ("events", "judged", "right"))
    covered = sum(s.events for s in strata if s.judged)
    return Precision(species, events, judged, right, unsure, disputed, covered, stratified_share(strata))
