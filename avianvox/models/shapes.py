"""Shapes by name: how many convolutions a network has, how wide they are, and where it pools. Needs no Keras.

``[train.shape]`` with ``kind = "blocks"`` gives one to a network that takes it (`Network.shaped`). A row is a
frozen dataclass of its settings, each declared with `avianvox.config.later`. ``avianvox ablate --search``
looks for a good one.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from avianvox.config import later
from avianvox.errors import ConfigError, InputError
from avianvox.registry import Registry

MOST_BLOCKS = 12
_MOST_FILTERS = 1024


class Block(NamedTuple):
    """A convolution with ``filters`` of ``kernel`` x ``kernel``, and the pooling (frames, bands) after it."""

    filters: int
    kernel: int
    pool: tuple[int, int] | None


@dataclass(frozen=True)
class BlocksShape:
    """A first convolution of ``first`` filters with early strides, and one for each of ``filters`` after it.

    ``kernels``: of each of these, or one for all; ``time_pools`` and ``band_pools``: by how much each
    shortens time and bands; 1 is not at all, and where the list ends it is 1.
    """

    first: int = later(40, held=40)
    filters: tuple[int, ...] = later((64, 64, 96, 96, 128), held=(64, 64, 96, 96, 128))
    kernels: tuple[int, ...] = later((3,), held=(3,))
    time_pools: tuple[int, ...] = later((1, 2), held=(1, 2))
    band_pools: tuple[int, ...] = later((1, 2, 1, 2), held=(1, 2, 1, 2))

    def __post_init__(self) -> None:
        n = len(self.filters)
        if not 1 <= n <= MOST_BLOCKS:
            raise ConfigError(f"[train.shape] filters: expected 1 to {MOST_BLOCKS} numbers, got {n}")
        for name, most in (("filters", _MOST_FILTERS), ("kernels", 15), ("time_pools", 8), ("band_pools", 8)):
            if wrong := [value for value in getattr(self, name) if not 1 <= value <= most]:
                raise ConfigError(f"[train.shape] {name}: expected numbers of 1 to {most}, got {wrong[0]}")
        if len(self.kernels) not in (1, n):
            raise ConfigError(f"[train.shape] kernels: expected 1 or {n} numbers, got {len(self.kernels)}")
        for name in ("time_pools", "band_pools"):
            if len(getattr(self, name)) > n:
                raise ConfigError(
                    f"[train.shape] {name}: expected at most {n} numbers, got {len(getattr(self, name))}"
                )
        if not 1 <= self.first <= _MOST_FILTERS:
            raise ConfigError(f"[train.shape] first: expected 1 to {_MOST_FILTERS}, got {self.first}")

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Those after the first."""
        n = len(self.filters)
        kernels = self.kernels * (n if len(self.kernels) == 1 else 1)
        times, bands = ((*pools, *(1,) * (n - len(pools))) for pools in (self.time_pools, self.band_pools))
        return tuple(
            Block(filters, kernel, None if (time, band) == (1, 1) else (time, band))
            for filters, kernel, time, band in zip(self.filters, kernels, times, bands, strict=True)
        )

    def check(self, n_moments: int, n_bands: int) -> None:
        """Raise `InputError` where pooling leaves nothing of what the first block gives."""
        for name, pools, length in (
            ("time_pools", self.time_pools, n_moments),
            ("band_pools", self.band_pools, n_bands),
        ):
            if prod(pools) > length:
                raise InputError(
                    f"[train.shape] {name}: expected a product of at most {length}, got {prod(pools)}; "
                    "pool less, or choose a longer window"
                )


SHAPES: Registry[type[Any]] = Registry("shape", {"blocks": "avianvox.models.shapes:BlocksShape"})
