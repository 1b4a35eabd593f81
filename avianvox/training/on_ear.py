"""`train_on_ear`: fit a head on an ear's embeddings, in seconds once the store stands. Needs no TensorFlow.

The run folder holds ``config.json`` (kind, ear, classes, hashes, credits), ``weights.npz`` (one dense layer
on the embedding) and ``figures.json``, written last: accuracy on session folds, where folds can be drawn.
There ``calibration.json`` is too: what scores of windows and of recordings are worth, from the same folds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from avianvox.calibration.calibrate import calibrate_pooled
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.splits import Split, make_split
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.documents import MISSHAPEN, Kind, read_json, write_json
from avianvox.errors import InputError, RunError, StoreError, require_extra
from avianvox.evaluation.metrics import evaluate
from avianvox.evaluation.predictions import Pooled
from avianvox.features.store import FeatureStore
from avianvox.inference.embedding import EmbeddingSpec
from avianvox.models.probes.combined import POOLING, Combined, fit_combined
from avianvox.models.probes.heard import ear_for, hear
from avianvox.models.protocol import TrainSettings
from avianvox.runfolder import CONFIG, FolderKind, catalog_hash, versions
from avianvox.training import run as folder
from avianvox.types import LabelSet, Recording

CALIBRATION = "calibration.json"
FOLDER = FolderKind(
    Kind(
        what="training run on an ear",
        name="avianvox run on an ear",
        version=1,
        error=RunError,
        otherwise="make one with: avianvox train CATALOG --on birdnet",
        outdated="train it again",
    ),
    files=(CONFIG, folder.WEIGHTS, CALIBRATION, folder.FIGURES),
)
"""What tells its folder from others."""

_N_FOLDS = 3


@dataclass(frozen=True)
class EarRun:
    """A complete run.

    Attributes
    ----------
    path : Path
    config : mapping
        What ``config.json`` holds.
    spec : EmbeddingSpec
        The ear, and how it was asked.
    labels : LabelSet
    weight : np.ndarray, shape (n_classes, n_embedding), float32
    bias : np.ndarray, shape (n_classes,), float32
        Of the layer; a softmax follows.
    figures : mapping
    calibration : mapping
        What a model file says of its scores; empty where there were no session folds, and in runs of before.
    """

    path: Path
    config: Mapping[str, Any]
    spec: EmbeddingSpec
    labels: LabelSet
    weight: np.ndarray
    bias: np.ndarray
    figures: Mapping[str, Any]
    calibration: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path | str) -> "EarRun":
        """Read a run folder. Raises `RunError` where it is none, not complete, or damaged."""
        path = Path(path)
        config = FOLDER.read(path)
        try:
            figures = read_json(path / folder.FIGURES)
            labels = LabelSet(tuple(config["labels"]), tuple(config["common_names"]))
            settings = {key: value for key, value in config["features"].items() if key != "kind"}
            spec = EmbeddingSpec.from_mapping(settings)
            arrays = folder.read_arrays(path / folder.WEIGHTS)
            weight, bias = arrays["weight"], arrays["bias"]
            if (weight.shape, bias.shape) != ((len(labels), spec.n_embedding), (len(labels),)):
                raise ValueError(f"weights of shape {weight.shape}")
            kept = path / CALIBRATION
            calibration = dict(read_json(kept)) if kept.exists() else {}
        except FileNotFoundError as error:
            raise RunError(f"the run in {path} is not complete; train it again with --fresh") from error
        except (OSError, EOFError, BadZipFile, *MISSHAPEN) as error:
            raise RunError(f"the run in {path} is damaged ({error}); train it again with --fresh") from error
        return cls(path, config, spec, labels, weight, bias, figures, calibration)


def train_on_ear(
    catalog: Catalog,
    store: FeatureStore,
    out: Path | str,
    *,
    seed: int = 0,
    catalogs: Sequence[str] = (),
    fresh: bool = False,
) -> EarRun:
    """Fit a head on every recording of a catalog, and judge heads like it on session folds.

    Parameters
    ----------
    catalog : Catalog
    store : FeatureStore
        Embeddings of the catalog's recordings, with the ear's own scores.
    out : path-like
        The run folder.
    seed : int
        Of the folds.
    catalogs : sequence of str
        Where the catalog was read from.
    fresh : bool
        Replace a run in ``out``.

    Raises
    ------
    RunError
        ``out`` holds something else, or a run and ``fresh`` is not set.
    StoreError
        The store holds no embeddings, or no recording of the catalog has any.
    InputError
        All recordings belong to one class.
    """
    require_extra("sklearn", extra="train", purpose="avianvox train --on")
    out, spec = Path(out), store.spec
    if not isinstance(spec, EmbeddingSpec):
        raise StoreError(f"the store in {store.path} holds no embeddings; expected those of an ear")
    refuse_taken(out, fresh=fresh)
    by_id = {recording.id: recording for recording in catalog.recordings}
    usable = [by_id[name] for name in training_data(catalog, store, spec, catalog.labels).ids]
    labels = LabelSet.from_recordings(usable)  # a class that nothing usable is left of is not learned
    data = training_data(catalog, store, spec, labels)
    fitted = _fit(data, labels)
    ear = ear_for(spec.model, labels.names)
    weight, bias = fitted.layer(ear)
    config = _describe(data, usable, labels, spec, catalogs, seed, ear.known)
    FOLDER.erase(out)
    FOLDER.begin(out, config)
    folder.write_arrays(out / folder.WEIGHTS, {"weight": weight, "bias": bias})
    figures, calibration = _judge(data, usable, labels, ear.known, seed)
    if calibration:
        write_json(out / CALIBRATION, calibration)
    write_json(out / folder.FIGURES, figures)
    return EarRun.open(out)


def refuse_taken(out: Path, *, fresh: bool) -> None:
    """Raise `RunError` where ``out`` holds something else, or a run that is not to be replaced."""
    FOLDER.refuse_foreign(out)
    if FOLDER.is_at(out) and not fresh:
        raise RunError(f"{out} holds a training run; replace it with --fresh, or choose another --out")


def _fit(data: TrainingData, labels: LabelSet) -> Combined:
    return fit_combined(hear(data, labels), data.targets, TrainSettings(), 0)


def _judge(
    data: TrainingData, recordings: Sequence[Recording], labels: LabelSet, known: np.ndarray, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures and calibration on session folds; none where the sessions allow no folds."""
    figures: dict[str, Any] = {
        "n_recordings": len(data),
        "n_sessions": len({recording.session for recording in recordings}),
        "unknown_to_ear": [
            name for name, heard in zip(labels.names, known.tolist(), strict=True) if not heard
        ],
        "session_folds": None,
    }
    try:
        split = make_split(recordings, grouping="session", n_folds=_N_FOLDS, seed=seed)
        pooled = _out_of_fold(data, recordings, labels, split)
    except InputError:
        return figures, {}
    right = pooled.predicted == data.targets
    of_known = known[data.targets]
    figures["session_folds"] = {
        "n_folds": _N_FOLDS,
        "seed": seed,
        "recording": evaluate(data.targets, pooled.scores),
        "accuracy_known_to_ear": float(right[of_known].mean()) if of_known.any() else None,
        "accuracy_unknown_to_ear": float(right[~of_known].mean()) if not of_known.all() else None,
    }
    basis = {
        "model": "combined",
        "grouping": "session",
        "model_settings": {},
        "data_hash": data.store.data_hash,
    }
    return figures, calibrate_pooled(pooled, labels, basis).calibration.to_mapping()


def _out_of_fold(
    data: TrainingData, recordings: Sequence[Recording], labels: LabelSet, split: Split
) -> Pooled:
    """What heads say of the recordings of each fold, and of their windows, that learned from the others."""
    scores = np.zeros((len(data), len(labels)))
    by_window: list[np.ndarray] = [np.zeros((0, len(labels)), np.float32)] * len(data)
    folds = np.zeros(len(data), np.int64)
    for number, fold in enumerate(split.folds):
        fitted = _fit(data.subset(fold.train), labels)
        heard = hear(data.subset(fold.test), labels)
        scores[fold.test] = fitted(heard)
        folds[fold.test] = number
        for position, embedding, odds in zip(fold.test.tolist(), heard.windows, heard.odds, strict=True):
            by_window[position] = fitted.windows(embedding, odds, heard.known)
    windows = np.concatenate(by_window)
    rows = np.repeat(np.arange(len(data), dtype=np.int64), [len(one) for one in by_window])
    return Pooled(tuple(recordings), data.targets, folds, scores, windows, rows, POOLING, windows.max(axis=1))


def _describe(
    data: TrainingData,
    recordings: Sequence[Recording],
    labels: LabelSet,
    spec: EmbeddingSpec,
    catalogs: Sequence[str],
    seed: int,
    known: np.ndarray,
) -> dict[str, Any]:
    licences = Counter(recording.licence or "not stated" for recording in recordings)
    return {
        "features": spec.to_mapping(),
        "labels": list(labels.names),
        "common_names": list(labels.common_names),
        "known_to_ear": known.tolist(),
        "catalogs": [str(Path(source).resolve()) for source in catalogs],
        "n_recordings": len(data),
        "seed": seed,
        "data_hash": data.store.data_hash,
        "catalog_hash": catalog_hash(recordings),
        "versions": versions(("scikit-learn",)),
        "licences": dict(sorted(licences.items())),
        "credits": sorted({recording.attribution for recording in recordings}),
    }
