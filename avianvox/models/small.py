"""`avianvox_small`: the project's own network for few recordings of a species.

Log-mel power above the window's noise floor goes through six convolutions with batch normalisation. The pitch
of a voice says much of who it is, and convolutions don't know where they are: the height of each band goes in
with its power, and after the last convolution the spectrum is looked at in four zones. Time is shortened
early, bands later. Over the bands of a zone, mean and maximum are added; over time, each class has an
attention of its own (`avianvox.models.blocks`).
"""

from collections.abc import Callable
from typing import Any

from avianvox.models.backend import keras
from avianvox.models.blocks import Blocks, check_window, layers, over_zones
from avianvox.models.networks import Network
from avianvox.models.shapes import BlocksShape

SHAPE = BlocksShape()
"""Of the network where nothing else is asked for."""


def convolutions(
    blocks: Blocks, x: Any, after: Callable[[int, Any], Any] = lambda _, x: x, *, shape: BlocksShape = SHAPE
) -> Any:
    """The network's convolutions, shape (batch, n_moments, n_bands, n_filters).

    ``after(number, x)`` may change what a block gives.
    """
    x = blocks.first(x, shape.first)
    shape.check(*x.shape[1:3])
    for number, (filters, kernel, pool) in enumerate(shape.blocks, start=2):
        x = after(number, blocks.convolve(x, number, filters, (kernel, kernel)))
        if pool is not None:
            x = layers.MaxPooling2D(pool, name=f"block{number}_pool")(x)
    return x


def build_small(
    *, n_frames: int, n_rows: int, n_classes: int, seed: int = 0, shape: BlocksShape = SHAPE
) -> Any:
    """Build the network; arguments and what is returned are those of `avianvox.models.cnn.build_cnn`.

    Raises
    ------
    InputError
        The window has fewer than 16 frames or 32 bands.
    """
    check_window(n_frames, n_rows)
    blocks = Blocks(seed, "small")
    inputs = keras.Input((n_frames, n_rows, 1), name="features")
    x = over_zones(convolutions(blocks, inputs, shape=shape))
    return keras.Model(inputs, blocks.heard_over_time(x, n_classes), name="small_cnn")


avianvox_small = Network(build_small, "above_floor", embedding="dropout", shaped=True)
