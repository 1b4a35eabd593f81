"""Which level of the bounded loss of the tree is steepest at which probability; draws docs/loss_levels.svg.

    python benchmarks/loss_levels.py [--draw docs/loss_levels.svg]

Slopes are those that TensorFlow finds of the loss itself, with its settings as they are; the table stands in
docs/train.md, and ``tests/test_loss_classes.py`` holds both to the formula.
"""

import argparse
from pathlib import Path

import numpy as np

from avianvox.pages.plot import Axis, Plot, standalone
from avianvox.training.losses.hierarchical import LOSS_LEVELS, HierarchicalAsymptotic, HierarchicalLoss

PROBABILITIES = (0.001, 0.01, 0.1, 0.5, 1.0)


def slope_of(level: int, p: np.ndarray) -> np.ndarray:
    """What the probability of one level does to the loss, sign left out, at each of ``p`` below 1."""
    import tensorflow as tf

    row = HierarchicalAsymptotic()
    weight = row.weights[level] / sum(row.weights)
    loss = HierarchicalLoss([[0, 1]], [weight], [row.exponents[level]], reduction=None)
    logits = tf.constant(np.stack([np.log(p), np.log1p(-p)], 1))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(np.zeros(len(p), np.int64), logits)
    return -tape.gradient(value, logits).numpy()[:, 0] / (p * (1 - p))  # by the logit's own slope


def table() -> str:
    p = np.minimum(PROBABILITIES, 1 - 1e-4)
    slopes = np.stack([slope_of(level, p) for level in range(len(LOSS_LEVELS))], 1)
    return "\n".join(
        "| " + " | ".join([f"{probability:g}", *(f"{slope:.2f}" for slope in row)]) + " |"
        for probability, row in zip(PROBABILITIES, slopes.tolist(), strict=True)
    )


def picture() -> str:
    """Both axes logarithmic, so that powers are straight lines; the last of them is at 1."""
    p = np.geomspace(0.001, 1 - 1e-4, 25)
    x = Axis(
        0.001,
        1.0,
        "probability of the level",
        tuple((10.0**k, f"{10.0**k:g}") for k in (-3, -2, -1, 0)),
        log=True,
    )
    y = Axis(0.05, 20.0, "slope of the loss", tuple((v, f"{v:g}") for v in (0.1, 1.0, 10.0)), log=True)
    plot = Plot(x, y, title="Slope of each level of the bounded loss of the tree")
    for level in range(len(LOSS_LEVELS)):
        plot.line(p.tolist(), slope_of(level, p).tolist(), f"s{level + 1}")
    row = HierarchicalAsymptotic()
    entries = [
        (f"s{k + 1}", f"{name}, exponent {q:g}")
        for k, (name, q) in enumerate(zip(LOSS_LEVELS, row.exponents, strict=True))
    ]
    plot.legend(entries, 0.62, 0.95)
    return standalone(plot.svg())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draw", type=Path, metavar="FILE.svg")
    options = parser.parse_args()
    print(table())
    if options.draw:
        options.draw.write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
