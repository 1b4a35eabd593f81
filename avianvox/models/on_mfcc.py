"""`avianvox_mfcc`: the small network on MFCC alone.

It is given what stands above the noise floor like the others, so that crops are augmented like theirs; its
first layer makes 20 MFCC of it, and the rest hears nothing else.
"""

from typing import Any

from avianvox.models.backend import keras
from avianvox.models.blocks import Blocks, Cepstrum, check_window, over_zones
from avianvox.models.networks import Network
from avianvox.models.small import convolutions


def build_mfcc(*, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
    """Build the network; arguments, what is returned and what is raised are those of `build_small`."""
    check_window(n_frames, n_rows)
    blocks = Blocks(seed, "mfcc")
    inputs = keras.Input((n_frames, n_rows, 1), name="features")
    x = over_zones(convolutions(blocks, Cepstrum(name="mfcc")(inputs)))
    return keras.Model(inputs, blocks.heard_over_time(x, n_classes), name="mfcc_cnn")


avianvox_mfcc = Network(build_mfcc, "above_floor", embedding="dropout")
