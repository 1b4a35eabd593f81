"""How wrong the errors are: genus, family and order, and the importance of an error."""

import math
from collections.abc import Mapping
from dataclasses import asdict

from avianvox.dataset.taxonomy import LEVELS, Taxonomy
from avianvox.evaluation.hierarchy import weigh_errors
from avianvox.evaluation.predictions import Pooled
from avianvox.pages.blocks import Cell, Chart, Column, Section, Table, Text
from avianvox.pages.plot import Axis, Plot

_HALF = 0.3


def hierarchy_section(pooled: Mapping[str, Pooled], taxonomy: Taxonomy) -> Section:
    """Shares that are right at each level of the taxonomy, against answers dealt out at random.

    Parameters
    ----------
    pooled : mapping of str to Pooled
        By grouping, the one to draw first.
    taxonomy : Taxonomy
    """
    reports = {g: weigh_errors(one.targets, one.predicted, taxonomy) for g, one in pooled.items()}
    grouping, first = next(iter(reports.items()))
    ticks = tuple((float(k), level) for k, level in enumerate(LEVELS))
    plot = Plot(
        Axis(-0.6, len(LEVELS) - 0.4, "level", ticks),
        Axis(0.0, 1.0, "accuracy at this level"),
        top=26.0,
        title="Accuracy at each level of the taxonomy",
    )
    for k, level in enumerate(LEVELS):
        share, chance = first.right[level], first.right_by_chance[level]
        if math.isnan(share):
            continue
        plot.bar((k - _HALF, k + _HALF), share, "s1", tip=f"{level}: {share:.3f}, chance {chance:.3f}")
        plot.span((k - _HALF - 0.08, k + _HALF + 0.08), (chance, chance), "s2")
    plot.legend([("s1", f"{grouping} folds")], 0.02, 1.05)  # above the axes: bars may be of any height
    plot.legend([("s2", "chance (answers shuffled)")], 0.3, 1.05)
    columns = (
        Column("folds"),
        *(Column(f"{level} accuracy", ".3f") for level in LEVELS),
        Column("errors", "d"),
        Column("importance of an error", ".2f", f"mean over species, genus and family, 1 to {first.depth}"),
        Column("by chance", ".2f", "importance of an error when answers are shuffled"),
        Column("with order", ".2f", f"mean with the order as one level more, 1 to {first.depth + 1}"),
        Column("with order, by chance", ".2f", "the same when answers are shuffled"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            g,
            *(r.right[level] for level in LEVELS),
            r.n_errors,
            r.importance,
            r.importance_by_chance,
            r.importance_with_order,
            r.importance_with_order_by_chance,
        )
        for g, r in reports.items()
    ]
    text = Text(
        "Importance of an error, as published: 1 if the genus is correct, 2 if the family is correct, and "
        f"{first.depth} otherwise. With the order as one level more, it is {first.depth} if the order is "
        f"correct, and {first.depth + 1} otherwise. {first.caveat}".rstrip()
    )
    caption = "Share of recordings that are correct at each level of the taxonomy."
    blocks = (
        text,
        Chart("hierarchy", caption, (plot.svg(),)),
        Table("Importance of errors by taxonomic distance.", columns, rows),
    )
    return Section(
        "hierarchy", "Taxonomic distance of errors", blocks, {g: asdict(r) for g, r in reports.items()}
    )
