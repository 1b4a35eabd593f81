"""`avianvox_cbam`: the small network that weighs what it has found, by channel and by place.

References
----------
Woo et al., "CBAM: convolutional block attention module", 2018.
"""

from typing import Any

from avianvox.models.backend import keras
from avianvox.models.blocks import Blocks, check_window, layers, over_zones
from avianvox.models.networks import Network
from avianvox.models.small import SHAPE, convolutions

ops = keras.ops

ATTENTION_MAP = "attention_map"
"""Name of the layer that gives the last spatial attention, shape (batch, n_moments, n_bands, 1), 0 to 1."""

_LAST = len(SHAPE.blocks) + 1
_ATTENTIVE = (_LAST - 1, _LAST)
_REDUCTION = 8
_KERNEL = (7, 7)


def build_cbam(*, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
    """Build the network; arguments, what is returned and what is raised are those of `build_small`."""
    check_window(n_frames, n_rows)
    blocks = Blocks(seed, "cbam")

    def attend(number: int, x: Any) -> Any:
        if number not in _ATTENTIVE:
            return x
        name = f"block{number}"
        return by_place(
            blocks, by_channel(blocks, x, name), ATTENTION_MAP if number == _LAST else f"{name}_map"
        )

    inputs = keras.Input((n_frames, n_rows, 1), name="features")
    x = over_zones(convolutions(blocks, inputs, attend))
    return keras.Model(inputs, blocks.heard_over_time(x, n_classes), name="cbam_cnn")


def by_channel(blocks: Blocks, x: Any, name: str) -> Any:
    """Channels weighed by their mean and maximum over the window, which go through the same two layers."""
    n = x.shape[-1]
    squeeze, excite = (
        layers.Dense(
            units, activation=activation, kernel_initializer=blocks.kernel(name, part), name=f"{name}_{part}"
        )
        for part, units, activation in (("squeeze", n // _REDUCTION, "relu"), ("excite", n, None))
    )
    weights = excite(squeeze(ops.mean(x, axis=(1, 2)))) + excite(squeeze(ops.max(x, axis=(1, 2))))
    return x * ops.reshape(ops.sigmoid(weights), (-1, 1, 1, n))


def by_place(blocks: Blocks, x: Any, name: str) -> Any:
    """Moments and bands weighed by the mean and maximum of their channels; ``name`` is that of the map."""
    seen = ops.concatenate([ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)], axis=-1)
    kernel = blocks.kernel(name)
    return x * layers.Conv2D(
        1, _KERNEL, padding="same", activation="sigmoid", kernel_initializer=kernel, name=name
    )(seen)


avianvox_cbam = Network(build_cbam, "above_floor", embedding="dropout")
