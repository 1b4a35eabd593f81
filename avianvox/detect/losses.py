"""The losses of both stages, each a mean over what was sampled: it does not grow with boxes or batch."""

from typing import Any

from avianvox.models.backend import keras

ops = keras.ops

_NONE = 1e-6


def objectness_loss(logits: Any, wanted: Any, weight: Any) -> Any:
    """Binary cross-entropy of the anchors that were sampled.

    Parameters
    ----------
    logits, wanted, weight : shape (batch, n_anchors)
        ``wanted`` is 1 where an anchor has a box; ``weight`` is 1 where it was sampled.
    """
    each = ops.maximum(logits, 0.0) - logits * wanted + ops.log1p(ops.exp(-ops.abs(logits)))
    return _mean(each, weight)


def offset_loss(offsets: Any, wanted: Any, weight: Any) -> Any:
    """Smooth absolute error of the offsets of what has a box.

    Parameters
    ----------
    offsets, wanted : shape (batch, n, 4)
    weight : shape (batch, n)

    References
    ----------
    Girshick, "Fast R-CNN", 2015.
    """
    error = ops.abs(offsets - wanted)
    each = ops.sum(ops.where(error < 1.0, 0.5 * ops.square(error), error - 0.5), axis=-1)
    return _mean(each, weight)


def class_loss(logits: Any, wanted: Any, weight: Any) -> Any:
    """Cross-entropy of regions.

    Parameters
    ----------
    logits : shape (batch, n_regions, n_classes + 1)
        The last class is "no voice".
    wanted : shape (batch, n_regions), int
    weight : shape (batch, n_regions)
    """
    target = ops.one_hot(wanted, logits.shape[-1])
    each = ops.logsumexp(logits, axis=-1) - ops.sum(target * logits, axis=-1)
    return _mean(each, weight)


def _mean(each: Any, weight: Any) -> Any:
    return ops.sum(each * weight) / ops.maximum(ops.sum(weight), _NONE)
