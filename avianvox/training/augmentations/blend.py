"""Two crops in one, with a share in both classes: the higher of both in each band and moment.

For networks that see what stands above the noise floor: a crop that is scaled down is a fainter one.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from avianvox.config import later
from avianvox.training.augmentations.pairs import check_pairing


class Drawn(NamedTuple):
    """``partner``: position of the second crop; ``first``: share of the first one. Shape (n,)."""

    partner: np.ndarray
    first: np.ndarray


@dataclass(frozen=True)
class Blend:
    """``share`` of the crops are blended; how much of each crop is drawn from Beta(alpha, alpha).

    The crop of the greater share keeps its height.

    References
    ----------
    Zhang et al., "mixup: beyond empirical risk minimization", 2018; here the maximum, not the sum.
    """

    alpha: float = later(0.5, held=0.5)
    share: float = later(0.7, held=0.7)

    def __post_init__(self) -> None:
        check_pairing(self.alpha, self.share)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Drawn:
        n = shape[0]
        first = rng.beta(self.alpha, self.alpha, n)
        first[rng.random(n) >= self.share] = 1.0
        return Drawn(rng.permutation(n), first.astype(np.float32))

    def apply(self, crops: np.ndarray, drawn: Drawn, deviation: np.ndarray) -> np.ndarray:
        first = drawn.first
        highest = np.maximum(first, 1 - first)
        both, part = np.empty_like(crops), np.empty(crops.shape[1:], crops.dtype)
        for i, (own, other) in enumerate(zip(first / highest, (1 - first) / highest, strict=True)):
            if first[i] == 1:  # what is below the floor stays there
                both[i] = crops[i]
                continue
            np.multiply(crops[i], own, out=both[i])  # crop by crop, so that it stays in the processor's cache
            np.multiply(crops[drawn.partner[i]], other, out=part)
            np.maximum(both[i], part, out=both[i])
        return both

    def mix(self, shares: np.ndarray, drawn: Drawn) -> np.ndarray:
        first = drawn.first[:, None]
        return np.asarray(first * shares + (1 - first) * shares[drawn.partner], np.float32)
