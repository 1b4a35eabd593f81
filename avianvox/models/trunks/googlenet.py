"""GoogLeNet's plan: modules of four branches, 1 x 1, 3 x 3, 5 x 5 and a pooling, side by side.

The answers from its middle, which helped the first layers before there was batch normalisation, are left out.
"""

from typing import Any

from avianvox.models.trunks.parts import Parts, layers, network

_MODULES = (
    ((64, 96, 128, 16, 32, 32), 1),
    ((128, 128, 192, 32, 96, 64), 2),
    None,
    ((192, 96, 208, 16, 48, 64), 2),
    ((160, 112, 224, 24, 64, 64), 2),
    ((112, 144, 288, 32, 64, 64), 1),
    ((256, 160, 320, 32, 128, 128), 2),
    None,
    ((256, 160, 320, 32, 128, 128), 2),
    ((384, 192, 384, 48, 128, 128), 2),
)
"""Filters of a module (1 x 1; before and of 3 x 3; before and of 5 x 5; after the pooling) and how many
follow each other; None: a pooling between."""


def _trunk(parts: Parts, x: Any) -> Any:
    x = parts.pool(parts.convolve(x, "conv1", 64, 7, strides=(4, 2)), "pool1")
    x = parts.convolve(parts.convolve(x, "conv2_before", 64, 1), "conv2", 192, 3)
    x = parts.pool(x, "pool2")
    number = 0
    for row in _MODULES:
        if row is None:
            x = parts.pool(x, f"pool_after{number}")
            continue
        for _ in range(row[1]):
            number += 1
            x = _module(parts, x, f"module{number}", row[0])
    return x


def _module(parts: Parts, x: Any, name: str, filters: tuple[int, ...]) -> Any:
    one, before_three, three, before_five, five, pooled = filters
    surroundings = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    branches = [
        parts.convolve(x, f"{name}_1", one, 1),
        parts.convolve(parts.convolve(x, f"{name}_before3", before_three, 1), f"{name}_3", three, 3),
        parts.convolve(parts.convolve(x, f"{name}_before5", before_five, 1), f"{name}_5", five, 5),
        parts.convolve(surroundings, f"{name}_pooled", pooled, 1),
    ]
    return layers.Concatenate(name=name)(branches)


googlenet = network("googlenet", _trunk)
