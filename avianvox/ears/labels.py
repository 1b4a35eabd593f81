"""Files of labels that come with models: one class a line, a name or ``Scientific name_Common name``."""

from pathlib import Path

from avianvox.errors import InputError
from avianvox.texts import read_text
from avianvox.types import NO_BIRD, LabelSet

NOT_ANIMALS = frozenset(
    (
        "Dog",
        "Engine",
        "Environmental",
        "Fireworks",
        "Gun",
        "Human non-vocal",
        "Human vocal",
        "Human whistle",
        "Noise",
        "Power tools",
        "Siren",
    )
)
"""BirdNET's classes that name no species."""

_OTHERS = frozenset(("background", "silence", "none", "nothing", "other", "unknown", NO_BIRD.casefold()))
_KEYS = _OTHERS | {name.casefold() for name in NOT_ANIMALS}


def read_labels(path: Path | str) -> LabelSet:
    """The classes in a file of labels. Raises `InputError` where it can't be read or isn't one."""
    return parse_labels(read_text(path), str(path))


def parse_labels(text: str, where: str) -> LabelSet:
    """The classes in the text of a file of labels; ``where`` names it in messages.

    Lines are parted at their first ``_``. Where the first parts don't tell the classes apart
    ("Turdus merula_song", "Turdus merula_alarm"), each class has its whole line as its name.

    Raises
    ------
    InputError
        It has no lines, an empty one, or the same one twice.

    Examples
    --------
    >>> parse_labels("Turdus merula_Eurasian Blackbird\\nEngine_Engine", "labels.txt").common_names
    ('Eurasian Blackbird', 'Engine')
    """
    lines = [line.strip() for line in text.strip().splitlines()]
    if not any(lines):
        raise InputError(f"{where}: expected one class a line, the file is empty")
    if "" in lines:
        raise InputError(f"{where}, line {lines.index('') + 1}: expected one class a line, this one is empty")
    parts = [line.partition("_") for line in lines]
    names = tuple(name.strip() for name, _, _ in parts)
    common = tuple(name.strip() for _, _, name in parts)
    if "" in names or len(set(names)) != len(names):
        names, common = tuple(lines), ()
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{where}: expected each class once, '{twice}' is there twice")
    return LabelSet(names, common if any(common) else ())


def not_animals(labels: LabelSet) -> tuple[int, ...]:
    """Positions of classes that are no animals, as far as their names tell."""
    return tuple(i for i, name in enumerate(labels.names) if name.casefold() in _KEYS)


def with_names(labels: LabelSet, path: Path | str) -> LabelSet:
    """``labels`` with the common names of another file of labels; those that it doesn't have stay.

    Raises
    ------
    InputError
        The file can't be read, or has a common name for none of the classes.
    """
    other = read_labels(path)
    named = dict(zip(other.names, other.common_names, strict=False))
    if not any(named.get(name) for name in labels.names):
        raise InputError(
            f"{path}: expected lines such as '{labels.names[0]}_Common name', "
            "found a name for none of the model's classes"
        )
    own = labels.common_names or ("",) * len(labels)
    return LabelSet(
        labels.names, tuple(named.get(n) or old for n, old in zip(labels.names, own, strict=True))
    )
