"""From the names that annotators write to labels, each in one spelling.

Start at `Names.resolve`; `Names.doubts` says which of the labels look like slips of the pen.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from avianvox.dataset.sources.fields import class_names
from avianvox.dataset.taxonomy import known_genera
from avianvox.types import NO_BIRD, Recording
from avianvox.words import composed

_LIKE = 0.9  # likeness of two labels from which one may be the other misspelt
_LIKE_GENUS = 0.82
_OFTENER = 3  # times as often the better known of two names stands in the tables, at least


class Names:
    """What the names in tables stand for.

    Parameters
    ----------
    given : mapping of str to str
        Name in a table, in any case, to a label, or to ``Scientific name_Common name``; "" leaves what is
        called so out.
    recordings : sequence of Recording
        Those whose names are known: labels, and common names beside them.
    """

    def __init__(self, given: Mapping[str, str], recordings: Sequence[Recording]) -> None:
        self._given = {_key(name): class_names(text) for name, text in given.items()}
        self._known: dict[str, tuple[str, str]] = {}
        for r in recordings:
            if r.label:
                self._known.setdefault(_key(r.label), (r.label, r.common_name))
                self._known.setdefault(_key(r.common_name), (r.label, r.common_name))
        self._known.pop("", None)
        self._certain = {label for label, _ in (*self._known.values(), *self._given.values())}
        self._count: Counter[str] = Counter()

    def resolve(self, scientific_name: str, common_name: str) -> tuple[str, str] | None:
        """Label and common name of a row of a table; None for one that is to be left out.

        The user's list goes first, then the names that are known, each in any case. Another name is a label
        as it stands; in another case than before it is the same label.
        """
        label, common = class_names(scientific_name)
        written = (scientific_name, label, common, common_name)
        names = [_key(name) for name in written if name.strip()]
        found = next(
            (table[name] for table in (self._given, self._known) for name in names if name in table), None
        )
        if found is None:
            label = label or class_names(common_name)[0]
            found = (label, "" if common_name == label else common_name or common)
            self._known[_key(label)] = found
        if not found[0] and names:
            return None
        self._count[found[0]] += 1
        return found

    def doubts(self) -> Iterator[str]:
        """One line for each label that is hardly other than a better known one."""
        genera = known_genera()
        for label, n in sorted(self._count.items()):
            if label in (*self._certain, "", NO_BIRD):
                continue
            better = [other for other in self._certain if other]
            better += [other for other, more in self._count.items() if more >= _OFTENER * n]
            genus = label.split()[0]
            like = get_close_matches(label, better, n=1, cutoff=_LIKE)
            if not like and genus not in genera:
                like = get_close_matches(genus, genera, n=1, cutoff=_LIKE_GENUS)
            if like:
                yield (
                    f"'{label}' ({n} annotated) is not a known name; if '{like[0]}' is meant, write "
                    f'"{label}" = "..." under [names]'
                )


def _key(name: str) -> str:
    return composed(name.strip()).casefold()
