"""Attention: where a network says that it looks.

``avianvox_small`` and its relatives have an attention over time for each class, which knows no bands: its
maps are even over the frequencies. ``avianvox_cbam`` has a map of time and bands, which is the same for all
classes.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError
from avianvox.explain.heard import Heard
from avianvox.explain.listener import Listener
from avianvox.explain.network import layer_named, network_of, on_bands
from avianvox.models.backend import keras

LAYERS = ("attention_map", "attention_softmax")
"""Of moments and bands, and of moments and classes; the first that a network has is looked at."""

_BANDS = 8  # over which an attention that knows no bands is spread


@dataclass(frozen=True)
class Attention:
    """``layer``: one of `LAYERS`, or another layer of their shape."""

    layer: str | None = None

    def maps(self, listener: Listener, heard: Heard, target: int, windows: np.ndarray) -> np.ndarray:
        """See `avianvox.explain.methods.Method`; each map adds up to 1."""
        opened = network_of(listener)
        model, spec = opened.network.model, opened.network.spec
        names = [layer.name for layer in model.layers]
        name = self.layer or next((name for name in LAYERS if name in names), None)
        if name is None:
            raise InputError(
                f"'{opened.name}' has no attention to look at; use --method grad-cam or occlusion, or train "
                "avianvox_small or avianvox_cbam"
            )
        shape = layer_named(model, name).output.shape
        of_classes = len(shape) == 3 and shape[-1] == len(opened.labels)
        if not (of_classes or (len(shape) == 4 and shape[-1] == 1)):
            raise InputError(
                f"the layer '{name}' is no attention; name one with --layer: {', '.join(LAYERS)}"
            )
        looked = keras.Model(model.input, model.get_layer(name).output)
        found = np.asarray(looked(opened.inputs(heard.rows[windows]), training=False))
        maps = np.repeat(found[:, :, target, None], _BANDS, axis=2) if of_classes else found[..., 0]
        maps = on_bands(maps, spec)
        return np.asarray(maps / maps.sum(axis=(1, 2), keepdims=True))
