"""Which recordings the spectrogram of a season is made of, where there are too many to hear them all.

They are drawn by a hash of their paths, so that every day and site has its share, the same on every machine;
memory grows with the hours that are wanted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from avianvox.randomness import hash_name
from avianvox.types import Detection


@dataclass(slots=True)
class Heard:
    """A recording: its site, when it begins (seconds of the local clock), and what calls in it.

    ``calls``: species and seconds in the file.
    """

    path: str
    site: int
    begin: float
    length_s: float
    calls: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sample:
    """Recordings by site and time; ``hours`` of ``all_hours`` that have a time."""

    recordings: tuple[Heard, ...]
    hours: float
    all_hours: float


class Listened:
    """Draws recordings of ``most_h`` hours altogether."""

    def __init__(self, most_h: float) -> None:
        self._most_s = most_h * 3600
        self._heap: list[tuple[int, str, Heard]] = []
        self._kept_s = self._all_s = 0.0

    def see(self, first: Detection, site: int, begin: float | None, length_s: float) -> Heard | None:
        """The recording, if it is drawn by now."""
        if begin is None or not length_s:
            return None
        self._all_s += length_s
        if not self._most_s:
            return None
        heard = Heard(first.path, site, begin, length_s)
        heappush(self._heap, (-hash_name(0, "listened", first.path), first.path, heard))
        self._kept_s += length_s
        while self._kept_s > self._most_s and len(self._heap) > 1:
            out = heappop(self._heap)[-1]
            self._kept_s -= out.length_s
            if out is heard:
                return None
        return heard

    def sample(self, species: Mapping[int, int], sites: Sequence[int]) -> Sample:
        """What was drawn; ``species`` and ``sites`` give the final numbers of both."""
        found = [
            replace(heard, site=sites[heard.site], calls=[(species[k], s) for k, s in heard.calls])
            for _, _, heard in self._heap
        ]
        found.sort(key=lambda heard: (heard.site, heard.begin, heard.path))
        return Sample(tuple(found), self._kept_s / 3600, self._all_s / 3600)
