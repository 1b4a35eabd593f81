"""Residual networks of 18 to 152 layers: each block adds to what it was given.

Those of 18 and 34 layers have blocks of two 3 x 3 convolutions; the deeper ones have 1 x 1, 3 x 3 and 1 x 1,
the last with four times the filters. What a block adds begins at 0 (Goyal et al., 2017).
"""

from functools import partial
from typing import Any

from avianvox.models.trunks.parts import Parts, layers, network

_FILTERS = (64, 128, 256, 512)


def _trunk(repeats: tuple[int, ...], deep: bool, parts: Parts, x: Any) -> Any:
    x = parts.pool(parts.convolve(x, "conv1", 64, 7, strides=(4, 2)), "pool1")
    for stage, (filters, n) in enumerate(zip(_FILTERS, repeats, strict=True), start=1):
        for number in range(1, n + 1):
            stride = 2 if number == 1 and stage > 1 else 1
            x = _block(parts, x, f"stage{stage}_{number}", filters, stride, deep)
    return x


def _block(parts: Parts, given: Any, name: str, filters: int, stride: int, deep: bool) -> Any:
    if deep:
        x = parts.convolve(given, f"{name}_a", filters, 1)
        x = parts.convolve(x, f"{name}_b", filters, 3, strides=stride)
        x = parts.convolve(x, f"{name}_c", 4 * filters, 1, relu=False, silent=True)
    else:
        x = parts.convolve(given, f"{name}_a", filters, 3, strides=stride)
        x = parts.convolve(x, f"{name}_b", filters, 3, relu=False, silent=True)
    if given.shape[1:] != x.shape[1:]:
        wide = 4 * filters if deep else filters
        given = parts.convolve(given, f"{name}_given", wide, 1, strides=stride, relu=False)
    return layers.ReLU(name=name)(layers.Add(name=f"{name}_add")([x, given]))


resnet18 = network("resnet18", partial(_trunk, (2, 2, 2, 2), False))
resnet34 = network("resnet34", partial(_trunk, (3, 4, 6, 3), False))
resnet50 = network("resnet50", partial(_trunk, (3, 4, 6, 3), True))
resnet101 = network("resnet101", partial(_trunk, (3, 4, 23, 3), True))
resnet152 = network("resnet152", partial(_trunk, (3, 8, 36, 3), True))
