"""A second crop of the batch behind the first: the louder of both in each band and moment.

Sounds that don't fall together hardly add up in decibels: the louder one is heard. The second crop is the
quieter one, so that the class stays that of the first.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from avianvox.config import later
from avianvox.training.augmentations.pairs import check_pairing


class Drawn(NamedTuple):
    """``partner``: position of the second crop; ``quieter_db``: by how much it is turned down. Shape (n,)."""

    partner: np.ndarray
    quieter_db: np.ndarray


@dataclass(frozen=True)
class MixupMax:
    """``share`` of the crops are mixed; two amplitudes that sum to one are drawn from Beta(alpha, alpha).

    References
    ----------
    Zhang et al., "mixup: beyond empirical risk minimization", 2018; here the maximum, not the sum.
    """

    alpha: float = later(0.5, held=0.5)
    share: float = later(0.5, held=0.5)

    def __post_init__(self) -> None:
        check_pairing(self.alpha, self.share)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Drawn:
        n = shape[0]
        drawn = rng.beta(self.alpha, self.alpha, n)
        first = np.clip(np.maximum(drawn, 1 - drawn), 0.5, 1 - 1e-6)
        quieter_db = 20 * np.log10(first / (1 - first))
        unmixed = rng.random(n) >= self.share
        quieter_db[unmixed] = np.inf
        return Drawn(rng.permutation(n), quieter_db.astype(np.float32))

    def apply(self, crops: np.ndarray, drawn: Drawn, deviation: np.ndarray) -> np.ndarray:
        behind = crops[drawn.partner] - drawn.quieter_db[:, None, None] / deviation
        return np.asarray(np.maximum(crops, behind), np.float32)
