"""Synthetic sound beside recorded sound: no figure of a model's skill rests on both.

`avianvox.types.Recording.origin` is the mark. Whatever judges asks `refuse_mixture` first, and tells what it
answers: a set that is synthetic as a whole may be judged, and says that it is.
"""

from collections import Counter
from collections.abc import Iterable

from avianvox.errors import CatalogError
from avianvox.types import ORIGINS, Recording

GENERATED = "generated"
"""Origin of what a model of recordings made, see `avianvox.types.ORIGINS`."""


def refuse_generated(recordings: Iterable[Recording]) -> None:
    """Raise `CatalogError` where a model made some recordings: their labels are what it was asked for."""
    every = list(recordings)
    if made := [r.id for r in every if r.origin == GENERATED]:
        raise CatalogError(
            f"{len(made)} of {len(every)} recordings are generated (first: {made[0]}): no evaluation takes "
            "them, whatever their labels; leave them out, and use them in training alone"
        )


def refuse_mixture(recordings: Iterable[Recording]) -> str:
    """Refuse synthetic and real recordings in one evaluation, and generated ones in any.

    Other recordings without a label are judged by nobody and do not count.

    Returns
    -------
    str
        One line that says that all are synthetic, and how they were made; "" where all are real.

    Raises
    ------
    CatalogError
        Some are synthetic and some are not, or some are generated.
    """
    recordings = tuple(recordings)
    refuse_generated(recordings)
    origins = Counter(r.origin for r in recordings if r.label)
    n_real, n = origins.pop("", 0), origins.total()
    if not n:
        return ""
    made = ", ".join(f"{ORIGINS.get(name, name)}: {many}" for name, many in sorted(origins.items()))
    if n_real:
        raise CatalogError(
            f"{n} of {n + n_real} recordings are synthetic ({made}): skill is judged on real recordings "
            "alone, or on synthetic ones alone; leave one kind out"
        )
    return f"all {n} recordings are synthetic ({made}): figures do not tell how a model does on real sound"
