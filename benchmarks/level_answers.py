"""What `avianvox classify --level family` adds on held-out folds, and how often it is right.

    python benchmarks/level_answers.py RUN [--model NAME] [--precisions 0.3 0.5 0.8]

RUN is the folder of a cross-validation with session folds. Scores are calibrated, and thresholds chosen for
each precision, on the other folds. A line for recordings and for windows: of all rows, how many species are
named and the share that is right; how many of the uncertain ones get a genus or family, the share of these
that is right, and the share whose best species is.
"""

import argparse
from pathlib import Path

import numpy as np

from avianvox.calibration.branches import branch_thresholds
from avianvox.calibration.scaling import cross_fitted, held_out
from avianvox.calibration.thresholds import OF_LEVEL, find_thresholds
from avianvox.dataset.taxonomy import Taxonomy
from avianvox.evaluation.predictions import Pooled
from avianvox.evaluation.saved_run import SavedRun
from avianvox.inference.calibration import LevelCalibration
from avianvox.inference.levels import Tree
from avianvox.types import LabelSet


def rows_of(pooled: Pooled, level: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, targets and sessions of windows or recordings."""
    if level == "recording":
        return pooled.scores, pooled.targets, pooled.sessions
    rows = pooled.window_rows
    return pooled.window_scores.astype(np.float64), pooled.targets[rows], pooled.sessions[rows]


def line(crossed: Pooled, labels: LabelSet, level: str, precision: float) -> str:
    tree, taxonomy = Tree(labels), Taxonomy.of(labels)
    species: list[bool] = []
    above: list[tuple[bool, bool]] = []
    for rest, test in held_out(crossed):
        found = find_thresholds(*rows_of(rest, level), precision=precision, rule=OF_LEVEL[level])
        known = LevelCalibration(thresholds=found.scores)
        least = branch_thresholds(*rows_of(rest, level), known, tree, precision=precision)
        scores, targets, _ = rows_of(test, level)
        for row, target in zip(scores, targets.tolist(), strict=True):
            best = int(row.argmax())
            if row[best] >= found.scores[best]:
                species.append(best == target)
            elif branch := tree.answer(row, least):
                kin = (taxonomy.genera[target], taxonomy.families[target])
                above.append((branch.name.removesuffix(" sp.") in kin, best == target))
    n = len(rows_of(crossed, level)[1])
    kin_right, best_right = np.mean(above, axis=0) if above else (np.nan, np.nan)
    every = [*species, *(right for right, _ in above)]
    return (
        f"{level:<9}  precision {precision:g}: {n} rows, {len(species)} species "
        f"{np.mean(species or [np.nan]):.2f} right, {len(above)} genera and families {kin_right:.2f} right "
        f"(their species {best_right:.2f}), together {np.mean(every or [np.nan]):.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--precisions", type=float, nargs="+", default=[0.3, 0.5, 0.8])
    options = parser.parse_args()
    run = SavedRun.open(options.run)
    pooled = run.pooled(options.model or run.models[0], "session")
    crossed = cross_fitted(pooled, list(held_out(pooled)))
    for level in OF_LEVEL:
        for precision in options.precisions:
            print(line(crossed, run.labels, level, precision))


if __name__ == "__main__":
    main()
