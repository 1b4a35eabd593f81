"""A store of tones, and what tests of training do with it."""

import numpy as np
import pytest
from tones import SPEC, tone_catalog

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.features.build import build_store
from avianvox.features.normalise import Normalisation
from avianvox.features.store import FeatureStore
from avianvox.models.cnn import VARIANTS, build_cnn
from avianvox.training.sequence import CropSequence
from avianvox.training.train import TrainConfig

CONFIG = TrainConfig(epochs=3, batch_size=8, validation=0.3, validation_windows=2)

SEED = 5


@pytest.fixture(name="catalog", scope="module")
def catalog_fixture(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return tone_catalog(tmp_path_factory.mktemp("tones"))


@pytest.fixture(name="store", scope="module")
def store_fixture(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    path = tmp_path_factory.mktemp("store") / "features"
    build_store(catalog.recordings, SPEC, path, jobs=1)
    return FeatureStore.open(path)


@pytest.fixture(name="data", scope="module")
def data_fixture(catalog: Catalog, store: FeatureStore) -> TrainingData:
    return training_data(catalog, store, SPEC, catalog.labels)


@pytest.fixture(name="reader", scope="module")
def reader_fixture(data: TrainingData) -> CropReader:
    return CropReader(
        data.store, Normalisation.from_store(data.store, data.recordings), CropSettings.from_spec(SPEC)
    )


def crops(reader: CropReader, data: TrainingData, **options) -> CropSequence:
    return CropSequence(reader, data, **({"batch_size": 7, "seed": SEED} | options))


def network(seed: int = 0):
    return build_cnn(VARIANTS["cnn_v20"], n_frames=53, n_rows=56, n_classes=3, seed=seed)


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))
