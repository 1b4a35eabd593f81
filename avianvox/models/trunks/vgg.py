"""VGG's plan: groups of 3 x 3 convolutions with a pooling after each, and three dense layers.

The first convolution has a stride, which the plan has not: most work would lie before the first pooling.
"""

from typing import Any

from avianvox.models.trunks.parts import Parts, layers, network

_GROUPS = ((64, 2), (128, 2), (256, 5), (512, 5), (512, 5))
"""Filters, and how many convolutions have them."""


def _trunk(parts: Parts, x: Any) -> Any:
    for group, (filters, n) in enumerate(_GROUPS, start=1):
        for number in range(1, n + 1):
            first = group == number == 1
            x = parts.convolve(x, f"conv{group}_{number}", filters, 3, strides=(4, 2) if first else 1)
        x = parts.pool(x, f"pool{group}")
    x = layers.Flatten(name="flat")(x)
    x = parts.drop(parts.dense(x, "dense1", 4096 // 2), "dropout1")
    return parts.dense(x, "dense2", 4096 // 2)


vgg = network("vgg", _trunk)
