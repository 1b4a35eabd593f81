"""How much an accuracy depends on which crop of a recording was looked at.

The published test part was judged five times, each time with one crop of every recording, drawn under
another seed. The same is done here with the windows of a cross-validation: one of each recording's windows is
drawn, and the windows lie side by side rather than anywhere.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from avianvox.evaluation.metrics import expected_hits
from avianvox.evaluation.predictions import Pooled
from avianvox.randomness import derive_uniform, hash_name

CROP_SEEDS = (0, 1, 2, 3, 4)


def crop_seed_accuracies(pooled: Pooled, seeds: Sequence[int] = CROP_SEEDS) -> dict[str, Any]:
    """Accuracy with one window a recording, drawn under each seed.

    A model that gives one answer for a whole recording has the same accuracy under every seed.

    Returns
    -------
    dict
        ``values``: one for each seed; ``mean``; ``deviation``: of a sample (``ddof=1``).
    """
    counts = np.bincount(pooled.window_rows, minlength=len(pooled))
    by_row = np.argsort(pooled.window_rows, kind="stable")
    starts = np.cumsum(counts) - counts
    keys = np.array([hash_name(r.id) for r in pooled.recordings], np.uint64)
    hits = expected_hits(pooled.targets[pooled.window_rows], pooled.window_scores, k=1)
    values = []
    for seed in seeds:
        drawn = (derive_uniform(seed, "crop seed", keys=keys) * counts).astype(np.int64)
        values.append(float(hits[by_row[starts + drawn]].mean()))
    return {"values": values, "mean": float(np.mean(values)), "deviation": float(np.std(values, ddof=1))}
