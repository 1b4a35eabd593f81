"""`avianvox_two_branches`: the small network on bands, and beside it a branch on MFCC that joins it late.

Neighbouring MFCC are not alike as neighbouring bands are, so their branch convolves over time alone, with
each of them as a channel. Both branches meet where moments are weighed for each class.

References
----------
Hiatt, "Species classification of avian vocalizations with 2-D convolutional neural networks", 2020, wishes
for MFCC as an input of their own, joined at a later layer.
"""

from typing import Any

from avianvox.models.backend import keras
from avianvox.models.blocks import FIRST_STRIDE, Blocks, Cepstrum, check_window, layers, over_zones
from avianvox.models.networks import Network
from avianvox.models.small import SHAPE, convolutions

ops = keras.ops

_FIRST = len(SHAPE.blocks) + 2  # its blocks are counted on from those of the bands
_FILTERS = 64


def build_two_branches(*, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
    """Build the network; arguments, what is returned and what is raised are those of `build_small`."""
    check_window(n_frames, n_rows)
    blocks = Blocks(seed, "two_branches")
    inputs = keras.Input((n_frames, n_rows, 1), name="features")
    bands = over_zones(convolutions(blocks, inputs))
    mfcc = layers.Permute((1, 3, 2), name="mfcc_channels")(Cepstrum(name="mfcc")(inputs))
    mfcc = blocks.convolve(mfcc, _FIRST, _FILTERS, (7, 1), (FIRST_STRIDE[0], 1))
    mfcc = blocks.convolve(mfcc, _FIRST + 1, _FILTERS, (3, 1))
    mfcc = layers.MaxPooling2D((2, 1), name=f"block{_FIRST + 1}_pool")(mfcc)
    both = ops.concatenate([bands, ops.squeeze(mfcc, 2)], axis=-1)
    return keras.Model(inputs, blocks.heard_over_time(both, n_classes), name="two_branches_cnn")


avianvox_two_branches = Network(build_two_branches, "above_floor", embedding="dropout")
