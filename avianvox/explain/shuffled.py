"""The randomisation test: does a map still look the same when what the network has learned is gone?

From the top layer down, weights are replaced by those of a network that has seen nothing. A map that stays as
it was shows the recording and not what was learned.

References
----------
Adebayo et al., "Sanity checks for saliency maps", 2018.
"""

from dataclasses import dataclass, replace

import numpy as np

from avianvox.evaluation.metrics import rank_correlation
from avianvox.explain.heard import Heard
from avianvox.explain.methods import Method
from avianvox.explain.network import RunListener
from avianvox.training.estimator import NetworkEstimator


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
    model = network.model
    estimator = NetworkEstimator(opened.name, network.settings)  # its settings may shape it
    other, empty = (estimator.untrained(network.spec, len(opened.labels), seed=seed) for _ in range(2))
    for layer, learned in zip(other.layers, model.layers, strict=True):
        layer.set_weights(learned.get_weights())
    mixed = replace(opened, fitted=replace(network, model=other))
    before = method.maps(opened, heard, target, windows)
    names, found, scores = [], [], []
    for layer, new in zip(other.layers[::-1], empty.layers[::-1], strict=True):
        if not layer.weights:
            continue
        layer.set_weights(new.get_weights())
        there = replace(heard, scores=heard.scores.copy())
        there.scores[windows] = mixed.scores(heard.rows[windows])[0]
        after = method.maps(mixed, there, target, windows)
        names.append(layer.name)
        found.append(rank_correlation(before.ravel(), after.ravel()))
        scores.append(float(there.scores[windows, target].mean()))
    return Shuffled(tuple(names), np.array(found), np.array(scores))
