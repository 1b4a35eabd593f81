"""Closed vocabularies: values, and the many spellings in which people write them.

A text is split into parts ("call, flight call"). Each part is read word for word, without case and
accents, and the longest spelling wins: "odd variant song" says song, "female alarm call" alarm call. A part
that doubts ("song?", "probably male") says nothing, and so does one about what is heard besides.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from unicodedata import combining, normalize

SEVERAL = "several"
"""The one value of recordings that have more than one."""

_PARTS = re.compile(r"[,;|/+&\n\r]")
_ASIDE = re.compile(r"\([^)]*\)")
_SENTENCE = re.compile(r"[.!;\n\r]+(?:\s+|$)")
_WORD = re.compile(r"[^\W_]+|[♀♂]")
_UNKNOWN = frozenset(
    (
        *("", "uncertain", "unknown", "unsure", "not known", "unidentified", "undetermined", "indeterminate"),
        *("none", "na", "n a", "unbekannt", "unsicher", "inconnu", "indetermine", "desconocido"),
        *("indeterminado", "desconhecido", "sconosciuto", "onbekend", "okand"),
    )
)
_DOUBT = frozenset(
    (
        *("uncertain", "unsure", "unknown", "probable", "probably", "possible", "possibly", "presumed"),
        *("presumably", "perhaps", "maybe", "likely", "apparently", "wahrscheinlich", "vermutlich"),
        *("vielleicht", "probablement", "quizas", "wohl"),
    )
)
_BESIDES = frozenset(("background", "foreground", "hintergrund"))
_OR = frozenset(("or", "oder", "ou", "either"))


@dataclass(frozen=True)
class Vocabulary:
    """Values in the order in which they are shown, each with its spellings.

    A spelling of one letter counts where it stands alone, and so does `SEVERAL`.
    """

    name: str
    spellings: Mapping[str, str] = field(hash=False)  # value -> spellings, separated by "|"

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(self.spellings)

    @cached_property
    def _values(self) -> dict[tuple[str, ...], str]:
        written = {
            words_of(text): value
            for value, texts in self.spellings.items()
            for text in (value, *filter(None, texts.split("|")))
        }
        return {words: value for words, value in written.items() if words}

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._values))

    def in_order(self, values: Iterator[str] | Sequence[str]) -> tuple[str, ...]:
        """Each value once, in the order of the vocabulary."""
        found = set(values)
        return tuple(value for value in self.spellings if value in found)

    def find(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The values that are spelt in ``words``; of spellings that begin at one word, the longest."""
        found, at = [], 0
        while at < len(words):
            for length in range(min(self._longest, len(words) - at), 0, -1):
                spelling = words[at : at + length]
                value = self._values.get(spelling)
                if value and (len(words) == 1 or not _only_alone(spelling)):
                    found.append(value)
                    at += length - 1
                    break
            at += 1
        return self.in_order(found)


@dataclass(frozen=True, slots=True)
class TextReading:
    """What a text says.

    Attributes
    ----------
    values : mapping of str to tuple of str
        Name of a vocabulary to what was found of it.
    unread : tuple of str
        Parts in which nothing was found, as they stand.
    doubted : bool
        Whether somebody wrote that it is not known, or that it is not sure.
    """

    values: Mapping[str, tuple[str, ...]]
    unread: tuple[str, ...] = ()
    doubted: bool = False


def _only_alone(spelling: tuple[str, ...]) -> bool:
    return spelling == (SEVERAL,) or len("".join(spelling)) == 1


def words_of(text: str) -> tuple[str, ...]:
    """Words without case, accents and marks; of "♂" the sign itself."""
    plain = "".join(c for c in normalize("NFKD", text.casefold()) if not combining(c))
    return tuple(_WORD.findall(plain.replace("ß", "ss").replace("ł", "l").replace("ø", "o")))


def read_parts(text: str, vocabularies: Sequence[Vocabulary]) -> TextReading:
    """Read the parts of a text, each in all vocabularies."""
    found: dict[str, list[str]] = {vocabulary.name: [] for vocabulary in vocabularies}
    unread, doubted = [], False
    for part in map(str.strip, _PARTS.split(_ASIDE.sub(" ", text) if _ASIDE.sub("", text).strip() else text)):
        words = words_of(part)
        if not words and "?" not in part:
            continue
        if " ".join(words) in _UNKNOWN:
            doubted = True
            continue
        here = {v.name: v.find(words) for v in vocabularies}
        if not any(here.values()) or _BESIDES & set(words):
            unread.append(part)
            continue
        if doubts(part, words):
            doubted = True
            continue
        for name, values in here.items():
            if len(values) > 1 and _OR & set(words):
                doubted = True
            else:
                found[name] += values
    return TextReading({v.name: v.in_order(found[v.name]) for v in vocabularies}, tuple(unread), doubted)


def doubts(part: str, words: Sequence[str]) -> bool:
    """Whether whoever wrote this is not sure of it."""
    return "?" in part or bool(_DOUBT & set(words))


def sentences(text: str) -> Iterator[str]:
    """The sentences of a remark, without what stands in parentheses, unless that doubts."""
    for sentence in _SENTENCE.split(_ASIDE.sub(lambda aside: "?" if "?" in aside[0] else " ", text)):
        if sentence.strip():
            yield sentence.strip()
