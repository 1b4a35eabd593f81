"""Losses of the whole tree: the right genus counts too where the species is wrong, and the right family.

A genus or family has the sum of the probabilities of its species. What the table of families doesn't know is
a branch of its own (`avianvox.dataset.taxonomy.Taxonomy.branches`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.config import later
from avianvox.dataset.taxonomy import Taxonomy
from avianvox.errors import ConfigError, InputError
from avianvox.models.backend import keras
from avianvox.training.losses import Classes
from avianvox.training.losses.shares import check_smoothing, shares_of, smoothed
from avianvox.types import LabelSet

ops = keras.ops

LOSS_LEVELS = ("species", "genus", "family")
_FAR_BELOW = -1e30  # logarithm of the probability of what is on another branch


@dataclass(frozen=True)
class Hierarchical:
    """The sum of the cross-entropies of the levels.

    ``species``, ``genus``, ``family``: weights of the levels. ``smoothing``: the share of the target that is
    spread over all species.
    """

    species: float = later(1.0, held=1.0)
    genus: float = later(0.5, held=0.5)
    family: float = later(0.5, held=0.5)
    smoothing: float = later(0.0, held=0.0)

    def __post_init__(self) -> None:
        for level, weight in zip(LOSS_LEVELS, self.weights, strict=True):
            if not 0 <= weight < float("inf"):
                raise ConfigError(f"[train.loss] {level}: expected at least 0, got {weight}")
        if not any(self.weights):
            raise ConfigError("[train.loss] species, genus, family: expected one above 0, got 0 for each")
        check_smoothing(self.smoothing)

    @property
    def weights(self) -> tuple[float, ...]:
        return self.species, self.genus, self.family

    def make(self, classes: Classes) -> keras.losses.Loss:
        return HierarchicalLoss(branches_of(classes), self.weights, smoothing=self.smoothing)


@dataclass(frozen=True)
class HierarchicalAsymptotic(Hierarchical):
    """The mean over the levels of ``1 - p^exponent``: 0 where all is right, 1 where nothing is.

    The less a level's exponent, the more its slope is near a probability of 0, and the less near 1: families
    are learned first, species last (docs/train.md).
    """

    genus: float = later(1.0, held=1.0)
    family: float = later(1.0, held=1.0)
    species_exponent: float = later(0.8, held=0.8)
    genus_exponent: float = later(0.4, held=0.4)
    family_exponent: float = later(0.2, held=0.2)

    def __post_init__(self) -> None:
        super().__post_init__()
        for level, exponent in zip(LOSS_LEVELS, self.exponents, strict=True):
            if not 0 < exponent <= 1:
                raise ConfigError(
                    f"[train.loss] {level}_exponent: expected above 0 and at most 1, got {exponent}"
                )

    @property
    def exponents(self) -> tuple[float, ...]:
        return self.species_exponent, self.genus_exponent, self.family_exponent

    def make(self, classes: Classes) -> keras.losses.Loss:
        total = sum(self.weights)
        shares = [weight / total for weight in self.weights]
        return HierarchicalLoss(branches_of(classes), shares, self.exponents, self.smoothing)


def branches_of(classes: Classes) -> list[list[int]]:
    """For each level, the number of the branch that each class hangs on.

    Raises
    ------
    InputError
        The names of the classes are not known.
    """
    if not classes.names:
        raise InputError(
            "[train.loss] hierarchical: expected the names of the classes, got none; make the training data "
            "from a catalog"
        )
    taxonomy = Taxonomy.of(LabelSet(classes.names))
    return [np.unique(taxonomy.branches(level), return_inverse=True)[1].tolist() for level in LOSS_LEVELS]


@keras.saving.register_keras_serializable(package="avianvox")
class HierarchicalLoss(keras.losses.Loss):  # type: ignore[misc]
    """The weighted sum over levels of ``-log(p)``, or of ``1 - p^exponent`` where there are exponents.

    ``p``: the probability of the branch of the right class.

    References
    ----------
    Kantor et al., 2020: the weighted cross-entropy of a tree, and what a bounded loss must do; its formula is
    not given there. This one is that of Zhang and Sabuncu, "Generalized cross entropy loss for training deep
    neural networks with noisy labels", 2018, with an exponent for each level.
    """

    def __init__(
        self,
        branches: Sequence[Sequence[int]],
        weights: Sequence[float],
        exponents: Sequence[float] = (),
        smoothing: float = 0.0,
        name: str = "hierarchical",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.branches = [list(level) for level in branches]
        self.weights, self.exponents, self.smoothing = list(weights), list(exponents), smoothing

    def call(self, targets: Any, logits: Any) -> Any:
        shares = smoothed(shares_of(targets, logits), self.smoothing)
        logs = ops.log_softmax(logits, axis=-1)
        total = 0.0
        for number, (branches, weight) in enumerate(zip(self.branches, self.weights, strict=True)):
            if not weight:
                continue
            holds = np.arange(max(branches) + 1)[:, None] == np.array(branches)  # branch, class
            apart = ops.convert_to_tensor(np.where(holds, 0.0, _FAR_BELOW), dtype=logits.dtype)
            found = ops.logsumexp(logs[:, None, :] + apart, axis=-1)
            wanted = ops.matmul(shares, ops.convert_to_tensor(holds.T, dtype=logits.dtype))
            loss = -ops.expm1(self.exponents[number] * found) if self.exponents else -found
            total = total + weight * ops.sum(wanted * loss, axis=-1)
        return total

    def get_config(self) -> dict[str, Any]:
        names = ("branches", "weights", "exponents", "smoothing")
        return {**keras.losses.Loss.get_config(self), **{name: getattr(self, name) for name in names}}
