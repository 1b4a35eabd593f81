"""All networks by name: what `avianvox train` can train. Windows go in, logits come out."""

from typing import Any

from avianvox.models.cnn import VARIANTS, CnnVariant, build_cnn
from avianvox.models.dense import DENSE, DenseVariant, build_dense

NETWORKS: dict[str, CnnVariant | DenseVariant] = {**VARIANTS, **DENSE}


def build_network(name: str, *, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
    """Build the network ``name`` of `NETWORKS`; the rest is as in `build_cnn`."""
    variant = NETWORKS[name]
    if isinstance(variant, CnnVariant):
        return build_cnn(variant, n_frames=n_frames, n_rows=n_rows, n_classes=n_classes, seed=seed)
    return build_dense(variant, n_frames=n_frames, n_rows=n_rows, n_classes=n_classes, seed=seed)
