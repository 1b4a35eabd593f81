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
    """

    build: Callable[..., Any]
    combine: str
    prepare: Callable[..., None] | None = None
    embedding: str | None = None


NETWORKS: Registry[Network] = Registry(
    "network",
    {
        "pca_dense": "avianvox.models.dense:pca_dense",
        "dense_pixels": "avianvox.models.dense:dense_pixels",
        "cnn_v16": "avianvox.models.cnn:cnn_v16",
        "cnn_v18": "avianvox.models.cnn:cnn_v18",
        "cnn_v17": "avianvox.models.cnn:cnn_v17",
        "cnn_v20": "avianvox.models.cnn:cnn_v20",
        "avianvox_small": "avianvox.models.small:avianvox_small",
        "avianvox_lean": "avianvox.models.lean:avianvox_lean",
        "avianvox_mfcc": "avianvox.models.on_mfcc:avianvox_mfcc",
        "avianvox_two_branches": "avianvox.models.two_branches:avianvox_two_branches",
        "avianvox_cbam": "avianvox.models.cbam:avianvox_cbam",
    },
)
"""Listing them needs no Keras."""

DEFAULT_NETWORK = "avianvox_small"
"""What ``avianvox train`` trains where no model is named."""


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


RECIPES: Mapping[str, Mapping[str, Any]] = {
    name: _FEW_RECORDINGS
    for name in (
        "avianvox_small",
        "avianvox_lean",
        "avianvox_mfcc",
        "avianvox_two_branches",
        "avianvox_cbam",
    )
}
"""Settings of ``[train]`` that a network is fitted with where the user asks for nothing else."""


def build_network(name: str, *, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
    """Build the network ``name`` of `NETWORKS`; the rest is as in `build_cnn`."""
    return NETWORKS.get(name).build(n_frames=n_frames, n_rows=n_rows, n_classes=n_classes, seed=seed)
