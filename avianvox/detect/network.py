"""The network: a trunk and its pyramid, proposals at anchors, and classes of pooled regions.

Two Keras models share nothing but a map. ``first`` goes from a window to objectness, offsets and the map;
``second`` from the map and regions of it to classes and better offsets. What chooses regions between them is
NumPy. The trunk is any row of `NETWORKS` whose maps divide its window evenly; its layers keep their names, so
that a classifier's weights fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.detect.anchors import Grid
from avianvox.errors import InputError
from avianvox.models.backend import keras
from avianvox.models.blocks import Blocks
from avianvox.models.networks import NETWORKS, build_network

ops = keras.ops
layers = keras.layers

LEAST_STRIDE = 4
"""Maps finer than this are left out: they cost most and say least."""
SAMPLES = 2
"""Values that are averaged in a cell of a pooled region, along each axis."""


@dataclass(frozen=True)
class Shape:
    """What a network is built of.

    Attributes
    ----------
    trunk : str
        A row of `NETWORKS`.
    n_frames, n_bands : int
        Of a window.
    n_sizes : int
        Anchors at each place.
    n_classes : int
    channels : int
        Of the map.
    pooled : int
        Cells of a pooled region along each axis.
    hidden : int
        Width of the layer before the classes.
    seed : int
    """

    trunk: str
    n_frames: int
    n_bands: int
    n_sizes: int
    n_classes: int
    channels: int = 48
    pooled: int = 6
    hidden: int = 128
    seed: int = 0


@dataclass(frozen=True)
class DetectorNetwork:
    """The two models, and the strides of their map in frames and bands."""

    first: Any
    second: Any
    strides: tuple[int, int]

    @property
    def layers(self) -> list[Any]:
        """Those with weights, from the input on."""
        return [layer for model in (self.first, self.second) for layer in model.layers if layer.weights]

    def regions(self, found: Any, regions: Any, *, training: bool = False) -> Any:
        """Logits of classes and offsets of regions of a map."""
        return self.second([found, ops.convert_to_tensor(regions, "float32")], training=training)

    @property
    def weights(self) -> list[Any]:
        return [*self.first.weights, *self.second.weights]

    @property
    def trainable_weights(self) -> list[Any]:
        return [*self.first.trainable_weights, *self.second.trainable_weights]

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights by path."""
        return {weight.path: np.asarray(weight) for weight in self.weights}

    def restore(self, arrays: Any) -> None:
        """Take the weights that `arrays` gave. Raises `KeyError` or `ValueError` where they don't fit."""
        for weight in self.weights:
            weight.assign(arrays[weight.path])


def build(shape: Shape) -> DetectorNetwork:
    """Build the network; the same seed gives the same weights.

    Raises
    ------
    InputError
        The trunk's input is not bands above the noise floor, or its maps don't divide the window.
    """
    blocks = Blocks(shape.seed, f"detect {shape.trunk}")
    inputs, maps = _trunk(shape)
    (frames, bands), pyramid = _pyramid(blocks, maps, shape)
    x = _convolved(blocks, pyramid, shape.channels, "proposal_conv")
    objectness = layers.Conv2D(
        shape.n_sizes,
        1,
        kernel_initializer=blocks.kernel("objectness"),
        bias_initializer=keras.initializers.Constant(-2.0),  # most places hold nothing
        name="proposal_objectness",
    )(x)
    offsets = layers.Conv2D(
        4 * shape.n_sizes, 1, kernel_initializer=_small(blocks, "offsets"), name="proposal_offsets"
    )(x)
    n_anchors = (shape.n_frames // frames) * (shape.n_bands // bands) * shape.n_sizes
    first = keras.Model(
        inputs,
        {
            "objectness": layers.Reshape((n_anchors,), name="objectness")(objectness),
            "offsets": layers.Reshape((n_anchors, 4), name="offsets")(offsets),
            "map": pyramid,
        },
        name="first_stage",
    )
    return DetectorNetwork(first, _second(blocks, pyramid.shape[1:], (frames, bands), shape), (frames, bands))


def grid_of(shape: Shape, strides: tuple[int, int], sizes: Sequence[Sequence[float]]) -> Grid:
    """The anchors of a network."""
    return Grid(shape.n_frames, shape.n_bands, *strides, tuple(tuple(map(float, size)) for size in sizes))


def _trunk(shape: Shape) -> tuple[Any, list[tuple[tuple[int, int], Any]]]:
    """The input, and the trunk's last map at each pair of strides, the finest first."""
    row = NETWORKS.get(shape.trunk)
    if row.combine != "above_floor":
        raise InputError(
            f"[detect] trunk: expected a network of bands above the noise floor, got {shape.trunk}; "
            "avianvox_small is one"
        )
    model = build_network(
        shape.trunk, n_frames=shape.n_frames, n_rows=shape.n_bands, n_classes=2, seed=shape.seed
    )
    maps: dict[tuple[int, int], Any] = {}
    for layer in model.layers:
        size: tuple[Any, ...] = tuple(getattr(layer.output, "shape", ()))
        if not isinstance(layer, layers.Layer) or len(size) != 4:
            continue
        times, bands = int(size[1]), int(size[2])
        strides = (shape.n_frames // times, shape.n_bands // bands)
        even = (strides[0] * times, strides[1] * bands) == (shape.n_frames, shape.n_bands)
        if even and min(strides) >= LEAST_STRIDE:
            maps[strides] = layer.output
    if not maps:
        raise InputError(
            f"[detect] trunk: no map of {shape.trunk} divides a window of {shape.n_frames} frames and "
            f"{shape.n_bands} bands evenly; use avianvox_small, or a window of 256 frames"
        )
    return model.input, [(strides, maps[strides]) for strides in sorted(maps)]


def _pyramid(
    blocks: Blocks, maps: list[tuple[tuple[int, int], Any]], shape: Shape
) -> tuple[tuple[int, int], Any]:
    """One map at the finest strides, to which the coarser ones add what they have seen."""
    coarse: Any = None
    before = (0, 0)
    for strides, found in reversed(maps):
        x = layers.Conv2D(
            shape.channels,
            1,
            use_bias=False,
            kernel_initializer=blocks.kernel("lateral", *strides),
            name=f"lateral_{strides[0]}x{strides[1]}",
        )(found)
        x = layers.BatchNormalization(momentum=0.9, name=f"lateral_{strides[0]}x{strides[1]}_norm")(x)
        if coarse is not None:
            factor = (before[0] // strides[0], before[1] // strides[1])
            x = layers.Add()([x, layers.UpSampling2D(factor)(coarse)])
        coarse, before = x, strides
    return before, _convolved(blocks, coarse, shape.channels, "pyramid_conv")


def _second(blocks: Blocks, map_shape: Any, strides: tuple[int, int], shape: Shape) -> Any:
    found = keras.Input(map_shape, name="map")
    regions = keras.Input((None, 4), name="regions")
    pooled = PooledRegions(shape.pooled, strides, name="pooled_regions")([found, regions])
    x = ops.concatenate([pooled, _place(regions, shape)], axis=-1)
    x = layers.Dense(shape.hidden, "relu", kernel_initializer=blocks.kernel("hidden"), name="region_hidden")(
        x
    )
    x = layers.Dropout(0.2, seed=blocks.seed_of("dropout"), name="region_dropout")(x)
    classes = layers.Dense(
        shape.n_classes + 1, kernel_initializer=blocks.kernel("classes"), name="region_classes"
    )(x)
    offsets = layers.Dense(4, kernel_initializer=_small(blocks, "region"), name="region_offsets")(x)
    return keras.Model([found, regions], {"classes": classes, "offsets": offsets}, name="second_stage")


def _place(regions: Any, shape: Shape) -> Any:
    """Where in the spectrum a region lies and how large it is: its edges say who calls as its sound does."""
    low, high = regions[..., 2:3] / shape.n_bands, regions[..., 3:4] / shape.n_bands
    length = (regions[..., 1:2] - regions[..., 0:1]) / shape.n_frames
    return ops.concatenate([low, high, length], axis=-1)


def _convolved(blocks: Blocks, x: Any, channels: int, name: str) -> Any:
    x = layers.Conv2D(
        channels, 3, padding="same", use_bias=False, kernel_initializer=blocks.kernel(name), name=name
    )(x)
    return blocks.normalise(x, name)


def _small(blocks: Blocks, name: str) -> Any:
    return keras.initializers.RandomNormal(stddev=0.01, seed=blocks.seed_of(name))


@keras.saving.register_keras_serializable(package="avianvox")
class PooledRegions(keras.layers.Layer):  # type: ignore[misc]
    """What a map holds in each region, sampled bilinearly: ROI align.

    A bilinear sample is a product with the weights of a tent along each axis, so pooling is two products of
    matrices, which every interpreter has. Beyond the map's outermost cells, their values go on.

    Input: a map, shape (batch, n_times, n_bands, n_channels), and regions in frames and bands, shape
    (batch, n_regions, 4). Output shape (batch, n_regions, size * size * n_channels): by band, then by time.

    Parameters
    ----------
    size : int
        Cells of a region along each axis, each the mean of `SAMPLES` samples along each.
    strides : tuple of int
        Frames and bands between the map's places.
    """

    def __init__(self, size: int, strides: Sequence[int], **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.size, self.strides = size, tuple(strides)

    def call(self, inputs: Any) -> Any:
        found, regions = inputs
        times, bands, channels = found.shape[1:]
        n = regions.shape[1] or ops.shape(regions)[1]
        over_time = self._tents(regions[..., 0:1], regions[..., 1:2], self.strides[0], times)
        over_bands = self._tents(regions[..., 2:3], regions[..., 3:4], self.strides[1], bands)
        x = ops.matmul(
            ops.reshape(over_time, (-1, n * self.size, times)),
            ops.reshape(found, (-1, times, bands * channels)),
        )
        x = ops.transpose(ops.reshape(x, (-1, self.size, bands, channels)), (0, 2, 1, 3))
        x = ops.matmul(
            ops.reshape(over_bands, (-1, self.size, bands)), ops.reshape(x, (-1, bands, self.size * channels))
        )
        return ops.reshape(x, (-1, n, self.size * self.size * channels))

    def _tents(self, begin: Any, end: Any, stride: int, n_cells: int) -> Any:
        """Weights of the cells for each cell of a region: shape (batch, n_regions, size, n_cells)."""
        n_samples = self.size * SAMPLES
        shares = (np.arange(n_samples, dtype=np.float32) + 0.5) / n_samples
        at = (begin + (end - begin) * shares) / stride - 0.5
        at = ops.clip(at, 0.0, float(n_cells - 1))
        away = ops.abs(ops.expand_dims(at, -1) - np.arange(n_cells, dtype=np.float32))
        tents = ops.maximum(1.0 - away, 0.0)
        pieces = [tents[:, :, i::SAMPLES] for i in range(SAMPLES)]
        return sum(pieces[1:], start=pieces[0]) / SAMPLES

    def compute_output_shape(self, input_shape: Any) -> Any:
        found, regions = input_shape
        return (*regions[:2], self.size * self.size * found[-1])

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = keras.layers.Layer.get_config(self)
        del config["trainable"]
        return {**config, "size": self.size, "strides": list(self.strides)}
