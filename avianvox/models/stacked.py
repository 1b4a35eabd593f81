"""`avianvox_stacked`: the small network that hears three windows of one event at once, as channels.

A window is cut into three parts of equal length, and the parts lie on each other, as the images of one
capture event may. What it is compared with is the mean of a network's answers to the parts.

References
----------
Norouzzadeh et al., "Automatically identifying, counting, and describing wild animals in camera-trap images
with deep learning", 2018, who average the answers to the images of an event.
"""

from typing import Any

from avianvox.models.backend import keras
from avianvox.models.blocks import Blocks, check_window, over_zones
from avianvox.models.networks import Network
from avianvox.models.small import convolutions

ops = keras.ops

N_PARTS = 3


def build_stacked(*, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
    """Build the network; arguments and what is returned are those of `build_small`.

    Raises
    ------
    InputError
        The window has fewer than 48 frames or 32 bands.
    """
    check_window(n_frames, n_rows, n_parts=N_PARTS)
    blocks = Blocks(seed, "stacked")
    inputs = keras.Input((n_frames, n_rows, 1), name="features")
    x = over_zones(convolutions(blocks, stacked(inputs)))
    return keras.Model(inputs, blocks.heard_over_time(x, n_classes), name="stacked_cnn")


def stacked(x: Any) -> Any:
    """The parts of windows as channels, shape (batch, n_frames // 3, n_rows, 3); frames left over are cut."""
    n = x.shape[1] // N_PARTS
    parts = ops.reshape(x[:, : N_PARTS * n], (-1, N_PARTS, n, x.shape[2]))
    return ops.transpose(parts, (0, 2, 3, 1))


avianvox_stacked = Network(build_stacked, "above_floor", embedding="dropout")
