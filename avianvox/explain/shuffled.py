"""The randomisation test: does a map still look the same when what the network has learned is gone?

From the top layer down, weights are replaced by those of a network that has seen nothing. A map that stays as
it was shows the recording and not what was learned.

References
----------
Adebayo et al., "Sanity checks for saliency maps", 2018.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from avianvox.evaluation.metrics import rank_correlation
from avianvox.explain.heard import Heard
from avianvox.explain.methods import Method
from avianvox.explain.network import RunListener
from avianvox.models.networks import NETWORKS


@dataclass(frozen=True)
class Shuffled:
    """What became of a map.

    ``layers``: from the top, each randomised with all before it; ``correlation``: rank correlation of the
    map's cells with those of the trained network's, shape (n_layers,); ``score``: of the class, mean over the
    windows.
    """

    layers: tuple[str, ...]
    correlation: np.ndarray
    score: np.ndarray


def shuffled(
    opened: RunListener, heard: Heard, method: Method, target: int, windows: np.ndarray, *, seed: int = 1
) -> Shuffled:
    """Randomise a network from the top layer down, and find the map after each step.

    Parameters
    ----------
    opened : RunListener
    heard : Heard
    method : Method
    target : int
    windows : np.ndarray, shape (n,), int64
    seed : int
        Of the weights that come in place of those that were learned.
    """
    network = opened.network
    model, spec = network.model, network.spec
    fresh = NETWORKS.get(opened.name).build(
        n_frames=spec.n_frames, n_rows=spec.n_rows, n_classes=len(opened.labels), seed=seed
    )
    layers = [layer.name for layer in model.layers[::-1] if layer.weights]
    before = method.maps(opened, heard, target, windows)
    found, scores = [], []
    for at in range(len(layers)):
        mixed = _mixed(model, fresh, set(layers[: at + 1]), opened, seed)
        other = replace(opened, fitted=replace(network, model=mixed))
        rows = heard.rows[windows]
        there = replace(heard, scores=heard.scores.copy())
        there.scores[windows] = other.scores(rows)[0]
        after = method.maps(other, there, target, windows)
        found.append(rank_correlation(before.ravel(), after.ravel()))
        scores.append(float(there.scores[windows, target].mean()))
    return Shuffled(tuple(layers), np.array(found), np.array(scores))


def _mixed(model: Any, fresh: Any, anew: set[str], opened: RunListener, seed: int) -> Any:
    """A network with the weights of ``fresh`` in some layers, and those of ``model`` in all others."""
    spec = opened.network.spec
    mixed = NETWORKS.get(opened.name).build(
        n_frames=spec.n_frames, n_rows=spec.n_rows, n_classes=len(opened.labels), seed=seed
    )
    for layer, learned, empty in zip(mixed.layers, model.layers, fresh.layers, strict=True):
        layer.set_weights((empty if layer.name in anew else learned).get_weights())
    return mixed
