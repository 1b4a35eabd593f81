"""Recordings by weights of a table, such as ``weights.csv`` of ``avianvox explain judge``."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np

from avianvox.config import later
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError, InputError
from avianvox.randomness import derive_rng
from avianvox.registry import nearest
from avianvox.tables.delimited import read_head, read_lines
from avianvox.training.samplers import SAMPLERS, Sampler
from avianvox.training.samplers.by_weight import by_weight


@dataclass(frozen=True)
class Weighted:
    """Within a class, a recording comes in proportion to its weight; one that ``table`` lacks has 1.

    ``table``: CSV with the columns ``id`` and ``weight``. ``classes``: the sampler that says how often
    classes come.
    """

    table: str = later("", held="")
    classes: str = later("balanced", held="balanced")

    def __post_init__(self) -> None:
        if not self.table:
            raise ConfigError(
                "[train.sampler] table: expected a table with the columns 'id' and 'weight'; make one with: "
                "avianvox explain judge"
            )
        others = [name for name in SAMPLERS if name != "weighted"]
        if self.classes not in others:
            raise ConfigError(
                f"[train.sampler] classes: expected one of {', '.join(others)}, got {self.classes!r:.60}"
                f"{nearest(self.classes, others)}"
            )

    def plan(self, data: TrainingData, *, seed: int, epoch: int) -> np.ndarray:
        """As many positions as the sampler of ``classes`` plans; raises as `weights`."""
        other: Sampler = SAMPLERS.get(self.classes)()
        planned = other.plan(data, seed=seed, epoch=epoch)
        return by_weight(planned, data.targets, self.weights(data), derive_rng(seed, "weighted", epoch))

    def weights(self, data: TrainingData) -> np.ndarray:
        """Of each recording, shape (n,), float64.

        Raises
        ------
        InputError
            The table can't be read, has a row that is none, or names no recording of ``data``.
        """
        ids = data.ids
        if self._of_id.keys().isdisjoint(ids):
            raise InputError(
                f"{self.table}: expected weights of the recordings that are learned from, got ids of others "
                f"(first: {next(iter(self._of_id), 'none')}); judge these with: avianvox explain judge"
            )
        return np.array([self._of_id.get(name, 1.0) for name in ids], np.float64)

    def digest(self, data: TrainingData) -> str:
        """SHA-256 of the weights of ``data``; raises as `weights`."""
        return sha256(repr(self.weights(data).tolist()).encode()).hexdigest()

    @cached_property
    def _of_id(self) -> dict[str, float]:
        path = Path(self.table)
        between, columns = read_head(path)
        if not {"id", "weight"} <= set(columns):
            raise InputError(
                f"{path}: expected a table with the columns 'id' and 'weight', got "
                f"{', '.join(columns)[:60] or 'an empty file'}"
            )
        found: dict[str, float] = {}
        for line in read_lines(path, between):
            name, weight = line.exact("id"), line.needed("weight")
            if weight <= 0:
                raise InputError(f"{line.origin}: expected a weight above 0, got {weight:g}")
            if name in found:
                raise InputError(f"{line.origin}: the recording {name} stands there twice; leave one row")
            found[name] = weight
        return found
