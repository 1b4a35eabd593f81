"""What a step learns: targets of the anchors that were sampled, and of the regions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from avianvox.detect.anchors import Grid, match, sample
from avianvox.detect.geometry import encode
from avianvox.detect.proposals import Limits, propose
from avianvox.detect.windows import Piece
from avianvox.randomness import derive_rng

ANCHOR_IOU, NOTHING_BELOW = 0.5, 0.3
REGION_IOU = 0.5
_POSITIVE = 0.5


class AnchorTargets(NamedTuple):
    """Of a batch, for each anchor; ``offsets`` are four. What is asked or has a box is 1, the others 0."""

    objects: np.ndarray
    asked: np.ndarray
    offsets: np.ndarray
    boxed: np.ndarray


class RegionTargets(NamedTuple):
    """Of a batch: regions and their classes; the rest is as in `AnchorTargets`."""

    regions: np.ndarray
    classes: np.ndarray
    asked: np.ndarray
    offsets: np.ndarray
    boxed: np.ndarray


def anchor_targets(
    anchors: np.ndarray, pieces: Sequence[Piece], *, n: int, seed: int, step: int
) -> AnchorTargets:
    """Targets of ``n`` sampled anchors a window."""
    shape = (len(pieces), len(anchors))
    objects, asked, boxed = (np.zeros(shape, np.float32) for _ in range(3))
    offsets = np.zeros((*shape, 4), np.float32)
    for i, piece in enumerate(pieces):
        found = match(
            anchors,
            piece.boxes,
            ignored=piece.ignored,
            least_iou=ANCHOR_IOU,
            nothing_below=NOTHING_BELOW,
            best_too=True,
        )
        rng = derive_rng(seed, "detect anchors", step, i)
        with_box, without = sample(found, rng, n=n, positive=_POSITIVE)
        objects[i, with_box] = boxed[i, with_box] = asked[i, with_box] = asked[i, without] = 1
        if len(with_box):
            offsets[i, with_box] = encode(piece.boxes[found[with_box]], anchors[with_box])
    return AnchorTargets(objects, asked, offsets, boxed)


def region_targets(
    objectness: np.ndarray,
    offsets: np.ndarray,
    anchors: np.ndarray,
    grid: Grid,
    pieces: Sequence[Piece],
    *,
    limits: Limits,
    n: int,
    n_classes: int,
    seed: int,
    step: int,
) -> RegionTargets:
    """``n`` regions a window, sampled from its proposals and its boxes, with their targets."""
    batch = len(pieces)
    regions = np.zeros((batch, n, 4), np.float32)
    classes = np.full((batch, n), n_classes, np.int64)
    asked, boxed = np.zeros((batch, n), np.float32), np.zeros((batch, n), np.float32)
    wanted = np.zeros((batch, n, 4), np.float32)
    for i, piece in enumerate(pieces):
        proposed = propose(objectness[i], offsets[i], anchors, grid, limits)
        candidates = np.concatenate([proposed, piece.boxes])
        found = match(
            candidates,
            piece.boxes,
            ignored=piece.ignored,
            least_iou=REGION_IOU,
            nothing_below=REGION_IOU,
        )
        rng = derive_rng(seed, "detect regions", step, i)
        with_box, without = sample(found, rng, n=n, positive=_POSITIVE)
        chosen = np.concatenate([with_box, without])
        regions[i, : len(chosen)] = candidates[chosen]
        asked[i, : len(chosen)] = 1
        boxed[i, : len(with_box)] = 1
        if len(with_box):
            classes[i, : len(with_box)] = piece.classes[found[with_box]]
            wanted[i, : len(with_box)] = encode(piece.boxes[found[with_box]], candidates[with_box])
    return RegionTargets(regions, classes, asked, wanted, boxed)
