"""Whether a model has heard the recordings that it is judged on: its figures would be too good."""

import re
from collections.abc import Sequence

import numpy as np

from avianvox.modelinfo import ModelInfo
from avianvox.types import Recording
from avianvox.words import name_key

_NUMBER = re.compile(r"\bXC\d+\b", re.ASCII)


def trained_on(info: ModelInfo, recordings: Sequence[Recording]) -> np.ndarray:
    """Which recordings the model file credits as training data: bool, shape (n,).

    A credit is `Recording.attribution`. It is found as a whole line, by the number that xeno-canto gave, or
    by an id that is made of folder and file name; a synthetic one also by what it was made of. The same sound
    under another name is not found.
    """
    credits = info.licences.get("credits", ())
    lines = (
        {line for line in credits if isinstance(line, str)} if isinstance(credits, list | tuple) else set()
    )
    ids = {name_key(part) for line in lines for part in line.split(",")}
    return np.array([r.attribution in lines or bool(_ids(r) & ids) for r in recordings], bool)


def _ids(recording: Recording) -> set[str]:
    """Keys under which other catalogs may list a recording."""
    path = recording.path
    names = (*_numbers(recording), f"{path.parent.name} {path.stem}", *recording.made_of)
    return {name_key(name) for name in names}


def _numbers(recording: Recording) -> list[str]:
    """What xeno-canto calls a recording."""
    return _NUMBER.findall(" ".join((recording.file_id, recording.path.stem, *recording.made_of)))


def remark(info: ModelInfo, recordings: Sequence[Recording]) -> str:
    """One line where recordings were trained on, or may have been; "" where nothing speaks for it."""
    n = int(trained_on(info, recordings).sum())
    if n:
        return (
            f"{info.name} was trained on {n} of these {len(recordings)} recordings: its figures on them are "
            "too good, and those of the others stand apart"
            if n < len(recordings)
            else f"{info.name} was trained on these recordings: its figures are too good"
        )
    if info.licences.get("credits"):
        return ""
    if any(_numbers(r) for r in recordings):
        return (
            f"{info.name} does not list its training recordings, and these are from xeno-canto, which most "
            "models of birds have heard: its figures may be too good"
        )
    return f"{info.name} does not list its training recordings: these may be among them"
