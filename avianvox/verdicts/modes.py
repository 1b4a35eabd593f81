"""What suggestions do: seconds a verdict, and how often the suggested species is named, shown or hidden.

In open mode the reviewer sees what the model suggests, in blind mode not. If open reviewers name the
suggested species more often than blind ones do on the same events, the suggestion leads them, or helps them.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avianvox.evaluation.bootstrap import Interval, session_interval
from avianvox.verdicts.consensus import Opinion, is_among
from avianvox.verdicts.precision import Share, simple_share
from avianvox.verdicts.standing import Word
from avianvox.verdicts.table import Said


@dataclass(frozen=True, slots=True)
class Mode:
    """Verdicts on events with a suggestion, of one mode.

    Attributes
    ----------
    blind : bool
    verdicts : int
        All but those that were passed over.
    unsure : int
    named : Share
        Of the others, those that name the suggested species.
    seconds : tuple of float
        Lower quartile, median and upper quartile of the seconds from shown to decided; NaN if unknown.
    """

    blind: bool
    verdicts: int
    unsure: int
    named: Share
    seconds: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Bias:
    """How much more often the suggestion is named where it is shown.

    Attributes
    ----------
    difference : Share
        Open minus blind, over all verdicts, with Newcombe's interval for independent ones.
    events : int
        Events that were answered in both modes.
    paired : Interval
        The difference on these, with an interval over files.
    """

    difference: Share
    events: int
    paired: Interval


@dataclass(frozen=True, slots=True)
class Modes:
    """``bias`` is None unless there are answers in both modes."""

    open: Mode
    blind: Mode
    bias: Bias | None


def modes(words: Sequence[Word], opinions: Sequence[Opinion], *, seed: int = 0) -> Modes:
    """Compare the modes.

    References
    ----------
    Newcombe, "Interval estimation for the difference between independent proportions", 1998: method 10.
    """
    suggested = [word for word in words if word.event.suggested and word.verdict.verdict != Said.SKIPPED]
    shown, hidden = (
        _mode([w for w in suggested if w.verdict.blind is blind], blind) for blind in (False, True)
    )
    if math.isnan(shown.named.value) or math.isnan(hidden.named.value):
        return Modes(shown, hidden, None)
    a, b = shown.named, hidden.named
    value = a.value - b.value
    low = value - math.hypot(a.value - a.low, b.high - b.value)
    high = value + math.hypot(a.high - a.value, b.value - b.low)
    return Modes(shown, hidden, Bias(Share(value, low, high), *_paired(opinions, seed)))


def _mode(words: Sequence[Word], blind: bool) -> Mode:
    answers = [word for word in words if word.verdict.verdict != Said.UNSURE]
    named = sum(_names_suggested(word) for word in answers)
    seconds = [word.seconds for word in words if word.seconds is not None]
    quartiles = np.quantile(seconds, (0.25, 0.5, 0.75)) if seconds else [math.nan] * 3
    low, median, high = map(float, quartiles)
    unsure = len(words) - len(answers)
    return Mode(blind, len(words), unsure, simple_share(named, len(answers)), (low, median, high))


def _names_suggested(word: Word) -> bool:
    return is_among(word.event.suggested, word.verdict.names)


def _paired(opinions: Sequence[Opinion], seed: int) -> tuple[int, Interval]:
    differences, files = [], []
    for opinion in opinions:
        by_mode: dict[bool, list[bool]] = defaultdict(list)
        for word in opinion.answers if opinion.event.suggested else ():
            by_mode[word.verdict.blind].append(_names_suggested(word))
        if len(by_mode) == 2:
            differences.append(float(np.mean(by_mode[False]) - np.mean(by_mode[True])))
            files.append(opinion.event.file)
    if not files:
        return 0, Interval(math.nan, math.nan, math.nan)
    return len(files), session_interval(np.array(differences), np.array(files, str), seed=seed)
