"""Shades for numbers: a few levels with round limits, which a legend can say and print can show.

Level 0 is "looked at, and nothing there"; what nobody looked at has no shade. Levels are the classes ``h0``
to ``h6`` of ``chart.css``: one hue that only grows darker, which reads in grey and without colour vision.
"""

from collections.abc import Sequence

import numpy as np

from avianvox.pages.markup import short

N_LEVELS = 6


def limits_of(values: np.ndarray) -> tuple[float, ...]:
    """Upper limits of all levels but the last, from the series 1, 2, 5, 10 ...; none without a value above 0.

    Examples
    --------
    >>> limits_of(np.array([0.0, 0.4, 3.0, 37.0]))
    (1.0, 2.0, 5.0, 10.0, 20.0)
    """
    positive = values[values > 0]
    if not len(positive):
        return ()
    top, least = float(positive.max()), float(positive.min())
    series = [m * 10.0**p for p in range(-6, 10) for m in (1, 2, 5)]
    below = [limit for limit in series if least <= limit < top * 0.999]
    return tuple(below[-(N_LEVELS - 1) :])


def levels(values: np.ndarray, limits: Sequence[float]) -> np.ndarray:
    """The level of each value: 0 for none, 1 up to the first limit, and so on to the darkest."""
    if not limits:
        return np.where(values > 0, N_LEVELS // 2, 0)
    steps = np.searchsorted(np.asarray(limits), values, side="left")
    shades = np.round(np.linspace(1, N_LEVELS, len(limits) + 1)).astype(int)
    return np.where(values > 0, shades[steps], 0)


def legend(limits: Sequence[float], top: float) -> list[tuple[str, str]]:
    """Classes and words for `Plot.swatches`. ``top``: the greatest value."""
    entries = [("none", "not recorded"), ("h0", "0")]
    if not limits:
        return [*entries, (f"h{N_LEVELS // 2}", short(top, 3))] if top > 0 else entries
    edges = [short(limit, 6) for limit in limits]
    shades = levels(np.array([*limits, np.inf]), limits).tolist()
    words = [f"≤ {edges[0]}", *(f"≤ {edge}" for edge in edges[1:]), f"> {edges[-1]}"]
    return entries + [(f"h{shade}", word) for shade, word in zip(shades, words, strict=True)]
