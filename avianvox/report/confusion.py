"""The confusion matrix: a picture that can be read with 91 classes, and the pairs that are confused most.

The page's script draws the matrix from the counts, so that it can be ordered, enlarged and asked; without
scripts, and on the Markdown page, `confusion_picture` stands in its place.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.dataset.taxonomy import LEVELS, Taxonomy
from avianvox.evaluation.metrics import class_support, confusion_matrix
from avianvox.evaluation.predictions import Pooled
from avianvox.pages.blocks import PICTURES, Column, Counter, Section, Table, Text
from avianvox.pages.markup import Markup, join, tag
from avianvox.pages.plot import drawing
from avianvox.types import LabelSet

N_PAIRS = 15


@dataclass(frozen=True)
class Order:
    """A way to arrange the classes, as positions."""

    key: str
    title: str
    positions: tuple[int, ...]


@dataclass(frozen=True)
class ConfusionBlock:
    """The matrix of every grouping of one model.

    ``groups``: one word for each class that is shown beside its name, for example its family.
    """

    labels: LabelSet
    groups: Sequence[str]
    orders: Sequence[Order]
    pooled: Mapping[str, Pooled]
    caption: str

    def html(self, counter: Counter) -> Markup:
        choices = tag(
            "div",
            _select("grouping", "folds", {name: name for name in self.pooled}),
            _select("order", "order", {order.key: order.title for order in self.orders}),
            tag(
                "span",
                *(
                    tag("button", sign, type="button", data_zoom=step, aria_label=word)
                    for sign, step, word in (
                        ("−", "out", "smaller"),
                        ("+", "in", "larger"),
                        ("fit", "fit", "fit"),
                    )
                ),
                class_="zoom",
            ),
            class_="tools",
        )
        data = json.dumps(self._data(), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        caption = tag("figcaption", tag("b", f"{counter.next('Figure')}. "), self.caption)
        return tag(
            "figure",
            choices,
            tag(
                "p",
                "Point at a cell or tap it for details. + enlarges.",
                class_="readout",
                aria_live="polite",
            ),
            tag("div", self._still(), class_="frame", tabindex="0"),
            tag("script", Markup(data), type="application/json"),
            caption,
            class_="confusion",
        )

    def markdown(self, counter: Counter) -> str:
        label = counter.next("Figure")
        counter.pictures["confusion"] = self._still()
        return f"![{label}]({PICTURES}/confusion.svg)\n\n**{label}.** {self.caption}"

    def _still(self) -> Markup:
        first = next(iter(self.pooled.values()))
        return confusion_picture(_counts(first, len(self.labels)), self.labels, self.orders[0].positions)

    def _data(self) -> dict[str, Any]:
        """Counts of each grouping as ``[target, named, recordings]``, these by their place in ``ids``."""
        ids: dict[str, int] = {}
        cells = {}
        for grouping, pooled in self.pooled.items():
            found: dict[tuple[int, int], list[int]] = {}
            for pair, recording in zip(
                zip(pooled.targets.tolist(), pooled.predicted.tolist(), strict=True),
                pooled.recordings,
                strict=True,
            ):
                found.setdefault(pair, []).append(ids.setdefault(recording.id, len(ids)))
            cells[grouping] = [[*pair, rows] for pair, rows in found.items()]
        return {
            "labels": list(self.labels.names),
            "common": list(self.labels.common_names),
            "groups": list(self.groups),
            "orders": {order.key: list(order.positions) for order in self.orders},
            "cells": cells,
            "ids": list(ids),
        }


def confusion_section(pooled: Mapping[str, Pooled], taxonomy: Taxonomy) -> Section:
    """The matrix, and the most frequent confusions of the first grouping.

    Parameters
    ----------
    pooled : mapping of str to Pooled
        By grouping, the one to show first.
    taxonomy : Taxonomy
        Of the classes.
    """
    labels, n = taxonomy.labels, len(taxonomy.labels)
    grouping, first = next(iter(pooled.items()))
    counts = _counts(first, n)
    orders = [
        Order("taxonomy", "taxonomy", tuple(taxonomy.order(labels.names).tolist())),
        Order("confusion", "confusion", confusion_order(counts)),
        Order("name", "name", tuple(sorted(range(n), key=lambda i: labels.names[i]))),
    ]
    caption = (
        f"Recordings of all {grouping} folds. Rows: species. Columns: predicted species. Blue: correct. "
        "Orange: wrong. The stronger the colour, the larger the share of the species' recordings. Lines "
        "separate families."
    )
    block = ConfusionBlock(labels, taxonomy.families, orders, pooled, caption)
    data = {
        "labels": list(labels.names),
        "order": {order.key: [labels.names[i] for i in order.positions] for order in orders},
        "counts": {name: _counts(one, n).tolist() for name, one in pooled.items()},
    }
    return Section("confusion", "Confusions", (block, _pairs(counts, taxonomy, grouping)), data)


def _pairs(counts: np.ndarray, taxonomy: Taxonomy, grouping: str) -> Table | Text:
    names, support = taxonomy.labels.names, class_support(counts)
    wrong = [(int(counts[i, j]), i, j) for i, j in np.argwhere(counts).tolist() if i != j]
    rows = [
        (names[i], names[j], count, float(count / support[i]), int(counts[j, i]), _kinship(taxonomy, i, j))
        for count, i, j in sorted(wrong, key=lambda item: (-item[0], support[item[1]], item[1:]))[:N_PAIRS]
    ]
    if not rows:
        return Text(f"No confusions on {grouping} folds.")
    columns = (
        Column("species", "name"),
        Column("predicted", "name"),
        Column("recordings", "d"),
        Column("share", ".0%", "of the species' recordings"),
        Column("reverse", "d", "recordings of the second species that are named the first"),
        Column("shared taxon"),
    )
    return Table(f"Most frequent confusions ({len(rows)}), {grouping} folds.", columns, rows)


def _kinship(taxonomy: Taxonomy, i: int, j: int) -> str:
    """The finest level that two classes share, with its name."""
    for level in LEVELS[1:]:
        names = taxonomy.names(level)
        if names[i] and names[i] == names[j]:
            return f"{level} {names[i]}"
    return ""


def confusion_order(counts: np.ndarray) -> tuple[int, ...]:
    """Classes in an order that puts what is confused with each other side by side.

    The shares of confusion, both ways together, are the weights of a graph; classes are sorted by the
    eigenvector of its Laplacian with the second smallest eigenvalue (Fiedler vector), which places strongly
    joined classes close to each other.

    References
    ----------
    Atkins, Boman and Hendrickson (1998), A spectral algorithm for seriation.
    """
    n = len(counts)
    if n < 3:
        return tuple(range(n))
    shares = counts / np.maximum(class_support(counts), 1)[:, None]
    weights = shares + shares.T + 1e-3 / n  # the last keeps parts that are never confused in one graph
    np.fill_diagonal(weights, 0.0)
    scale = 1 / np.sqrt(weights.sum(axis=0))
    _, vectors = np.linalg.eigh(np.eye(n) - scale[:, None] * weights * scale)
    place = np.round(vectors[:, 1] * scale, 9)  # equal classes keep their order whatever LAPACK there is
    place *= 1.0 if place[np.argmax(np.abs(place))] > 0 else -1.0  # the sign of an eigenvector is arbitrary
    return tuple(np.argsort(place, kind="stable").tolist())


def confusion_picture(counts: np.ndarray, labels: LabelSet, order: Sequence[int]) -> Markup:
    """The matrix with all its labels, as a picture that does not move.

    Parameters
    ----------
    counts : np.ndarray, shape (n_classes, n_classes); row = target
    labels : LabelSet
    order : sequence of int
        Positions of the classes from top to bottom and from left to right.
    """
    cell, room = 12.0, 150.0
    size = cell * len(order)
    place = {c: k for k, c in enumerate(order)}
    support = np.maximum(class_support(counts), 1)
    parts = [tag("rect", x=room, y=room, width=size, height=size, class_="field")]
    for i, j in np.argwhere(counts).tolist():
        x, y, n = room + place[j] * cell, room + place[i] * cell, int(counts[i, j])
        tip = f"{labels.names[i]} named {labels.names[j]}: {n} of {support[i]}"
        opacity = float(0.15 + 0.85 * n / support[i])
        css = "cell s1" if i == j else "cell s2"
        parts.append(
            tag("rect", tag("title", tip), x=x, y=y, width=cell, height=cell, class_=css, opacity=opacity)
        )
    for c, k in place.items():
        at = room + (k + 0.5) * cell + 3
        turn = f"translate({at:.1f} {room - 5:.1f}) rotate(-90)"
        parts.append(tag("text", labels.names[c], x=room - 5, y=at, text_anchor="end", class_="species"))
        parts.append(tag("text", labels.names[c], transform=turn, class_="species"))
    return drawing(join(parts), room + size + 10, room + size + 10, title="Confusion matrix")


def _counts(pooled: Pooled, n: int) -> np.ndarray:
    return confusion_matrix(pooled.targets, pooled.predicted, n_classes=n)


def _select(key: str, word: str, options: Mapping[str, str]) -> Markup | None:
    if len(options) < 2:
        return None
    choices = (tag("option", title, value=value) for value, title in options.items())
    return tag("label", f"{word} ", tag("select", *choices, data_choice=key))
