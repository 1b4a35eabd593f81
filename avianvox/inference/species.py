"""Lists of species: what a user writes, in a file or on the command line, as positions in a model's labels.

A name is scientific or common, in any case, with any accents, hyphens and apostrophes, "grey" or "gray";
BirdNET's ``Scientific name_Common name`` is both. Lists outlive names: a scientific name that the model
doesn't know counts for the species that has it in another checklist (`avianvox.dataset.synonyms`), else for
the one with the common name beside it, and `SpeciesChoice.notes` says so. Start with `read_species`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avianvox.dataset.synonyms import same_species, species_key
from avianvox.errors import InputError
from avianvox.registry import nearest
from avianvox.texts import read_text
from avianvox.types import LabelSet
from avianvox.words import name_key

_COMMENT = re.compile(r"(^|\s)#.*")
_SHOWN = 5  # names in a message


@dataclass(frozen=True, slots=True)
class SpeciesChoice:
    """The classes that a list names.

    Attributes
    ----------
    indices : tuple of int
        Positions in the labels, ascending, each once.
    unknown : tuple of str
        Names that the model doesn't know, as they were written.
    renamed : tuple of (str, str)
        A scientific name as written, and the label that it was taken for: by another checklist, or by the
        common name beside it.
    """

    indices: tuple[int, ...]
    unknown: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    def notes(self, labels: LabelSet) -> list[str]:
        """What a user should know, one line each; mostly nothing."""
        lines = [f"'{old}' is '{new}' here, by {_why(old, new)}" for old, new in self.renamed]
        if len(self.unknown) > _SHOWN:
            return [*lines, f"not among the species of the model: {few(self.unknown)}"]
        known = _known(labels)
        return lines + [f"the model doesn't know '{name}'{nearest(name, known)}" for name in self.unknown]


def read_species(text: str, labels: LabelSet) -> SpeciesChoice:
    """Read a list of species.

    Parameters
    ----------
    text : str
        Names separated by commas, or the path of a text file: names separated by commas or line
        ends, and comments from ``#`` on.
    labels : LabelSet
        The classes of the model.

    Raises
    ------
    InputError
        The file cannot be read, the list holds no name, or one that begins with a minus, or the model knows
        none of its names.

    Examples
    --------
    >>> labels = LabelSet(("Parus major", "Turdus merula"), ("Great Tit", "Eurasian Blackbird"))
    >>> read_species("eurasian blackbird, Corvus corax", labels)
    SpeciesChoice(indices=(1,), unknown=('Corvus corax',), renamed=())
    """
    path = Path(text)
    is_file = _is_file(path)
    names = _names(read_text(path) if is_file else text)
    if not names:
        raise InputError(f"species list: {text or 'it'} has no species; write one name per line")
    for name in names:
        if name[0] in "-\u2013\u2212":
            raise InputError(
                f"species list: '{name}' begins with a minus; write the name alone, and name the species "
                "that are to be left out under --exclude"
            )
    choice = find_species(names, labels)
    if choice.indices:
        return choice
    origin = f"{path}: " if is_file else "" if len(names) > 1 else f"no file '{text}', and "
    raise InputError(
        f"species list: {origin}the model doesn't know {few(choice.unknown)}"
        f"{nearest(names[0], _known(labels))} ('avianvox models info MODEL --classes' lists its species)"
    )


def find_species(names: list[str], labels: LabelSet) -> SpeciesChoice:
    """Look names up: as labels, then as scientific, then as common names; then under their other names."""
    scientific = _positions(labels.names)
    common = _positions(labels.common_names)
    species: dict[str, list[int]] | None = None  # by the name of every checklist; made when it is needed
    indices: set[int] = set()
    unknown: list[str] = []
    renamed: list[tuple[str, str]] = []
    for name in names:
        first, _, second = name.partition("_")
        first_key, second_key = name_key(first), name_key(second)
        whole = name_key(name)
        if found := scientific.get(whole) or scientific.get(first_key) or common.get(whole):
            indices.update(found)
            continue
        if species is None:
            species = _positions(labels.names, species_key)
        if found := species.get(species_key(first)) or common.get(second_key):
            indices.update(found)
            renamed += [(first.strip(), labels.names[i]) for i in found]
        else:
            unknown.append(name)
    return SpeciesChoice(tuple(sorted(indices)), tuple(unknown), tuple(renamed))


def _is_file(path: Path) -> bool:
    """Whether there is something to read: a file, or a pipe as of a shell's ``<(...)``."""
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):  # names in a row may be no path at all
        return False


def _names(text: str) -> list[str]:
    lines = (_COMMENT.sub("", line) for line in text.splitlines())
    names = (" ".join(name.split()) for line in lines for name in line.split(","))
    return list(dict.fromkeys(name for name in names if name))


def _why(old: str, new: str) -> str:
    return "a change of name" if same_species(old, new) else "its common name"


def _positions(names: tuple[str, ...], key: Callable[[str], str] = name_key) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        if name:
            found.setdefault(key(name), []).append(i)
    return found


def _known(labels: LabelSet) -> list[str]:
    return [name for name in (*labels.names, *labels.common_names) if name]


def few(names: tuple[str, ...]) -> str:
    """Names for a message, the first ones where they are many."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + more
