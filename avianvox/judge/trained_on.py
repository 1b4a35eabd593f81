"""Whether a model has heard the recordings that it is judged on: its figures would be too good."""

from collections.abc import Sequence

import numpy as np

from avianvox.modelfile import ModelInfo
from avianvox.types import Recording


def trained_on(info: ModelInfo, recordings: Sequence[Recording]) -> np.ndarray:
    """Which recordings the model file credits as training data: bool, shape (n,).

    A credit is `Recording.attribution`; recordings are found by the whole line, or by an id in it that other
    archives would not give too.
    """
    credits = info.licences.get("credits", ())
    lines = {line for line in credits if isinstance(line, str)} if isinstance(credits, list | tuple) else set()
    ids = {part.strip() for line in lines for part in line.split(",")}
    return np.array(
        [r.attribution in lines or (r.source == "xeno_canto" and r.file_id in ids) for r in recordings], bool
    )


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
    if any(r.source == "xeno_canto" for r in recordings):
        return (
            f"{info.name} does not list its training recordings, and these are from xeno-canto, which most "
            "models of birds have heard: its figures may be too good"
        )
    return f"{info.name} does not list its training recordings: these may be among them"
