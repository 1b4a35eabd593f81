"""What the reviewers of an event say together: the majority, or that there is none.

A species is heard if more than half of those who answered hear it; the same holds of noise. Whoever is unsure
or has passed the event over has not answered.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from avianvox.dataset.synonyms import species_key
from avianvox.verdicts.standing import Word
from avianvox.verdicts.table import Event, Said


@dataclass(frozen=True)
class Opinion:
    """An event and the verdicts that hold on it, at most one for each reviewer."""

    event: Event
    words: tuple[Word, ...]

    @cached_property
    def answers(self) -> tuple[Word, ...]:
        """The verdicts that say what is heard."""
        return tuple(w for w in self.words if w.verdict.verdict not in (Said.UNSURE, Said.SKIPPED))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The species that the majority hears, as they were first spelled."""
        heard: dict[str, str] = {}
        votes: dict[str, int] = defaultdict(int)
        for word in self.answers:
            for key in {species_key(name) for name in word.verdict.names}:
                votes[key] += 1
            for name in word.verdict.names:
                heard.setdefault(species_key(name), name)
        return tuple(name for key, name in heard.items() if 2 * votes[key] > len(self.answers))

    @cached_property
    def is_noise(self) -> bool:
        return 2 * sum(w.verdict.verdict == Said.NOISE for w in self.answers) > len(self.answers)

    @property
    def is_disputed(self) -> bool:
        """Whether there are answers and no majority."""
        return bool(self.answers) and not self.names and not self.is_noise

    @property
    def is_unsure(self) -> bool:
        """Whether somebody has listened, and nobody knew."""
        return not self.answers and any(w.verdict.verdict == Said.UNSURE for w in self.words)

    @cached_property
    def is_right(self) -> bool | None:
        """Whether the suggestion is right; None where nobody knows, and where nothing was suggested."""
        if not self.event.suggested or not self.answers or self.is_disputed:
            return None
        return is_among(self.event.suggested, self.names)


def is_among(name: str, names: Iterable[str]) -> bool:
    """Whether a species is one of several, whatever checklist they come from."""
    return species_key(name) in map(species_key, names)


def opinions(words: Sequence[Word]) -> list[Opinion]:
    """The verdicts that hold, event by event, in the order of their first answers."""
    of: dict[Event, list[Word]] = defaultdict(list)
    for word in words:
        of[word.event].append(word)
    return [Opinion(event, tuple(said)) for event, said in of.items()]
