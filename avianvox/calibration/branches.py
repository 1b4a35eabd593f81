"""From which sum of scores on is a genus or family named where the species is uncertain?

Sums of calibrated scores say too much where a species is uncertain because it is often wrong. So a sum must
reach the precision, and the least sum from which the answers to uncertain held-out rows keep it.
"""

import numpy as np

from avianvox.calibration.thresholds import pooled_threshold
from avianvox.inference.calibration import EVEN, LevelCalibration
from avianvox.inference.levels import COARSEST, Tree


def branch_thresholds(
    scores: np.ndarray,
    targets: np.ndarray,
    sessions: np.ndarray,
    calibration: LevelCalibration,
    tree: Tree,
    *,
    precision: float | None,
) -> dict[str, float]:
    """The thresholds of genus and family; infinity where no sum suffices, or too few sessions tell.

    Parameters
    ----------
    scores : np.ndarray, shape (n, n_classes)
        Calibrated, of rows that the model did not learn from.
    targets, sessions : np.ndarray, shape (n,)
    calibration : LevelCalibration
        Rows whose species it names, or that may be of an unknown one, have no say.
    tree : Tree
    precision : float in (0, 1], or None
        None: `EVEN`.
    """
    least = EVEN if precision is None else precision
    highest = scores.max(axis=1)
    uncertain = (highest < np.asarray(calibration.thresholds)[scores.argmax(axis=1)]) & (
        highest >= calibration.unknown
    )
    found = {}
    for level in COARSEST[1:]:
        best = tree.best(scores, level)
        rows = uncertain & best.several
        right = best.branch == tree.branches[level][targets]
        threshold = pooled_threshold(best.score[rows], right[rows], sessions[rows], precision=least)
        found[level] = max(threshold.score, least)
        uncertain &= ~(rows & (best.score >= found[level]))
    return found
