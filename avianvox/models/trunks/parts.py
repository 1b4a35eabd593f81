"""What the well-known architectures are built of here.

Convolutions have batch normalisation before ReLU, also where the plan is older than that: it is what lets 20
layers learn from few recordings. Edges are padded, and poolings take what is left there: any window fits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from avianvox.models.backend import keras
from avianvox.models.networks import Network
from avianvox.models.trunks import PLANS
from avianvox.randomness import hash_name

layers = keras.layers

_DROPOUT = 0.4
Size = int | tuple[int, int]


@dataclass(frozen=True)
class Parts:
    """Layers of one network, each with a seed of its own; ``width``: what a plan's filters are divided by."""

    seed: int
    family: str
    width: int

    def n(self, filters: int) -> int:
        """As many of the plan's filters or units as the width leaves."""
        return filters // self.width

    def kernel(self, name: str) -> Any:
        return keras.initializers.HeNormal(hash_name(self.seed, self.family, name) % 2**31)

    def convolve(
        self,
        x: Any,
        name: str,
        filters: int,
        kernel: Size,
        *,
        strides: Size = 1,
        relu: bool = True,
        silent: bool = False,
    ) -> Any:
        """A convolution with batch normalisation; ``filters`` is the plan's number."""
        x = layers.Conv2D(
            self.n(filters),
            kernel,
            strides=strides,
            padding="same",
            use_bias=False,
            kernel_initializer=self.kernel(name),
            name=name,
        )(x)
        return self.normalise(x, name, relu=relu, silent=silent)

    def dense(self, x: Any, name: str, units: int) -> Any:
        x = layers.Dense(self.n(units), use_bias=False, kernel_initializer=self.kernel(name), name=name)(x)
        return self.normalise(x, name)

    def normalise(self, x: Any, name: str, *, relu: bool = True, silent: bool = False) -> Any:
        """``silent``: it begins by giving 0, so that what is added to a block's input grows as it learns."""
        first = "zeros" if silent else "ones"
        x = layers.BatchNormalization(momentum=0.9, gamma_initializer=first, name=f"{name}_norm")(x)
        return layers.ReLU(name=f"{name}_relu")(x) if relu else x

    def pool(self, x: Any, name: str, size: Size = 2) -> Any:
        return layers.MaxPooling2D(size, padding="same", name=name)(x)

    def drop(self, x: Any, name: str = "dropout") -> Any:
        return layers.Dropout(_DROPOUT, seed=hash_name(self.seed, self.family, name) % 2**31, name=name)(x)


def network(name: str, trunk: Callable[[Parts, Any], Any]) -> Network:
    """A row of `NETWORKS`: ``trunk(parts, windows)`` gives what the classes are told from.

    Maps, shape (batch, n_moments, n_bands, n_filters), are averaged; values, shape (batch, n), are not.
    """

    def build(*, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
        """Arguments and what is returned are those of `avianvox.models.cnn.build_cnn`."""
        parts = Parts(seed, name, PLANS[name].width)
        inputs = keras.Input((n_frames, n_rows, 1), name="features")
        x = trunk(parts, inputs)
        if len(x.shape) == 4:
            x = layers.GlobalAveragePooling2D(name="average")(x)
        x = parts.drop(x)
        initializer = keras.initializers.GlorotUniform(hash_name(seed, name, "logits") % 2**31)
        logits = layers.Dense(n_classes, kernel_initializer=initializer, name="logits")(x)
        return keras.Model(inputs, logits, name=name)

    return Network(build, "above_floor", embedding="dropout")
