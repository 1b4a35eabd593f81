"""What is found in the windows of a recording: its species, those of each window, or events."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from avianvox.errors import InputError
from avianvox.inference.calibration import Calibration, nonconformity
from avianvox.inference.classifier import Classifier, WindowStream
from avianvox.inference.events import Event, EventSearch, find_events
from avianvox.inference.pooling import POOLINGS
from avianvox.inference.question import Question
from avianvox.types import Decision, Window

if TYPE_CHECKING:
    from avianvox.inference.levels import Branch
    from avianvox.inference.place import Weigher


class Found(NamedTuple):
    """A species in a span. ``first_sample`` is None for a whole recording, ``label`` where none is named.

    ``branch``: name of the genus or family that is named in place of a species. ``tasks``: what is said to
    the model's tasks, by name. ``band_hz``: low and high frequency, where something looked at them.
    """

    first_sample: int | None
    n_samples: int
    label: int | None
    score: float | None
    rank: int | None
    decision: Decision | None
    branch: str = ""
    tasks: "Mapping[str, np.ndarray] | None" = None
    band_hz: tuple[float, float] | None = None

    @property
    def named(self) -> bool:
        """Whether it is an answer, and not a candidate behind one."""
        return self.rank in (None, 1) and self.decision in (None, Decision.NAMED)


NOTHING = Found(None, 0, None, None, None, None)


def _by_recording(
    stream: WindowStream,
    classifier: Classifier,
    question: Question,
    below: Counter[int],
    weigher: "Weigher | None" = None,
) -> Iterator[Found]:
    pooling = POOLINGS.get(classifier.pooling)()
    tasks = classifier.tasks.pool() if classifier.tasks is not None else None
    for window in stream:
        pooling.add(window.scores, window.confidence)
        if tasks is not None and window.tasks is not None:
            tasks.add(window.tasks)
    if stream.n_scored:
        scores, calibration = pooling.scores(), classifier.calibration
        if question.calibrated and calibration is not None:
            scores = calibration.apply(scores, "recording")
        if weigher is not None:
            scores = weigher(scores)
        said = None if tasks is None else tasks.outputs()
        yield from _answered(_best(scores, "recording", classifier, question, (None, 0)), (None, 0), said)


def _by_window(
    stream: WindowStream,
    classifier: Classifier,
    question: Question,
    below: Counter[int],
    weigher: "Weigher | None" = None,
) -> Iterator[Found]:
    for window in (weighed(heard, weigher) for heard in stream):
        span = (window.first_sample, window.n_samples)
        found = _best(window.scores, "window", classifier, question, span)
        yield from _answered(found, span, window.tasks)


def _answered(
    found: Iterable[Found], span: tuple[int | None, int], tasks: "Mapping[str, np.ndarray] | None"
) -> Iterator[Found]:
    """What is found in a span, with answers to tasks; these stand alone where no species is shown."""
    if tasks is None:
        yield from found
        return
    rows = [part._replace(tasks=tasks) for part in found]
    yield from rows or [Found(*span, None, None, None, None, tasks=tasks)]


def _by_event(
    stream: WindowStream,
    classifier: Classifier,
    question: Question,
    below: Counter[int],
    weigher: "Weigher | None" = None,
) -> Iterator[Found]:
    if not classifier.info.names_species:
        raise InputError(
            f"the model '{classifier.info.name}' names no species, so that there are no events; expected "
            "--by recording or --by window"
        )
    search = event_search(classifier, question)
    for event in find_events((weighed(window, weigher) for window in stream), search):
        yield found_event(event, search)
    below.update(search.below)


def named_classes(classifier: Classifier, question: Question) -> tuple[int, ...] | None:
    """Positions of the classes that may be named, None for all: those asked for, or else all animals."""
    return classifier.animals if question.wanted is None else question.wanted


def weighed(window: Window, weigher: "Weigher | None") -> Window:
    """A window whose scores take the place into account, where there is one."""
    return window if weigher is None else replace(window, scores=weigher(window.scores))


def event_search(classifier: Classifier, question: Question) -> EventSearch:
    """What finds the events that are asked for."""
    calibration = classifier.calibration if question.calibrated else None
    rate, options = classifier.spec.sample_rate, question.event_options
    if not classifier.info.exclusive:
        options = replace(options, multi_label=True)
    return EventSearch(options, classifier.labels, rate, calibration, named_classes(classifier, question))


def found_event(event: Event, search: EventSearch) -> Found:
    return Found(
        event.first_sample,
        event.n_samples,
        event.label,
        event.score,
        None,
        search.decision(event),
        tasks=event.tasks,
    )


WAYS = {"recording": _by_recording, "window": _by_window, "event": _by_event}
"""What a row may speak of, and what finds it in a stream of windows and counts events below thresholds."""


def _best(
    scores: np.ndarray,
    level: str,
    classifier: Classifier,
    question: Question,
    span: tuple[int | None, int],
) -> Iterator[Found]:
    """The species to show of a window or recording, best first; ties keep the order of the labels.

    A genus or family that is named in place of an uncertain species comes before them.
    """
    if not classifier.info.names_species:
        return
    order = np.argsort(-scores, kind="stable")
    if (wanted := named_classes(classifier, question)) is not None:
        order = order[np.isin(order, wanted)]
    calibration = classifier.calibration if question.calibrated else None
    branch = None
    if question.level != "species" and calibration is not None:
        branch = _branch(scores, int(order[0]), level, classifier, calibration, question)
    if question.coverage is not None and calibration is not None:
        limit = calibration.set_limit(question.coverage, level)
        shown = order[nonconformity(scores)[order] <= limit]
    else:
        shown = order[: question.top - (branch is not None)]
        if question.min_score is not None:
            shown = shown[scores[shown] >= question.min_score]
    if branch is not None:
        yield Found(*span, None, branch.score, 1, Decision.NAMED, branch.name)
    decision: Decision | None = None
    first = 1 if branch is None else 2
    for rank, label in enumerate(map(int, shown), start=first):
        if calibration is not None and (rank == first or question.events.multi_label):
            decision = calibration.level(level).decide(scores, label)
        yield Found(*span, label, float(scores[label]), rank, decision)


def _branch(
    scores: np.ndarray,
    best: int,
    level: str,
    classifier: Classifier,
    calibration: Calibration,
    question: Question,
) -> "Branch | None":
    """The genus or family to name in place of class ``best``; None where that is sure, or none is.

    What may be a species that the model never learned gets no name.
    """
    from avianvox.inference.levels import COARSEST

    least = question.min_score or 0.0
    decision = calibration.level(level).decide(scores, best)
    if decision is Decision.UNKNOWN or (decision is Decision.NAMED and scores[best] >= least):
        return None
    up_to = COARSEST[1 : COARSEST.index(question.level) + 1]
    reach = {name: max(least, calibration.least_of_branch(level, name)) for name in up_to}
    return classifier.tree.answer(scores, reach, named_classes(classifier, question))
