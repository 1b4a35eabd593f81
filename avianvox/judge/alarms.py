"""Events in whole recordings: which are right, which are false alarms, and how many of these come in an hour.

An event is right where a recording or part of its species lies at the same time, and false where it can't be:
in a recording that is labelled as a whole and in one without animals every other species is false; in
annotated files, and in those where none of the species calls, only the annotated species are. A species that
is listed as heard in the background, and any other name, is not judged.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from avianvox.dataset.synonyms import species_key
from avianvox.evaluation import metrics
from avianvox.evaluation.bootstrap import Interval, session_interval
from avianvox.evaluation.detection import THRESHOLDS
from avianvox.inference.calibration import Calibration
from avianvox.inference.events import DEFAULT_ENTER, EventFinder, EventOptions, find_events
from avianvox.judge.figures import Classes
from avianvox.judge.listening import Heard
from avianvox.judge.sounds import Sound, overlaps
from avianvox.types import NO_BIRD, LabelSet, Window


@dataclass
class Tally:
    """Events of one species, or of all."""

    right: int = 0
    false: int = 0
    not_judged: int = 0

    @property
    def precision(self) -> float:
        """Share of right ones among those judged."""
        judged = self.right + self.false
        return self.right / judged if judged else np.nan

    def add(self, verdict: bool | None) -> None:
        self.right += verdict is True
        self.false += verdict is False
        self.not_judged += verdict is None


@dataclass(frozen=True)
class AlarmRow:
    """Events at one threshold.

    Attributes
    ----------
    threshold : float
    right, false, not_judged : int
    precision : float
        Share of right ones among those judged.
    false_per_hour : Interval
        Over sessions.
    found : float
        Share of the recordings and parts of species the model knows that have an event of their species.
    species : mapping of str to Tally
        By the name that the model gives.
    """

    threshold: float
    right: int
    false: int
    not_judged: int
    precision: float
    false_per_hour: Interval
    found: float
    species: Mapping[str, Tally]


@dataclass(frozen=True)
class Alarms:
    """What a model says in whole recordings: over thresholds, and at the thresholds of its file.

    ``own`` is None where the file has none; its ``threshold`` is NaN, since each species has another.
    """

    hours: float
    rows: list[AlarmRow]
    own: AlarmRow | None = None

    @property
    def usual(self) -> AlarmRow:
        """What ``avianvox classify --by event`` gives by itself."""
        return self.own or next(row for row in self.rows if row.threshold == DEFAULT_ENTER)


def count_alarms(
    sounds: Sequence[Sound],
    heard: Sequence[Heard],
    classes: Classes,
    labels: LabelSet,
    *,
    sample_rate: int,
    exclusive: bool,
    calibration: Calibration | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
) -> Alarms:
    """Find the events of each sound at each threshold, and judge them.

    Parameters
    ----------
    sounds : sequence of Sound
    heard : sequence of Heard
        A model's answer for each of them.
    classes, labels
        The judged classes, and all of the model's.
    sample_rate : int, Hz
        The model's.
    exclusive : bool
        Whether a window counts for its best species alone.
    calibration : Calibration, optional
        The model's, where its scores are calibrated.
    thresholds : sequence of float
    """
    asked = [EventOptions(enter=threshold, multi_label=not exclusive) for threshold in thresholds]
    rows = [_count(sounds, heard, classes, labels, sample_rate, options, None) for options in asked]
    own = None
    if calibration is not None and calibration.window.thresholds:
        options = EventOptions(multi_label=not exclusive)
        own = _count(sounds, heard, classes, labels, sample_rate, options, calibration)
    return Alarms(sum(one.seconds for one in heard) / 3600, rows, own)


def _count(
    sounds: Sequence[Sound],
    heard: Sequence[Heard],
    classes: Classes,
    labels: LabelSet,
    sample_rate: int,
    options: EventOptions,
    calibration: Calibration | None,
) -> AlarmRow:
    species = frozenset(map(species_key, (*classes.names[:-1], *classes.unknown)))
    false = np.zeros(len(sounds))
    by_name: dict[str, Tally] = {}
    total, found, n_calls = Tally(), 0, 0
    for i, (sound, one) in enumerate(zip(sounds, heard, strict=True)):
        called = set()
        for name, begin_s, end_s in _events(one, classes, labels, sample_rate, options, calibration):
            verdict, there = judge_event(sound, species, name, begin_s, end_s)
            for tally in (total, by_name.setdefault(name, Tally())):
                tally.add(verdict)
            false[i] += verdict is False
            called |= there
        n_calls += sum(0 <= classes.position(r.label) < len(classes.names) - 1 for r in sound.recordings)
        found += len(called)
    hours = np.array([one.seconds for one in heard]) / 3600
    return AlarmRow(
        np.nan if options.enter is None else options.enter,
        total.right,
        total.false,
        total.not_judged,
        total.precision,
        _rate(false, hours, np.array([sound.session for sound in sounds])),
        found / n_calls if n_calls else np.nan,
        dict(sorted(by_name.items(), key=lambda item: (-item[1].false, -item[1].right, item[0]))),
    )


def judge_event(
    sound: Sound, species: frozenset[str], name: str, begin_s: float, end_s: float
) -> tuple[bool | None, set[str]]:
    """Whether an event is right, None where nobody can say, and the ids of the recordings that it finds.

    ``species``: keys of all that the catalogs speak of.
    """
    key = species_key(name)
    near = [r for r in sound.recordings if r.label and overlaps(r, begin_s, end_s)]
    there = {r.id for r in near if species_key(r.label) == key}
    if there:
        return True, there
    if any(species_key(other) == key for r in near for other in r.background):
        return None, there
    silent = bool(near) and all(r.label == NO_BIRD for r in near)
    return (False if sound.complete or silent or key in species else None), there


def _events(
    heard: Heard,
    classes: Classes,
    labels: LabelSet,
    sample_rate: int,
    options: EventOptions,
    calibration: Calibration | None,
) -> Iterator[tuple[str, float, float]]:
    """Name, begin and end of each event."""
    own, other = heard.windows.own, heard.windows.other
    seen = np.unique(other[other >= 0])
    scores = np.zeros((len(own), own.shape[1] + len(seen)), np.float32)
    scores[:, : own.shape[1]] = own
    for k in range(other.shape[1]):
        rows = np.flatnonzero(other[:, k] >= 0)
        columns = own.shape[1] + np.searchsorted(seen, other[rows, k])
        scores[rows, columns] = heard.windows.other_scores[rows, k]
    names = LabelSet((*classes.names[: own.shape[1]], *(labels.names[i] for i in seen)))
    if calibration is not None:
        every = calibration.window.thresholds
        thresholds = tuple(every[i] for i in (*classes.chosen, *seen))
        calibration = replace(calibration, window=replace(calibration.window, thresholds=thresholds))
    finder = EventFinder(options, names, sample_rate, calibration)
    windows = (Window(int(first), int(n), row) for (first, n), row in zip(heard.spans, scores, strict=True))
    for event in find_events(windows, finder) if len(names) else ():
        yield names.names[event.label], event.first_sample / sample_rate, event.end_sample / sample_rate


def _rate(false: np.ndarray, hours: np.ndarray, sessions: np.ndarray) -> Interval:
    def per_hour(weights: np.ndarray) -> np.ndarray:
        listened = metrics.weighted_sums(hours, weights)
        shape = np.full(listened.shape, np.nan)
        rates: np.ndarray = np.divide(
            metrics.weighted_sums(false, weights), listened, out=shape, where=listened > 0
        )
        return rates

    return session_interval(per_hour, sessions)
