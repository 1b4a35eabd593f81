"""A gate from a catalog: folds by session, windows, a weighted sum of numbers, and thresholds.

Labels are weak: of a recording with a voice it is not known where the voice is. So the stronger half of its
windows is taken for voices first, then those that the first fit takes for voices, and the strongest in any
case. What counts for noise is known.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.origins import refuse_mixture
from avianvox.dataset.splits import make_split
from avianvox.errors import InputError, require_extra
from avianvox.evaluation.gate_curve import MADE, MIX, NOISE, VOICE, gate_figures, recall_thresholds
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.inference.gate import N_GROUPS, Gate, check_bands
from avianvox.models.gate.examples import Examples, gate_examples
from avianvox.runfolder import versions
from avianvox.types import NO_BIRD, Recording

_VOICE = "voice"
_PENALTY = 0.01  # what a window's loss counts beside the squared slopes: the C of scikit-learn
_MADE_SHARE = 0.3  # what made noise counts beside real noise
_ROUNDS = 2


def train_gate(
    catalog: Catalog,
    store: FeatureStore,
    spec: FeatureSpec,
    *,
    n_folds: int = 5,
    seed: int = 0,
    catalogs: Sequence[str] = (),
    licence: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Gate:
    """Fit a gate on all recordings; thresholds and figures come from folds that keep sessions together.

    Parameters
    ----------
    catalog : Catalog
        Recordings labelled `NO_BIRD` are without a voice. Those without a label or features are left out.
    store : FeatureStore
    spec : FeatureSpec
        ``n_frames`` is the window. Its other fields are those of the store.
    n_folds : int, at least 2
    seed : int
    catalogs : sequence of str
        Names for the provenance.
    licence : str
        Of the gate.
    progress : callable, optional
        Called with the number of recordings described and their total.

    Raises
    ------
    InputError
        All recordings have a voice or none has; or there are fewer sessions than folds.
    CatalogError
        Some recordings are synthetic and some are not.
    MissingExtraError
        scikit-learn is not installed.
    """
    require_extra("sklearn", extra="train", purpose="training a gate")
    check_bands(spec)
    recordings = [r for r in catalog.recordings if r.label and store.n_frames[store.index_of(r.id)] > 0]
    refuse_mixture(recordings)
    folds = _folds(recordings, n_folds, seed)
    examples = gate_examples(recordings, folds, store, spec, seed=seed, progress=progress)
    windows = examples.windows
    scores = np.empty(len(windows.folds))
    for fold in range(n_folds):
        tested = windows.folds == fold
        weights, bias = fit_slopes(examples, ~tested)
        scores[tested] = _scores(examples.statistics[tested], weights, bias)
    thresholds = recall_thresholds(scores, windows)
    weights, bias = fit_slopes(examples, np.ones(len(scores), bool))
    return Gate(
        spec=spec,
        weights=weights.astype(np.float32),
        bias=bias,
        thresholds=thresholds,
        provenance={
            "catalogs": list(catalogs),
            "recordings": dict(Counter(NO_BIRD if r.label == NO_BIRD else _VOICE for r in recordings)),
            "sessions": len({r.session for r in recordings}),
            "folds": n_folds,
            "seed": seed,
            "data_hash": store.data_hash,
            "versions": versions(("scipy", "scikit-learn")),
        },
        licences={
            "gate": licence or "not stated; the licences of the recordings apply",
            "recordings": dict(sorted(Counter(r.licence or "not stated" for r in recordings).items())),
            "credits": sorted({r.attribution for r in recordings}),
        },
        figures=gate_figures(scores, windows, recordings, thresholds),
    )


def _folds(recordings: Sequence[Recording], n_folds: int, seed: int) -> np.ndarray:
    """The fold that each recording is tested in, shape (n,); each fold learns from both sides."""
    sides = [replace(r, label=r.label if r.label == NO_BIRD else _VOICE) for r in recordings]
    quiet = np.array([r.label == NO_BIRD for r in sides])
    if quiet.all() or not quiet.any():
        raise InputError(
            f"gate: expected recordings with a voice and recordings labelled '{NO_BIRD}' (in a folder of "
            f"that name, or 'background'), got {(~quiet).sum()} and {quiet.sum()}"
        )
    folds = np.empty(len(sides), np.int64)
    for number, fold in enumerate(make_split(sides, grouping="session", n_folds=n_folds, seed=seed).folds):
        folds[fold.test] = number
        if quiet[fold.train].all() or not quiet[fold.train].any():
            raise InputError(
                "a fold has no training recordings with a voice, or none without; use fewer folds"
            )
    return folds


def fit_slopes(examples: Examples, learned: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights, shape (N_STATISTICS,), and bias, learned from the windows that ``learned`` marks."""
    windows = examples.windows
    voices = learned & (windows.kinds == VOICE)
    of_recording = np.bincount(
        windows.recordings[windows.kinds == VOICE], minlength=windows.recordings.max() + 1
    )
    taken = voices & (windows.ranks < np.maximum(1, of_recording[windows.recordings] / 2))
    others = {
        NOISE: (learned & (windows.kinds == NOISE), 1.0),
        MADE: (learned & (windows.kinds == MADE), _MADE_SHARE),
        MIX: (learned & (windows.kinds == MIX), 1.0),
    }
    for _ in range(_ROUNDS):
        weights = np.zeros(len(windows.kinds))
        for chosen, share in ((taken, 1.0), *others.values()):
            weights[chosen] = share * windows.weights[chosen] / max(windows.weights[chosen].sum(), 1e-12)
        used = np.flatnonzero(weights)
        called = (taken | others[MIX][0])[used]
        for side in (called, ~called):
            weights[used[side]] *= len(used) / 2 / weights[used[side]].sum()
        values = examples.statistics[used].astype(np.float64)
        mean, deviation = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
        slopes, bias = _logistic((values - mean) / deviation, called, weights[used])
        slopes /= deviation
        bias -= float((slopes * mean).sum())
        likely = _scores(examples.statistics, slopes, bias) > 0.5
        taken = voices & (likely | (windows.ranks == 0))
    return slopes, bias


def _logistic(values: np.ndarray, called: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Slopes and intercept of a penalised logistic regression in which no narrow rise speaks for noise.

    Without that bound the few background sounds of a catalog teach that a clear call in some band is one of
    them.
    """
    from scipy.optimize import minimize

    side = np.where(called, 1.0, -1.0)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        margin = side * (np.einsum("ij,j->i", values, parameters[:-1]) + parameters[-1])
        pull = -_PENALTY * weights * side / (1.0 + np.exp(margin))
        value = _PENALTY * (weights * np.logaddexp(0.0, -margin)).sum()
        slope = np.einsum("ij,i->j", values, pull) + parameters[:-1]
        return value + 0.5 * np.square(parameters[:-1]).sum(), np.append(slope, pull.sum())

    n = values.shape[1]
    bounds = [(0.0, None)] * N_GROUPS + [(None, None)] * (n - N_GROUPS + 1)
    found = minimize(loss, np.zeros(n + 1), jac=True, method="L-BFGS-B", bounds=bounds).x
    return found[:-1], float(found[-1])


def _scores(statistics: np.ndarray, weights: np.ndarray, bias: float) -> np.ndarray:
    scores: np.ndarray = 1.0 / (
        1.0 + np.exp(-(np.einsum("ij,j->i", statistics.astype(np.float64), weights) + bias))
    )
    return scores
