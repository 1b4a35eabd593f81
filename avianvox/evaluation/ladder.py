"""Models side by side, as rungs of a ladder: one row each, and a test of every rung against the one below.

The table's accuracies are those of all folds' recordings together, with the 95 % interval of resampled
sessions. Both foldings stand in it, and by how much the ungrouped one flatters.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avianvox.evaluation.bootstrap import paired_test
from avianvox.evaluation.figures import GROUPED, Outcomes, Table, gap, gap_pairs
from avianvox.evaluation.metrics import FIGURES


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Accuracy per recording of the ``higher`` rung minus that of the ``lower`` one, see `paired_test`."""

    grouping: str
    lower: str
    higher: str
    difference: float
    low: float
    high: float
    p_value: float


def compare_neighbours(
    grouping: str, right: Mapping[str, np.ndarray], sessions: np.ndarray
) -> list[Neighbours]:
    """Each rung against the one before it, with sessions as observations.

    Parameters
    ----------
    grouping : str
    right : mapping of str to np.ndarray, shape (n,), in [0, 1]
        By model, in the ladder's order: what `expected_hits` gives for the same n recordings.
    sessions : np.ndarray, shape (n,)
    """
    found = []
    for lower, higher in pairwise(right):
        test = paired_test(right[higher], right[lower], sessions)
        found.append(Neighbours(grouping, lower, higher, test.difference, test.low, test.high, test.p_value))
    return found


def compare_against(
    reference: str, grouping: str, right: Mapping[str, np.ndarray], sessions: np.ndarray
) -> list[Neighbours]:
    """Each other model against ``reference``, as `compare_neighbours` does with the one before."""
    return [
        step
        for model in right
        if model != reference
        for step in compare_neighbours(grouping, {reference: right[reference], model: right[model]}, sessions)
    ]


def against_lines(comparisons: Sequence[Neighbours]) -> tuple[str, ...]:
    """One line for each model and grouping, with the interval that the table has no room for."""
    return tuple(
        f"{step.higher} against {step.lower}, {step.grouping} folds: {step.difference:+.3f} "
        f"[{step.low:+.2f}, {step.high:+.2f}], p {p_text(step.p_value)} (paired by session)"
        for step in comparisons
    )


def hardest(groupings: Sequence[str]) -> str:
    """The grouping that the ladder is climbed under: the first that keeps together what belongs together."""
    return next((name for name in groupings if name in GROUPED), groupings[0])


def ladder_table(outcomes: Outcomes, neighbours: Sequence[Neighbours], groupings: Sequence[str]) -> Table:
    """One row a model, narrow enough for a terminal.

    ``step`` and ``p``: against the row above, and ``top-5`` and ``F1`` (macro), all under `hardest` folds.
    """
    pairs = gap_pairs(groupings)
    heads = ("gap",) if len(pairs) == 1 else tuple(f"gap to {grouped}" for _, grouped in pairs)
    main = hardest(groupings)
    steps = {step.higher: step for step in neighbours if step.grouping == main}
    rows = []
    for model, by_grouping in outcomes.items():
        cells = [str(by_grouping[name].figures["recording", "accuracy"]) for name in groupings]
        gaps = [f"{gap(by_grouping, pair, 'recording', 'accuracy'):+.3f}" for pair in pairs]
        step = steps.get(model)
        difference, p_value = (f"{step.difference:+.3f}", p_text(step.p_value)) if step else ("", "")
        others = [
            f"{by_grouping[main].figures['recording', name].pooled:.3f}" for name in ("top5", "macro_f1")
        ]
        rows.append((model, *cells, *gaps, difference, p_value, *others))
    return Table(("model", *groupings, *heads, "step", "p", "top-5", "F1"), tuple(rows))


def ladder_lines(groupings: Sequence[str]) -> tuple[str, ...]:
    """What the columns of `ladder_table` say."""
    lines = ["accuracy per recording, pooled over the folds, with 95 % intervals over sessions"]
    lines += [
        f"gap: accuracy on {loose} folds minus accuracy on {grouped} folds"
        for loose, grouped in gap_pairs(groupings)
    ]
    lines += [
        f"step, p: difference to the row above and its p-value (two-sided, paired by session); "
        f"step, p, top-5 and macro F1 are on {hardest(groupings)} folds",
        "p-values are not corrected for multiple tests; intervals reflect the choice of test sessions only",
    ]
    return tuple(lines)


def ladder_csv(outcomes: Outcomes, neighbours: Sequence[Neighbours], groupings: Sequence[str]) -> str:
    """The ladder with every figure per recording and accuracy per window; an undefined number is empty.

    Mean average precision and mean ROC AUC are means over the folds and have no interval.
    """
    steps = {(step.grouping, step.higher): step for step in neighbours}
    rows = []
    for model, by_grouping in outcomes.items():
        row: dict[str, float] = {}
        for grouping, outcome in by_grouping.items():
            for name in FIGURES:
                figure = outcome.figures["recording", name]
                row |= {
                    f"{grouping} {name}": figure.shown,
                    f"{grouping} {name} low": figure.low,
                    f"{grouping} {name} high": figure.high,
                }
            row[f"{grouping} accuracy per window"] = outcome.figures["window", "accuracy"].pooled
            step = steps.get((grouping, model))
            row[f"{grouping} step"] = step.difference if step else math.nan
            row[f"{grouping} p"] = step.p_value if step else math.nan
        for pair in gap_pairs(groupings):
            row[f"gap to {pair[1]}"] = gap(by_grouping, pair, "recording", "accuracy")
        rows.append({"model": model} | {key: "" if math.isnan(v) else f"{v:.6f}" for key, v in row.items()})
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["model"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def p_text(value: float) -> str:
    """A p-value as it is printed: never 0, since no number of sign flips shows that."""
    return "<.001" if value < 0.001 else f"{value:.3f}"
