"""Network in network: each convolution is followed by two of one by one, and there is no dense layer inside.

The last one, whose maps are averaged, is the dense layer of the classes after averaging here: both are
linear, so that their order changes nothing.
"""

from typing import Any

from avianvox.models.trunks.parts import Parts, network

_BLOCKS = ((96, 11, 4), (256, 5, 1), (384, 3, 1), (384, 3, 1), (1024, 3, 1))
"""Filters, kernel and stride."""


def _trunk(parts: Parts, x: Any) -> Any:
    for number, (filters, kernel, stride) in enumerate(_BLOCKS, start=1):
        if number > 1:
            x = parts.pool(x, f"pool{number - 1}")
        x = parts.convolve(x, f"conv{number}", filters, kernel, strides=stride)
        for mixed in ("a", "b"):
            x = parts.convolve(x, f"mix{number}{mixed}", filters, 1)
    return x


nin = network("nin", _trunk)
