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
    """A verdict that holds, and the event that it answers: of a moved box, the one that was shown."""

    verdict: Verdict
    event: Event


def standing(verdicts: Iterable[Verdict]) -> list[Word]:
    """The verdicts that hold, in the order in which their events were first answered.

    Parameters
    ----------
    verdicts : iterable of Verdict
        In the order in which they were said.
    """
    said = _not_undone(list(verdicts))
    answered: dict[tuple[str, str], Event] = {}
    held: dict[tuple[str, Event], Verdict] = {}
    for verdict in said:
        event = answered.get((verdict.reviewer, verdict.replaces), verdict.event)
        answered[verdict.reviewer, verdict.id] = event
        held[verdict.reviewer, event] = verdict
    return [Word(verdict, event) for (_, event), verdict in held.items()]


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
