"""Species accumulation: how many species so many sampling units are expected to show.

A unit is a site's day with sound. The curve is the expected number of species in ``t`` of the ``T`` units,
drawn without replacement; its interval is the unconditional one, which looks beyond the units that there are.
"""

from dataclasses import dataclass

import numpy as np

_Z = 1.96


@dataclass(frozen=True, slots=True)
class Curve:
    """Richness over units; arrays of one length, and Chao2's estimate of all species there are."""

    units: np.ndarray
    richness: np.ndarray
    low: np.ndarray
    high: np.ndarray
    chao2: float


def rarefaction(units_with: np.ndarray, n_units: int) -> Curve:
    """The curve from ``units_with``, the number of units with each species; species without any count not.

    Parameters
    ----------
    units_with : np.ndarray, shape (n_species,), whole numbers
    n_units : int

    Returns
    -------
    Curve
        For 1 to ``n_units`` units.

    Examples
    --------
    Of three units, one species is in all and the other in one:

    >>> rarefaction(np.array([3, 1]), 3).richness.round(3).tolist()
    [1.333, 1.667, 2.0]

    References
    ----------
    Colwell et al., "Models and estimators linking individual-based and sample-based rarefaction,
    extrapolation and comparison of assemblages", 2012: equations 17 and 19 (expectation, variance).
    Chao, "Estimating the population size for capture-recapture data with unequal catchability", 1987: Chao2,
    here in its bias-corrected form.
    """
    found, n_with = np.unique(units_with[units_with > 0], return_counts=True)
    n_species = int(n_with.sum())
    units = np.arange(1, n_units + 1)
    log_factorial = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, n_units + 1)))))
    richness, spread = np.zeros(n_units), np.zeros(n_units)
    for q, n in zip(found.tolist(), n_with.tolist(), strict=True):
        absent = np.zeros(n_units)  # that none of t units has it
        t = units[: n_units - q]
        absent[: len(t)] = np.exp(
            log_factorial[n_units - q]
            - log_factorial[n_units - q - t]
            - log_factorial[n_units]
            + log_factorial[n_units - t]
        )
        richness += n * (1 - absent)
        spread += n * (1 - absent) ** 2
    once, twice = int((units_with == 1).sum()), int((units_with == 2).sum())
    chao2 = n_species + (n_units - 1) / max(n_units, 1) * once * (once - 1) / (2 * (twice + 1))
    variance = np.maximum(spread - richness**2 / chao2, 0.0) if chao2 else spread
    half = _Z * np.sqrt(variance)
    return Curve(units, richness, np.maximum(richness - half, 0.0), richness + half, chao2)
