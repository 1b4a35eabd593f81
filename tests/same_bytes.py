"""Prints a hash for each kind of number that is promised to be the same: ``same_bytes.py CATALOG``.

Those of a fit, whose name begins with "fit", may depend on the kernel of BLAS, and on nothing else.
"""

import json
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from avianvox.audio.decode import load_waveform
from avianvox.audit.duplicates import find_duplicates
from avianvox.audit.durations import duration_correlation
from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.splits import make_split
from avianvox.dataset.training_data import training_data
from avianvox.evaluation.bootstrap import figure_intervals, sign_flip_p
from avianvox.features.build import build_store
from avianvox.features.extract import extract_features
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import SPECS, FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.inference.gate import LEAST_FRAMES, Gate
from avianvox.models.classifiers import fit_head, logistic_regression
from avianvox.models.gate.fit import train_gate
from avianvox.models.protocol import TrainSettings
from avianvox.models.statistics import floor_statistics, mel_statistics, mfcc_statistics
from avianvox.report.confusion import confusion_order
from avianvox.types import Recording, Waveform

STATISTICS = (mfcc_statistics, mel_statistics, floor_statistics)


def extract_noise(name: str) -> np.ndarray:
    """Features of noise under a named spec."""
    spec = SPECS[name]
    samples = 0.1 * np.random.default_rng(0).standard_normal(300 * spec.hop_length, np.float32)
    return extract_features(Waveform(samples, spec.sample_rate), spec).values


def gate_scores(rows: np.ndarray) -> list[float]:
    """Of windows that begin and end everywhere."""
    gate = Gate.load()
    return [gate.score(rows[i : i + LEAST_FRAMES + 2 * i]) for i in range(len(rows) // 3)]


def store_bytes(recordings: tuple[Recording, ...], out: Path) -> Iterable[bytes]:
    build_store(recordings, FeatureSpec(), out, jobs=1)
    for path in sorted(out.rglob("*.npy")):
        if path.name != "index.npy":  # it holds the times of the files
            yield path.read_bytes()


def figures(n: int = 200, n_classes: int = 7) -> list[Any]:
    rng = np.random.default_rng(0)
    targets, scores = rng.integers(0, n_classes, n), rng.random((n, n_classes))
    scores[::5] = np.round(scores[::5], 1)  # ties
    sessions = rng.integers(0, 40, n).astype(str)
    intervals = figure_intervals(targets, scores, sessions, n_resamples=200)
    return [repr(intervals), sign_flip_p(rng.normal(0.1, 1.0, n), sessions, n_resamples=500)]


def piece(recording: Recording, folder: Path, spec: FeatureSpec) -> Recording:
    """A recording without its first second, and a little louder."""
    waveform, _ = load_waveform(recording.path, sample_rate=spec.sample_rate)
    path = folder / "piece.wav"
    soundfile.write(path, 1.2 * waveform.samples[spec.sample_rate :], spec.sample_rate, subtype="FLOAT")
    return Recording("piece", path)


def fitted_scores() -> np.ndarray:
    """Of a logistic regression that is large enough for BLAS to use more than one thread."""
    rng = np.random.default_rng(3)
    values, targets = rng.standard_normal((600, 384)), rng.integers(0, 10, 600)
    classifier = logistic_regression(TrainSettings(), 0)
    return fit_head(classifier, values, targets, n_classes=10).scores(values)


def found(catalog_dir: Path, folder: Path) -> dict[str, bytes]:
    catalog, spec = read_catalog(catalog_dir), FeatureSpec()
    recordings = catalog.recordings
    extracted = {f"features {name}": extract_noise(name) for name in SPECS}
    stored = b"".join(store_bytes((*recordings, piece(recordings[0], folder, spec)), folder / "store"))
    data = training_data(catalog, FeatureStore.open(folder / "store"), spec, catalog.labels)
    normalisation = Normalisation.from_store(data.store, data.recordings)
    arrays = {
        **extracted,
        **{describe.__name__: describe(data) for describe in STATISTICS},
        "means": normalisation.mean,
        "deviations": normalisation.deviation,
        "gate": np.array(gate_scores(data.store.features(0))),
        "fit of a logistic regression": fitted_scores(),
        "fit of a gate": train_gate(catalog, data.store, spec, n_folds=2).weights,
    }
    values = np.random.default_rng(1)
    minutes, accuracies, counts = values.random(30), values.random(30), values.integers(0, 9, (30, 30))
    pairs = find_duplicates(data.store, np.arange(len(data.store)))
    assert [(pair.first, pair.second) for pair in pairs] == [(0, len(recordings))]
    splits = [make_split(recordings, grouping=g, n_folds=2, seed=0) for g in ("random", "session")]
    others = {
        "folds": [fold.test.tolist() for split in splits for fold in split.folds],
        "duplicates": pairs,
        "durations": duration_correlation([*map(str, range(30))], minutes, accuracies),
        "order of the confusion matrix": confusion_order(counts),
        "figures": figures(),
    }
    as_bytes = {name: array.tobytes() for name, array in arrays.items()}
    return {"store": stored, **as_bytes, **{name: repr(value).encode() for name, value in others.items()}}


def main() -> None:
    with TemporaryDirectory() as folder:
        result = found(Path(sys.argv[1]), Path(folder))
    print(json.dumps({name: sha256(value).hexdigest() for name, value in result.items()}))


if __name__ == "__main__":
    main()
