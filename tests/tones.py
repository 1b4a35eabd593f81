"""Recordings of tones at the heights that name their classes, for networks that learn in a second."""

from pathlib import Path

import numpy as np
import soundfile

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.features.build import build_store
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.types import Recording

SPEC = FeatureSpec(
    sample_rate=8000, n_fft=512, hop_length=256, n_mels=56, fmax_hz=4000.0, n_mfcc=8, n_frames=53
)
HEIGHTS = {"high": 3000.0, "low": 500.0, "middle": 1500.0}


def tone_catalog(folder: Path, heights: dict[str, float] = HEIGHTS) -> Catalog:
    """Six recordings of each class, in pairs of one session; the third lasts half a window."""
    rng = np.random.default_rng(0)
    recordings = []
    for label, hz in heights.items():
        for i in range(6):
            t = np.arange(int(8000 * (0.9 if i == 2 else 1.7 + 0.9 * i))) / 8000
            sound = 0.3 * np.sin(2 * np.pi * hz * t) + 0.05 * rng.normal(size=len(t))
            path = folder / f"{label}{i}.wav"
            soundfile.write(path, sound, 8000)
            recordings.append(Recording(path.stem, path, label, recordist=f"{label} {i // 2}", licence="CC0"))
    return Catalog(tuple(recordings))


def tone_store(catalog: Catalog, path: Path) -> FeatureStore:
    """The features of its recordings under `SPEC`."""
    build_store(catalog.recordings, SPEC, path, jobs=1)
    return FeatureStore.open(path)


def tone_data(folder: Path) -> TrainingData:
    """The recordings and their features."""
    catalog = tone_catalog(folder)
    return training_data(catalog, tone_store(catalog, folder / "features"), SPEC, catalog.labels)
