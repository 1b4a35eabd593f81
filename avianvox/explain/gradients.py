"""Grad-CAM: where in a layer's map what speaks for a class was found.

References
----------
Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", 2017.
"""

from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError
from avianvox.explain.heard import Heard
from avianvox.explain.listener import Listener
from avianvox.explain.network import last_convolution, layer_named, network_of, on_bands
from avianvox.models.backend import keras

_BATCH = 8


@dataclass(frozen=True)
class GradCam:
    """``layer``: the layer that is looked at; None: the last convolution, with what follows it directly."""

    layer: str | None = None

    def maps(self, listener: Listener, heard: Heard, target: int, windows: np.ndarray) -> np.ndarray:
        """See `avianvox.explain.methods.Method`. channels of the layer are weighted by the mean
        gradient of the class's logit, added, and cut at 0.
        """
        import tensorflow as tf

        opened = network_of(listener)
        model, spec = opened.network.model, opened.network.spec
        layer = last_convolution(model) if self.layer is None else layer_named(model, self.layer)
        if len(layer.output.shape) != 4:
            raise InputError(
                f"grad-cam needs a layer with a map of time and bands, and '{layer.name}' has none left; "
                "name a convolution with --layer"
            )
        both = keras.Model(model.input, [layer.output, model.output])
        found = []
        for first in range(0, len(windows), _BATCH):
            inputs = tf.constant(opened.inputs(heard.rows[windows[first : first + _BATCH]]))
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                seen, logits = both(inputs, training=False)
                wanted = tf.reduce_sum(logits[:, target])
            weights = tf.reduce_mean(tape.gradient(wanted, seen), axis=(1, 2), keepdims=True)
            found.append(tf.nn.relu(tf.reduce_sum(weights * seen, axis=-1)).numpy())
        return on_bands(np.concatenate(found), spec)
