"""Generated patches in training, and whether they help."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_generator import TINY, run_fixture, tones_fixture  # noqa: F401, fixtures
from tones import SPEC

from avianvox.ablation.run import AblationSettings
from avianvox.config import Choice
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.patches import PatchBank
from avianvox.dataset.training_data import training_data
from avianvox.errors import ConfigError, InputError
from avianvox.features.store import FeatureStore
from avianvox.generate.compare import CompareSettings, InsideFold, compare_generated, conclude_comparison
from avianvox.generate.run import GeneratorRun
from avianvox.generate.samples import write_samples
from avianvox.models.protocol import TrainSettings
from avianvox.training.config import TrainConfig
from avianvox.training.estimator import NetworkEstimator
from avianvox.training.train import train


def test_a_fold_has_patches_of_its_own(tones: tuple[Catalog, FeatureStore], tmp_path: Path) -> None:
    catalog, store = tones
    data = training_data(catalog, store, SPEC, catalog.labels)
    by_id = {r.id: r for r in catalog.recordings}
    asked = CompareSettings(per_class=3, share=0.4)
    part = data.subset(np.flatnonzero(np.array(data.ids) != "low5"))
    for step, kind in (("real", "pasted"), ("alone", "alone")):
        inside = InsideFold(step, by_id, replace(TINY, epochs=1, steps=1), asked, tmp_path)
        found = inside(part, TrainSettings(), 7).generated
        assert isinstance(found, Choice)
        assert found.kind == kind
        chosen = dict(found.settings)
        bank = PatchBank.open(chosen["patches"])
        assert bank.heard == set(part.ids)
        assert sorted(set(bank.names)) == ["high", "low", "middle"]
        assert len(bank.names) == 9
        before = sorted(tmp_path.iterdir())
        assert inside(part, TrainSettings(), 7).generated == found  # kept, not made again
        assert sorted(tmp_path.iterdir()) == before


PATCHED = {
    "epochs": 1,
    "combine": "above_floor",
    "model": "dense_pixels",
    "validation": 0.0,
    "window_frames": SPEC.n_frames,
}
"""A recipe of the cheapest network."""


def test_training_takes_samples_and_says_so(
    run: GeneratorRun, tones: tuple[Catalog, FeatureStore], tmp_path: Path
) -> None:
    write_samples(run, tmp_path / "samples", per_value=2)
    generated = {"kind": "pasted", "patches": str(tmp_path / "samples"), "share": 1.0}
    catalog, store = tones
    config = TrainConfig(**PATCHED, generated=Choice("pasted", tuple(list(generated.items())[1:])))
    trained = train(catalog, store, config, tmp_path / "run")
    assert trained.provenance["learned_from"] == ["samples of samples"]
    data = training_data(catalog, store, SPEC, catalog.labels)
    fitted = NetworkEstimator("dense_pixels", config.settings)
    part = data.subset(np.flatnonzero(np.array(data.ids) != run.split["train"][0]))
    with pytest.raises(InputError, match=f"held out here .first: {run.split['train'][0]}.*generate compare"):
        fitted.fit(part, seed=0)
    on_mfcc = NetworkEstimator("dense_pixels", replace(config.settings, combine="concatenate"))
    with pytest.raises(ConfigError, match="sees what stands above the noise floor"):
        on_mfcc.fit(data, seed=0)


def test_steps_are_compared_by_the_size_of_classes(
    tones: tuple[Catalog, FeatureStore], tmp_path: Path
) -> None:
    catalog, store = tones
    data = training_data(catalog, store, SPEC, catalog.labels)
    settings = AblationSettings(n_draws=1, n_folds=2)
    asked = CompareSettings(steps=("real",), per_class=2)
    found = compare_generated(data, catalog, TrainConfig(**PATCHED), tmp_path / "run", settings, asked, TINY)
    assert [row.step for row in found.ablation.rows] == ["base", "real"]
    assert [(row.step, row.least, row.most, row.n_recordings) for row in found.by_size] == [
        ("base", 1, 6, 18),
        ("real", 1, 6, 18),
    ]
    base, real = found.by_size
    assert base.difference is None
    assert real.difference is not None
    assert real.difference.difference == pytest.approx(real.accuracy.value - base.accuracy.value)
    assert conclude_comparison(tmp_path / "run").table == found.table
    with pytest.raises(InputError, match="expected the condition species"):
        compare_generated(
            data,
            catalog,
            TrainConfig(**PATCHED),
            tmp_path / "other",
            settings,
            asked,
            replace(TINY, condition="call_type"),
        )
