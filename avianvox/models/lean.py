"""`avianvox_lean`: residual, depthwise-separable blocks after an early stride.

A block filters each channel by itself, mixes the channels, and adds what it was given: an eighth of the work
of a convolution as wide.

References
----------
He et al., "Deep residual learning for image recognition", 2016; Howard et al., "MobileNets", 2017.
"""

from typing import Any

from avianvox.models.backend import keras
from avianvox.models.blocks import Blocks, check_window, layers, over_zones
from avianvox.models.networks import Network
from avianvox.models.shapes import BlocksShape

_SHAPE = BlocksShape(filters=(64, 64, 96, 96, 160, 160))


def build_lean(
    *, n_frames: int, n_rows: int, n_classes: int, seed: int = 0, shape: BlocksShape = _SHAPE
) -> Any:
    """Build the network; arguments, what is returned and what is raised are those of `build_small`."""
    check_window(n_frames, n_rows)
    blocks = Blocks(seed, "lean")
    inputs = keras.Input((n_frames, n_rows, 1), name="features")
    x = blocks.first(inputs, shape.first)
    shape.check(*x.shape[1:3])
    for number, (filters, kernel, pool) in enumerate(shape.blocks, start=2):
        x = _residual(blocks, x, number, filters, kernel)
        if pool is not None:
            x = layers.MaxPooling2D(pool, name=f"block{number}_pool")(x)
    return keras.Model(inputs, blocks.heard_over_time(over_zones(x), n_classes), name="lean_cnn")


def _residual(blocks: Blocks, x: Any, number: int, filters: int, kernel: int) -> Any:
    name, given = f"block{number}", x
    x = layers.DepthwiseConv2D(
        (kernel, kernel),
        padding="same",
        use_bias=False,
        depthwise_initializer=blocks.kernel("depthwise", number),
        name=f"{name}_depthwise",
    )(x)
    x = blocks.normalise(x, f"{name}_each")
    x = blocks.normalise(_mixed(blocks, x, f"{name}_conv", filters), name, relu=False)
    if given.shape[-1] != filters:
        given = _mixed(blocks, given, f"{name}_shortcut", filters)
    return layers.ReLU(name=f"{name}_relu")(x + given)


def _mixed(blocks: Blocks, x: Any, name: str, filters: int) -> Any:
    kernel = blocks.kernel(name)
    return layers.Conv2D(filters, 1, use_bias=False, kernel_initializer=kernel, name=name)(x)


avianvox_lean = Network(build_lean, "above_floor", embedding="dropout", shaped=True)
