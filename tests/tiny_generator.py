"""A tiny generator of tones, which trains in seconds, for tests of generating."""

import pytest
from tones import tone_catalog, tone_store

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.patches import PatchCutter
from avianvox.features.store import FeatureStore
from avianvox.generate.run import GeneratorRun
from avianvox.generate.settings import GenerateSettings
from avianvox.generate.train import train_generator

TINY = GenerateSettings(
    epochs=2, steps=2, batch_size=6, n_frames=16, n_bands=56, width=0.05, grid_every=1, validation=0.3
)


@pytest.fixture(name="tones", scope="module")
def tones_fixture(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, FeatureStore]:
    """Three species of one tone each, six recordings of each in three sessions."""
    folder = tmp_path_factory.mktemp("tones")
    catalog = tone_catalog(folder)
    return catalog, tone_store(catalog, folder / "features")


@pytest.fixture(name="run", scope="module")
def run_fixture(
    tones: tuple[Catalog, FeatureStore], tmp_path_factory: pytest.TempPathFactory
) -> GeneratorRun:
    return train_generator(*tones, TINY, tmp_path_factory.mktemp("generator") / "run")


def cutter(store: FeatureStore) -> PatchCutter:
    """Cuts patches of the size that the tiny generator learns."""
    return PatchCutter(store, TINY.shape)
