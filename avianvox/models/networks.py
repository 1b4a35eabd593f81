"""All networks by name: windows go in, logits come out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from avianvox.registry import Registry


@dataclass(frozen=True)
class Network:
    """One network before it is built.

    Attributes
    ----------
    build : callable
        ``build(n_frames=..., n_rows=..., n_classes=..., seed=...)`` is a keras.Model of windows,
        shape (n_frames, n_rows, 1), that ends in logits.
    combine : str
        The published combination of mel and MFCC features, one of `avianvox.features.spec.COMBINATIONS`.
    prepare : callable, optional
        ``prepare(model, reader, recordings, seed=...)`` finds what is not trained by steps.
    embedding : str, optional
        The layer whose output the layers of the classes see.
    shaped : bool
        Whether ``build`` takes a ``shape`` too, a row of `avianvox.models.shapes.SHAPES`.
    """

    build: Callable[..., Any]
    combine: str
    prepare: Callable[..., None] | None = None
    embedding: str | None = None
    shaped: bool = False


_FEW_RECORDINGS: Mapping[str, Any] = {
    "epochs": 60,
    "validation": 0.0,
    "learning_rate": 2e-3,
    "crops_per_recording": 2,
    "even_batches": True,
    "window_frames": 256,
    "loss": {"kind": "label_smoothing", "smoothing": 0.05},
    "sampler": "balanced",
    "placing": "voiced",
    "augment": (
        "height",
        "shift_bands",
        "blend",
        {"kind": "mask_bands", "n": 1},
        {"kind": "mask_time", "n": 1},
    ),
    "optimiser": "adamw",
    "schedule": "cosine",
    "overlap": 0.5,
    "pooling": "weighted",
}


_AS_PUBLISHED = {
    "pca_dense": ("avianvox.models.dense:pca_dense", "network on principal components of a window"),
    "dense_pixels": (
        "avianvox.models.dense:dense_pixels",
        "fully connected network on the pixels of a window",
    ),
    "cnn_v16": ("avianvox.models.cnn:cnn_v16", "convolutional network, kernels along time"),
    "cnn_v18": ("avianvox.models.cnn:cnn_v18", "convolutional network, 3 x 3 kernels, 2 x 2 pooling"),
    "cnn_v17": ("avianvox.models.cnn:cnn_v17", "convolutional network, 3 x 3 kernels, 3 x 3 pooling"),
    "cnn_v20": ("avianvox.models.cnn:cnn_v20", "like cnn_v17, MFCC replace mel bands"),
}
_FOR_FEW_RECORDINGS = {
    "avianvox_small": ("avianvox.models.small:avianvox_small", "network for few recordings, noise floor out"),
    "avianvox_lean": ("avianvox.models.lean:avianvox_lean", "avianvox_small of depthwise-separable blocks"),
    "avianvox_mfcc": ("avianvox.models.on_mfcc:avianvox_mfcc", "avianvox_small on MFCC alone"),
    "avianvox_two_branches": (
        "avianvox.models.two_branches:avianvox_two_branches",
        "avianvox_small with a branch on MFCC, joined late",
    ),
    "avianvox_cbam": (
        "avianvox.models.cbam:avianvox_cbam",
        "avianvox_small with attention by channel and place",
    ),
    "avianvox_stacked": (
        "avianvox.models.stacked:avianvox_stacked",
        "avianvox_small on three parts of a window as channels",
    ),
    "dense_deep": ("avianvox.models.dense:dense_deep", "five dense layers on the values of a window"),
    "pca_deep": ("avianvox.models.dense:pca_deep", "dense_deep on 500 principal components of a window"),
    "alexnet": ("avianvox.models.trunks.alexnet:alexnet", "AlexNet's plan, 8 layers, a quarter as wide"),
    "nin": ("avianvox.models.trunks.nin:nin", "NiN's plan, 16 layers, a quarter as wide"),
    "vgg": ("avianvox.models.trunks.vgg:vgg", "VGG's plan, 22 layers, a quarter as wide"),
    "googlenet": (
        "avianvox.models.trunks.googlenet:googlenet",
        "GoogLeNet's plan, 32 layers, a quarter as wide",
    ),
    "resnet18": ("avianvox.models.trunks.resnet:resnet18", "residual network, 18 layers, a quarter as wide"),
    "resnet34": ("avianvox.models.trunks.resnet:resnet34", "residual network, 34 layers, a quarter as wide"),
    "resnet50": ("avianvox.models.trunks.resnet:resnet50", "residual network, 50 layers, an eighth as wide"),
    "resnet101": (
        "avianvox.models.trunks.resnet:resnet101",
        "residual network, 101 layers, an eighth as wide",
    ),
    "resnet152": (
        "avianvox.models.trunks.resnet:resnet152",
        "residual network, 152 layers, an eighth as wide",
    ),
}

NETWORKS: Registry[Network] = Registry("network", _AS_PUBLISHED | _FOR_FEW_RECORDINGS)
"""Listing them needs no Keras."""

_DENSE = ("dense_deep", "pca_deep")
RECIPES: Mapping[str, Mapping[str, Any]] = {
    name: {**_FEW_RECORDINGS, **({"learning_rate": 3e-4} if name in _DENSE else {})}
    for name in _FOR_FEW_RECORDINGS
}
"""Settings of ``[train]`` that a network is fitted with where the user asks for nothing else."""

DEFAULT_NETWORK = "avianvox_small"
"""What ``avianvox train`` trains where no model is named."""


def build_network(name: str, *, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
    """Build the network ``name`` of `NETWORKS`; the rest is as in `build_cnn`."""
    return NETWORKS.get(name).build(n_frames=n_frames, n_rows=n_rows, n_classes=n_classes, seed=seed)
