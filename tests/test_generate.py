"""Generators: adversaries, run folders, samples, and what they are worth."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_generator import TINY, cutter, run_fixture, tones_fixture  # noqa: F401, fixtures
from tones import SPEC

from avianvox.audio.tags import read_tags
from avianvox.audit.index import audit_recordings
from avianvox.cli.main import cli
from avianvox.dataset.catalog import Catalog, read_catalog
from avianvox.dataset.origins import refuse_mixture
from avianvox.dataset.patches import PatchBank
from avianvox.dataset.training_data import training_data
from avianvox.errors import CatalogError, ConfigError, InputError, RunError
from avianvox.features.store import FeatureStore
from avianvox.generate.quality import judge_generator
from avianvox.generate.run import GeneratorRun
from avianvox.generate.samples import write_samples
from avianvox.generate.settings import read_generate_file
from avianvox.generate.train import lesson_of, train_generator
from avianvox.judge.sounds import judged_set
from avianvox.training.run import FOLDER as TRAINING_RUN


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
