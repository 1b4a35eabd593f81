"""How wrong an error is: a sparrow called another sparrow is less wrong than one called an owl.

The classes are the leaves of a tree: family, genus, species. The importance of an error is the depth of the
tree minus the depth of the deepest class that holds target and answer: 1 for another species of the right
genus, 2 for another genus of the right family, 3 for nothing in common; "no bird" shares nothing with any
bird. These are the levels of the publication, with which the figure can be compared. The order is a fourth
level and gives a figure of its own, in which an error outside the right family weighs 3 or 4.

Of a class whose family or order is not known nobody can say how far off an error is. With such a class among
them, only species and genus are counted, and the report says how many there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avianvox.dataset.taxonomy import LEVELS, Taxonomy
from avianvox.evaluation import metrics


@dataclass(frozen=True, slots=True)
class HierarchyReport:
    """Errors of one model, weighed by the taxonomy. Figures of no rows, or no errors, are NaN.

    Attributes
    ----------
    right : mapping of str to float
        For each level of `LEVELS`, the share of rows whose answer is right at it or below.
    right_by_chance : mapping of str to float
        The same if the answers were dealt out to the rows at random.
    n_errors : int
    importance : float
        Mean over the errors, from 1 to `depth`: of species, genus and family, as published.
    importance_by_chance : float
        The same if the answers were dealt out at random: what errors would weigh that know no kinship.
    depth : int
        Of the tree of the publication.
    importance_with_order, importance_with_order_by_chance : float
        The same with the order as one level more, from 1 to ``depth + 1``.
    n_unplaced : int
        Classes whose family or order is not known. If there are any, family, order and importance are NaN.
    """

    right: Mapping[str, float]
    right_by_chance: Mapping[str, float]
    n_errors: int
    importance: float
    importance_by_chance: float
    depth: int
    importance_with_order: float
    importance_with_order_by_chance: float
    n_unplaced: int

    @property
    def caveat(self) -> str:
        """What to say where not every class has a family; "" where each has."""
        if not self.n_unplaced:
            return ""
        return (
            f"{self.n_unplaced} classes have no family in the bundled taxonomy, so family, order and "
            "importance of errors are left out."
        )


PUBLISHED_LEVELS = ("species", "genus", "family")


def importance_matrix(taxonomy: Taxonomy, levels: Sequence[str] = LEVELS) -> np.ndarray:
    """Importance of calling one class another.

    Parameters
    ----------
    taxonomy : Taxonomy
    levels : sequence of str
        Of the tree, from the finest to the coarsest.

    Returns
    -------
    np.ndarray, shape (n_classes, n_classes), int64
        Row = target, column = answer; 0 on the diagonal, symmetric. A family or order that is not known
        is shared with none.

    References
    ----------
    Kantor et al., 2020: depth of the tree minus depth of the deepest class that holds both.
    """
    importance = np.full((len(taxonomy.labels),) * 2, len(levels))
    for height, level in reversed(list(enumerate(levels))):
        names = np.array(taxonomy.names(level))
        importance[(names[:, None] == names) & (names != "")] = height
    return importance


def weigh_errors(targets: np.ndarray, predicted: np.ndarray, taxonomy: Taxonomy) -> HierarchyReport:
    """How often genus, family or order are right, and how far off the errors are.

    Parameters
    ----------
    targets, predicted : np.ndarray, shape (n,), class positions
    taxonomy : Taxonomy
        Of the classes.
    """
    importance = importance_matrix(taxonomy)
    published = importance_matrix(taxonomy, PUBLISHED_LEVELS)
    confusion = metrics.confusion_matrix(targets, predicted, n_classes=len(taxonomy.labels))
    by_chance = np.outer(confusion.sum(axis=1), confusion.sum(axis=0))
    n_unplaced = int(taxonomy.unplaced.sum())
    return HierarchyReport(
        right=_right(confusion, importance, n_unplaced),
        right_by_chance=_right(by_chance, importance, n_unplaced),
        n_errors=int((targets != predicted).sum()),
        importance=_mean_importance(confusion, published, n_unplaced),
        importance_by_chance=_mean_importance(by_chance, published, n_unplaced),
        depth=len(PUBLISHED_LEVELS),
        importance_with_order=_mean_importance(confusion, importance, n_unplaced),
        importance_with_order_by_chance=_mean_importance(by_chance, importance, n_unplaced),
        n_unplaced=n_unplaced,
    )


def _right(confusion: np.ndarray, importance: np.ndarray, n_unplaced: int) -> dict[str, float]:
    total = confusion.sum()
    shares = {}
    for height, level in enumerate(LEVELS):
        known = total and (level in ("species", "genus") or not n_unplaced)
        shares[level] = float(confusion[importance <= height].sum() / total) if known else np.nan
    return shares


def _mean_importance(confusion: np.ndarray, importance: np.ndarray, n_unplaced: int) -> float:
    errors = confusion * (importance > 0)
    known = errors.sum() and not n_unplaced
    return float((errors * importance).sum() / errors.sum()) if known else np.nan
