"""Which verdicts hold: the last word of each reviewer on each event, after changes and undoing.

- A verdict ``undone`` takes back the one that it names, as if that had never been said: what was said before
  holds again. To undo an undoing brings the verdict back.
- Of what is left, a verdict replaces the one that its column ``replaces`` names, also where it speaks of
  another span, because a box was moved; it still answers the event that was replaced.
- Of several on one event, the last one holds.

Nobody takes back or replaces the verdict of another reviewer.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from avianvox.verdicts.table import Event, Said, Verdict


class Word(NamedTuple):
    """A verdict that holds.

    ``event`` is what it answers: of a moved box, the one that was shown. ``seconds`` are its own, or, where
    it has none because it only moves the box, those of the verdict that it replaces.
    """

    verdict: Verdict
    event: Event
    seconds: float | None = None


def standing(verdicts: Iterable[Verdict]) -> list[Word]:
    """The verdicts that hold, in the order in which their events were first answered.

    Parameters
    ----------
    verdicts : iterable of Verdict
        In the order in which they were said.
    """
    said = _not_undone(list(verdicts))
    answered: dict[tuple[str, str], Word] = {}
    held: dict[tuple[str, Event], Word] = {}
    for verdict in said:
        before = answered.get((verdict.reviewer, verdict.replaces))
        event = before.event if before else verdict.event
        seconds = before.seconds if before and verdict.seconds is None else verdict.seconds
        word = answered[verdict.reviewer, verdict.id] = Word(verdict, event, seconds)
        held[verdict.reviewer, event] = word
    return list(held.values())


def _not_undone(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those that nobody took back, from the last to the first: what undoes stands behind what it undoes."""
    taken_back: set[tuple[str, str]] = set()
    left = []
    for verdict in reversed(verdicts):
        if (verdict.reviewer, verdict.id) in taken_back:
            continue
        if verdict.verdict == Said.UNDONE:
            taken_back.add((verdict.reviewer, verdict.replaces))
        else:
            left.append(verdict)
    return left[::-1]
