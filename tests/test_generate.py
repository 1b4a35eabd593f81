"""Generating: patches, conditions, adversaries, run folders, samples, and what they are worth."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tones import SPEC, tone_catalog, tone_store

from avianvox.ablation.run import AblationSettings
from avianvox.audio.tags import read_tags
from avianvox.audit.index import audit_recordings
from avianvox.cli.main import cli
from avianvox.config import Choice
from avianvox.dataset.catalog import Catalog, read_catalog
from avianvox.dataset.origins import refuse_mixture
from avianvox.dataset.patches import (
    LEAST,
    MOST,
    PatchBank,
    PatchCutter,
    PatchShape,
    merge_bands,
    spread_bands,
)
from avianvox.dataset.training_data import training_data
from avianvox.errors import CatalogError, ConfigError, InputError, RunError, StoreError
from avianvox.features.extract import extract_features
from avianvox.features.invert import bin_powers, sound_of
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.generate.compare import (
    CompareSettings,
    InsideFold,
    compare_generated,
    conclude_comparison,
)
from avianvox.generate.conditions import CONDITIONS, CallType, Encoding, PeakFrequency
from avianvox.generate.networks import scaled, unscaled
from avianvox.generate.quality import judge_generator
from avianvox.generate.run import GeneratorRun
from avianvox.generate.samples import rows_of, write_samples
from avianvox.generate.settings import GenerateSettings, read_generate_file
from avianvox.generate.train import lesson_of, train_generator
from avianvox.judge.sounds import judged_set
from avianvox.models.protocol import TrainSettings
from avianvox.training.config import TrainConfig
from avianvox.training.estimator import NetworkEstimator
from avianvox.training.run import FOLDER as TRAINING_RUN
from avianvox.training.train import train
from avianvox.types import Recording, Waveform

TINY = GenerateSettings(
    epochs=2, steps=2, batch_size=6, n_frames=16, n_bands=56, width=0.05, grid_every=1, validation=0.3
)
FLAT = FeatureSpec()


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, FeatureStore]:
    """Three species of one tone each, six recordings of each in three sessions."""
    folder = tmp_path_factory.mktemp("tones")
    catalog = tone_catalog(folder)
    return catalog, tone_store(catalog, folder / "features")


@pytest.fixture(scope="module")
def run(tones: tuple[Catalog, FeatureStore], tmp_path_factory: pytest.TempPathFactory) -> GeneratorRun:
    return train_generator(*tones, TINY, tmp_path_factory.mktemp("generator") / "run")


def cutter(store: FeatureStore) -> PatchCutter:
    return PatchCutter(store, TINY.shape)


def test_patches_hold_the_voice_above_the_floor(tones: tuple[Catalog, FeatureStore]) -> None:
    store = tones[1]
    indices = np.repeat(np.arange(len(store)), 2)
    cut = cutter(store)
    patches = cut.cut(indices, seed=3, epoch=1)
    assert patches.shape == (36, 16, 56)
    assert LEAST <= patches.min() <= patches.max() <= np.float32(MOST)
    assert np.array_equal(patches, cut.cut(indices, seed=3, epoch=1))
    assert not np.array_equal(patches[0], patches[1])  # one that comes again is placed anew
    rows = store.features(4)[:, :56]  # of a steady tone, whose own level is its floor
    at = cut.offsets(np.array([4]), seed=3, epoch=1)
    values, floor = cut.read(np.array([4]), at)
    assert np.allclose(values[0] * 13 + floor[0], rows[at[0] : at[0] + 16], atol=0.1) or values.min() == LEAST


def test_bands_are_merged_by_power() -> None:
    values = np.array([[0.0, 1.0, 2.0, 2.0]], np.float32)  # 0, 13, 26 and 26 dB
    merged = merge_bands(values, 2)
    assert np.allclose(merged, [[10 * np.log10((1 + 10**1.3) / 2) / 13, 2.0]], atol=1e-5)
    assert spread_bands(merged, 2).shape == (1, 4)
    assert np.array_equal(merge_bands(values, 1), values)
    with pytest.raises(InputError, match="n_bands that divides the store's 128 bands, got 48"):
        PatchShape(64, 48).merged(FLAT)


def test_scaling_has_an_inverse(rng: np.random.Generator) -> None:
    patches = rng.uniform(LEAST, MOST, (3, 8, 8)).astype(np.float32)
    assert np.allclose(unscaled(scaled(patches)), patches, atol=1e-5)
    assert np.abs(scaled(patches)).max() <= 1.0001


RECORDING = Recording("a", Path("a.wav"), "Parus major", call_type="song", latitude=3.5)


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_every_condition_keeps_the_contract(name: str, rng: np.random.Generator) -> None:
    made = CONDITIONS.get(name)
    condition = made(column="latitude") if name == "number" else made()
    said = condition.of(RECORDING)
    patches = rng.uniform(0, 2, (4, 16, 64)).astype(np.float32)
    measured = condition.measure(patches, FLAT)
    assert (said is None) == (measured is not None)
    if measured is not None:
        assert condition.continuous
        assert measured.shape == (4,)
    else:
        assert isinstance(said, float if condition.continuous else str)


def test_the_peak_is_where_the_power_lies() -> None:
    patches = np.zeros((2, 16, 64), np.float32)
    patches[0, 4:9, 20] = 1.5
    measured = PeakFrequency().measure(patches, FLAT)
    assert measured is not None
    assert measured[0] == pytest.approx(1075, abs=5)  # bands 40 and 41 of 128, at 1061 and 1090 Hz
    assert np.isnan(measured[1])


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("song", "song"),
        ("alarm call", "alarm call"),
        ("call, calls (two kinds)", "call"),
        ("call, song", None),
        ("song?", None),
        ("uncertain", None),
    ],
)
def test_a_kind_of_call_is_one_that_is_sure(said: str, known: str | None) -> None:
    assert CallType().of(replace(RECORDING, call_type=said)) == known


def test_numbers_share_a_one_between_the_nearest_knots() -> None:
    encoding = Encoding(knots=(1000.0, 2000.0, 4000.0))
    assert encoding.encode([1000, 1500, 3500, 9000]).tolist() == [
        [1, 0, 0],
        [0.5, 0.5, 0],
        [0, 0.25, 0.75],
        [0, 0, 1],
    ]
    assert encoding.series(5).tolist() == [1000, 1500, 2000, 3000, 4000]
    assert Encoding.from_mapping(encoding.to_mapping()) == encoding
    with pytest.raises(InputError, match="with numbers, got none; choose"):
        Encoding.of_numbers(np.full(9, np.nan))
    with pytest.raises(InputError, match="the same everywhere"):
        Encoding.of_numbers(np.full(9, 3.0))
    with pytest.raises(InputError, match="knows no 'x'; it was trained on a, b"):
        Encoding(("a", "b")).encode(["x"])


def test_the_run_is_whole(run: GeneratorRun, tones: tuple[Catalog, FeatureStore]) -> None:
    assert run.encoding.names == ("high", "low", "middle")
    assert run.figures["epochs"] == 2
    assert sorted(p.name for p in (run.path / "grids").iterdir()) == ["epoch-0001.png", "epoch-0002.png"]
    split = run.split
    assert not set(split["train"]) & set(split["validation"])
    sessions = {r.id: r.session for r in tones[0].recordings}
    assert not {sessions[i] for i in split["train"]} & {sessions[i] for i in split["validation"]}
    assert run.floor_db.shape == (56,)
    made = run.samples(["low", "high"], seed=1)
    assert made.shape == (2, 16, 56)
    assert np.array_equal(made[1], run.samples(["high", "high"], seed=1)[1])  # whatever else is drawn
    same = run.samples(["low", "low"], seed=1, same=True)
    np.testing.assert_allclose(same[0], same[1], atol=1e-4)  # rows of a batch, by other instructions perhaps


def test_training_goes_on_with_the_same_weights(
    run: GeneratorRun, tones: tuple[Catalog, FeatureStore], tmp_path: Path
) -> None:
    train_generator(*tones, replace(TINY, epochs=1), tmp_path / "run")
    again = train_generator(*tones, TINY, tmp_path / "run", resume=True)
    for name, weights in run._arrays.items():
        assert np.allclose(again._arrays[name], weights, atol=1e-6), name
    with pytest.raises(RunError, match="has finished 2 epochs, expected at most 1"):
        train_generator(*tones, replace(TINY, epochs=1), tmp_path / "run", resume=True)
    with pytest.raises(RunError, match=r"with other settings .seed was 0 and is 5.; use the same"):
        train_generator(*tones, replace(TINY, seed=5), tmp_path / "run", resume=True)
    with pytest.raises(RunError, match="continue it with --resume or replace it with --fresh"):
        train_generator(*tones, TINY, tmp_path / "run")


def test_samples_are_marked_and_refused(
    run: GeneratorRun, tones: tuple[Catalog, FeatureStore], tmp_path: Path
) -> None:
    out = tmp_path / "samples"
    bank = write_samples(run, out, per_value=1, audio=True)
    assert json.loads((out / "samples.json").read_text())["generated"] is True
    assert np.array_equal(PatchBank.open(out).patches, bank.patches)
    assert "generated" in read_tags(out / "audio" / "generated-0000.wav").texts["comment"]
    made = read_catalog(out).recordings
    assert {r.origin for r in made} == {"generated"}
    assert set(made[0].made_of) == set(run.split["train"])
    every = (*tones[0].recordings, *made)
    for judged in (
        lambda: refuse_mixture(made),
        lambda: judged_set(every),
        lambda: audit_recordings(every, {}, Catalog(every).labels),
    ):
        with pytest.raises(CatalogError, match=r"recordings are generated .first: generated-0000.: no evalu"):
            judged()
    with pytest.raises(InputError, match="replace them with --fresh"):
        write_samples(run, out)


def test_rows_of_a_patch_stand_over_the_floor() -> None:
    patch = np.array([[0.0, 1.0]], np.float32)
    assert rows_of(patch, np.array([-60.0, -61.0, -62.0, -63.0])).tolist() == [[-60.0, -61.0, -49.0, -50.0]]


def test_sound_has_the_features_that_were_asked_for(rng: np.random.Generator) -> None:
    t = np.arange(40 * SPEC.hop_length) / SPEC.sample_rate
    sound = 0.1 * np.sin(2 * np.pi * (800 * t + 500 * t**2)) + 0.002 * rng.standard_normal(len(t))
    rows = extract_features(Waveform(sound.astype(np.float32), SPEC.sample_rate), SPEC).values[:, :56]
    powers = bin_powers(rows, SPEC)
    assert powers.min() >= 0
    back = sound_of(rows, SPEC, n_steps=30)
    assert np.array_equal(back.samples, sound_of(rows, SPEC, n_steps=30).samples)
    again = extract_features(back, SPEC).values[:, :56]
    loud = rows > rows.max() - 30
    assert again.shape == rows.shape
    assert np.abs(again - rows)[loud].mean() < 3.0
    assert np.abs(again[::-1] - rows)[loud].mean() > 8.0  # it is no matter of level


def test_a_copy_is_near_and_a_sample_is_named(run: GeneratorRun, tones: tuple[Catalog, FeatureStore]) -> None:
    quality = judge_generator(run, *tones, per_class=4, epochs=1)
    assert (run.path / "neighbours.png").exists()
    nearest = "distance in dB to the nearest training patch"
    kinds = [row.kind for row in quality.rows if row.figure == nearest]
    assert kinds == ["generated", "real, of held-out sessions", "other patches of the training recordings"]
    assert all(0 <= quality.value("named rightly", kind).value <= 1 for kind in kinds)
    assert quality.value(nearest, kinds[0]).value > quality.value(nearest, kinds[2]).value


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"condition": "colour"}, "expected one of species, call_type, peak_frequency, number, got 'colour'"),
        ({"condition": {"kind": "number", "column": ""}}, "column: expected the name of a column"),
        ({"epochs": 0}, "epochs: expected 1 or more, got 0"),
        ({"smoothing": 0.9}, "smoothing: expected 0 to 0.5, got 0.9"),
        ({"width": 0.0}, "width: expected more than 0 and at most 1"),
        ({"learning_rate": 0.0}, "learning_rate: expected more than 0"),
        ({"epoch": 3}, "no key 'epoch'; did you mean 'epochs'?"),
    ],
)
def test_settings_that_cannot_be_are_one_line(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_generate_file(None, **settings)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_class_with_one_example_is_one_line(tones: tuple[Catalog, FeatureStore], tmp_path: Path) -> None:
    catalog, store = tones
    few = Catalog(tuple(r for r in catalog.recordings if r.label != "high" or r.id == "high0"))
    settings = replace(TINY, validation=0.0)
    with pytest.raises(InputError, match=r"'high' has one recording to learn from.*--at-least 2"):
        train_generator(few, store, settings, tmp_path / "run")
    data = training_data(few, store, SPEC, few.labels)
    by_id = {recording.id: recording for recording in few}
    asked = replace(settings, at_least=2)
    left = lesson_of(data, [by_id[name] for name in data.ids], asked, cutter(store))
    assert left.encoding.names == ("low", "middle")
    assert left.left_out == ("high0: 'high' has fewer recordings than asked for",)


def test_samples_are_judged_beside_recordings_that_were_held_out(
    run: GeneratorRun, tones: tuple[Catalog, FeatureStore], tmp_path: Path
) -> None:
    shutil.copytree(run.path, tmp_path / "run")
    split = {**run.split, "train": [*run.split["train"], *run.split["validation"]], "validation": []}
    (tmp_path / "run" / "split.json").write_text(json.dumps(split))
    with pytest.raises(InputError, match="no recording of its classes was held out"):
        judge_generator(GeneratorRun.open(tmp_path / "run"), *tones)


def test_numbers_make_an_ordered_series(tones: tuple[Catalog, FeatureStore], tmp_path: Path) -> None:
    settings = replace(TINY, condition="peak_frequency", epochs=1, steps=1)
    run = train_generator(*tones, settings, tmp_path / "run")
    assert run.encoding.continuous
    bank = write_samples(run, tmp_path / "samples", per_value=2, n_values=3)
    assert (tmp_path / "samples" / "series.png").exists()
    assert len(bank.names) == 6
    assert [float(name) for name in bank.names] == sorted(float(name) for name in bank.names)
    with pytest.raises(InputError, match="expected a generator of classes, got one of numbers"):
        judge_generator(run, *tones)


def test_what_is_no_generator_is_one_line(tmp_path: Path) -> None:
    classifier = tmp_path / "run"
    TRAINING_RUN.begin(classifier, {})
    for given, said in ((classifier, "is not a generator's run"), (tmp_path, "no generator's run in")):
        ended = CliRunner().invoke(cli, ["generate", "samples", str(given), "--out", str(tmp_path / "o")])
        assert isinstance(ended.exception, RunError)
        assert said in str(ended.exception)
        assert "generate train" in str(ended.exception)


def test_a_store_without_log_mel_is_one_line(tones: tuple[Catalog, FeatureStore], tmp_path: Path) -> None:
    from avianvox.features.build import build_store
    from avianvox.features.pcen import PcenSpec

    catalog = tones[0].subset([0])
    build_store(catalog.recordings, PcenSpec(), tmp_path / "pcen", jobs=1)
    with pytest.raises(StoreError, match="holds pcen rows, expected log-mel"):
        cutter(FeatureStore.open(tmp_path / "pcen"))


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
