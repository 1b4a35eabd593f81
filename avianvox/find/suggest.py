"""What to listen to next: recordings or windows whose labels would teach the most.

A regression is fitted on the labels, as soon as there are two classes, and a rule
(:mod:`avianvox.find.rules`) chooses among what has none. How the default was chosen: docs/results.md.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from avianvox.dataset.sources.fields import UNSURE
from avianvox.errors import InputError, require_extra
from avianvox.find.items import Items
from avianvox.find.labels import Labelled
from avianvox.find.places import Places
from avianvox.find.rules import RULES, Known
from avianvox.find.windows import directions
from avianvox.models.classifiers import fit_head
from avianvox.models.head import Head
from avianvox.models.probes.logreg import regression
from avianvox.tables.rows import Column, Row

COLUMNS = (
    Column("path"),
    Column("begin_s", float, 3),
    Column("end_s", float, 3),
    Column("label"),
    Column("guess"),
    Column("score", float, 4),
    Column("id"),
)
"""Of a table of suggestions. ``label`` is empty, for somebody to fill in; ``guess`` and its ``score`` are
what the labels so far say. A whole recording has no begin and no end."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``item``: position among the items. Without a head, ``guess`` is "" and ``score`` None."""

    item: int
    guess: str = ""
    score: float | None = None


def suggest(
    items: Items, labelled: Labelled, *, n: int, rule: str = "both", seed: int = 0
) -> list[Suggestion]:
    """Choose ``n`` items to listen to; what has a label is never among them.

    Parameters
    ----------
    items : Items
    labelled : Labelled
        Labels of windows of ``items.windows``.
    n : int, at least 1
        Fewer are chosen where fewer are left.
    rule : str
        A key of `RULES`.
    seed : int
        The same seed gives the same items.

    Raises
    ------
    InputError
        Everything is quiet or has a label.
    """
    if not len(items):
        raise InputError("there is nothing to suggest: every window of the store is quiet; lower --min-score")
    heard = np.zeros(len(items.windows), bool)
    for group in labelled.windows:
        heard[group] = True
    left = np.array([i for i, group in enumerate(items.members) if not heard[group].any()], np.int64)
    if not len(left):
        raise InputError("there is nothing left to suggest: everything that can be has a label")
    given = Items.confident(items.windows, labelled.windows)
    numbers = given.numbers(np.arange(len(given)))
    classes, head = learn(labelled.labels, numbers)
    chosen = RULES[rule](Known(items, left, directions(numbers), head, seed), n)
    if head is None:
        return [Suggestion(i) for i in chosen.tolist()]
    scores = head.scores(items.numbers(chosen))
    guesses = zip(chosen.tolist(), scores.argmax(axis=1).tolist(), scores.max(axis=1).tolist(), strict=True)
    return [Suggestion(i, classes[best], score) for i, best, score in guesses]


def learn(labels: Iterable[str], numbers: np.ndarray) -> tuple[list[str], Head | None]:
    """Classes, and a head from numbers to their scores; None where there are fewer than two.

    Parameters
    ----------
    labels : iterable of str
        ``?`` teaches nothing.
    numbers : np.ndarray, shape (n_labels, n_numbers)
    """
    taught = [(i, label) for i, label in enumerate(labels) if label != UNSURE]
    classes = sorted({label for _, label in taught})
    if len(classes) < 2:
        return classes, None
    require_extra("sklearn", extra="train", purpose="learning from labels")
    targets = np.array([classes.index(label) for _, label in taught])
    values = numbers[[i for i, _ in taught]].astype(np.float64)
    return classes, fit_head(regression(), values, targets, n_classes=len(classes))


def rows(chosen: Iterable[Suggestion], items: Items, places: Places, *, whole: bool) -> Iterator[Row]:
    """Rows of `COLUMNS`; ``whole``: items are recordings."""
    windows = items.windows
    for suggestion in chosen:
        window = int(items.members[suggestion.item][0])
        at = int(windows.position[window])
        span: tuple[float | None, float | None] = places.spans[at] or (None, None)
        if not whole:
            begin = places.begin_s(at)
            span = begin + float(windows.begin_s[window]), begin + float(windows.end_s[window])
        guessed = suggestion.guess, suggestion.score
        yield places.files[at], *span, "", *guessed, places.ids[at]
