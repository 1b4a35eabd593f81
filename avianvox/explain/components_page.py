"""The folder of a store's principal components: cumulative explained variance, pictures, reconstructions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avianvox.explain.components import Components
from avianvox.explain.figures import sheet
from avianvox.explain.written import Figure, Written
from avianvox.pages.blocks import Block, Chart, Section, Text
from avianvox.pages.markup import Markup
from avianvox.pages.plot import UNIT, Axis, Plot
from avianvox.tables.rows import Column
from avianvox.words import printable

SHOWN = 60
RECONSTRUCTED = 4
COLUMNS = Column("component", int), Column("variance", float, 6), Column("cumulative", float, 6)


def write_components(written: Written, found: Components, ks: Sequence[int], *, store: Path) -> Path:
    """Write figures, arrays and the table, and the page.

    Parameters
    ----------
    written : Written
    found : Components
    ks : sequence of int
        Numbers of components that windows are put together from.
    store : Path
    """
    cumulative, n = found.cumulative, len(found.variances)
    ks = sorted({min(k, n) for k in ks})
    written.table(
        [(k + 1, found.variances[k], cumulative[k]) for k in range(n)],
        COLUMNS,
    )
    written.arrays(
        "components",
        {
            "mean": found.mean.reshape(found.shape),
            "axes": found.axes.T.reshape(-1, *found.shape),
            "variances": found.variances,
            "cumulative": cumulative,
        },
    )
    blocks: list[Block] = []

    def put(key: str, caption: str, svg: Markup, *, wide: bool = True) -> None:
        written.figure(Figure(key, caption, caption, svg))
        blocks.append(Chart(key, caption, (svg,), wide=wide))

    put("cumulative", said_of(found), variance_plot(found), wide=False)
    if found.shape[0] > 1:
        pictures = found.pictures(min(SHOWN, n))
        title = f"The first {len(pictures)} components"
        labels = [str(k + 1) for k in range(len(pictures))]
        put(
            "first",
            f"{title}: time to the right, frequency upward.",
            sheet(list(pictures), labels, title=title, signed=True, columns=10, height=44),
        )
        windows = found.windows[:RECONSTRUCTED]
        made = [found.reconstructed(windows, k) for k in ks]
        rows = np.stack([*made, windows], axis=1).reshape(-1, *found.shape)
        named = [*(f"{k} components: {found.explained(found.windows, k):.0%}" for k in ks), "window"]
        title = "Windows of recordings that took no part, put together from components"
        svg = sheet(list(rows), named * len(windows), title=title, columns=len(ks) + 1, height=84)
        put(
            "reconstructions", f"{title}, with the share of the variance of such windows that they hold.", svg
        )
    opening = Section("opening", "", (Text(said_of(found)),))
    byline = (
        f"Feature store `{printable(str(store))}`, windows of {found.shape[0]} x {found.shape[1]} values."
    )
    return written.page(
        "Principal components", byline, (opening, Section("components", "Components", tuple(blocks)))
    )


def said_of(found: Components) -> str:
    """How many components hold how much."""
    cumulative, n = found.cumulative, len(found.variances)
    parts = [f"{cumulative[-1]:.1%} of the variance is explained by {n} components"]
    for share in (0.5, 0.9, 0.95):
        if cumulative[-1] >= share:
            parts.append(f"{share:.0%} by {int(np.searchsorted(cumulative, share)) + 1}")
    held = found.explained(found.windows, n)
    return f"{', '.join(parts)}. Of windows of recordings that took no part, {n} components hold {held:.1%}."


def variance_plot(found: Components) -> Markup:
    """Cumulative explained variance over the number of components."""
    n = len(found.variances)
    plot = Plot(
        Axis(0.0, float(n), "components"),
        Axis(UNIT.low, UNIT.high, "explained share of the variance"),
        title="Cumulative explained variance",
    )
    plot.line([0.0, *range(1, n + 1)], [0.0, *found.cumulative.tolist()], "s1")
    return plot.svg()
