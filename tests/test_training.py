"""Sequences, fitting and run folders, on tones at the heights that name their classes."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from click.testing import CliRunner
from tones import SPEC, tone_catalog

from avianvox.config import Choice
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.errors import ConfigError, InputError, RunError
from avianvox.features.build import build_store
from avianvox.features.normalise import Normalisation
from avianvox.features.store import FeatureStore
from avianvox.inference.pooling import pool_answers
from avianvox.models import MODELS
from avianvox.models.cnn import VARIANTS, build_cnn
from avianvox.models.networks import NETWORKS
from avianvox.models.protocol import TrainSettings
from avianvox.randomness import derive_rng
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.estimator import NetworkEstimator
from avianvox.training.fit import fit_network
from avianvox.training.history import History
from avianvox.training.losses import LOSSES, Classes
from avianvox.training.losses.cross_entropy import CrossEntropy
from avianvox.training.run import (
    CHECKPOINT,
    CHECKPOINTS,
    FIGURES,
    FIRST_ROUND,
    FOLDER,
    LOG,
    TEACHERS,
    WEIGHTS,
    Run,
)
from avianvox.training.samplers.balanced import Balanced
from avianvox.training.sequence import CropSequence, WindowSequence
from avianvox.training.train import TrainConfig, hold_out, train
from avianvox.types import Recording

CONFIG = TrainConfig(epochs=3, batch_size=8, validation=0.3, validation_windows=2)
SEED = 5


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return tone_catalog(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="module")
def store(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    path = tmp_path_factory.mktemp("store") / "features"
    build_store(catalog.recordings, SPEC, path, jobs=1)
    return FeatureStore.open(path)


@pytest.fixture(scope="module")
def data(catalog: Catalog, store: FeatureStore) -> TrainingData:
    return training_data(catalog, store, SPEC, catalog.labels)


@pytest.fixture(scope="module")
def reader(data: TrainingData) -> CropReader:
    return CropReader(
        data.store, Normalisation.from_store(data.store, data.recordings), CropSettings.from_spec(SPEC)
    )


def crops(reader: CropReader, data: TrainingData, **options) -> CropSequence:
    return CropSequence(reader, data, **({"batch_size": 7, "seed": SEED} | options))


def network(seed: int = 0):
    return build_cnn(VARIANTS["cnn_v20"], n_frames=53, n_rows=56, n_classes=3, seed=seed)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("more", [{}, {"average": 0.9}, {"beside": ("logreg_windows",)}])
def test_watching_the_test_part_changes_no_weight(data: TrainingData, more: dict) -> None:
    """It is not held out: training neither ends early nor goes back to an earlier epoch."""
    settings = TrainSettings(epochs=4, batch_size=8, patience=1, combine="mel", **more)
    train, test = data.subset(np.arange(12)), data.subset(np.arange(12, 18))
    blind, watched = (
        MODELS.get("cnn_v20")(settings).fit(train, seed=SEED, **options)
        for options in ({}, {"watched": test})
    )
    assert same(list(blind.arrays().values()), list(watched.arrays().values()))
    assert [set(row) for row in blind.history.epochs] == [{"loss", "accuracy"}] * 4
    assert [set(row) for row in watched.history.epochs] == [
        {"loss", "accuracy", "test_loss", "test_accuracy"}
    ] * 4
    assert watched.history.best_epoch == blind.history.best_epoch


def test_an_epoch_holds_each_recording_once_and_every_crop_can_be_traced(
    reader: CropReader, data: TrainingData
) -> None:
    sequence = crops(reader, data)
    orders = []
    for _ in range(2):
        traced = [crop for i in range(len(sequence)) for crop in sequence.trace(i)]
        orders.append([crop.recording_id for crop in traced])
        assert sorted(orders[-1]) == sorted(data.ids)
        x, y = sequence[1]
        assert x.shape == (7, 53, 56, 1)
        for crop, pixels, target in zip(sequence.trace(1), x, y, strict=True):
            position = data.ids.index(crop.recording_id)
            again = reader.read(data.recordings[[position]], np.array([crop.first_frame]))
            np.testing.assert_array_equal(again[0], pixels[..., 0])
            assert target == data.targets[position]
        sequence.on_epoch_end()
    assert orders[0] != orders[1]


def test_the_plan_is_that_of_runs_that_began_before_there_were_samplers(
    reader: CropReader, data: TrainingData
) -> None:
    sequence = crops(reader, data, crops_per_recording=3, batch_size=100)
    sequence.move_to(2)
    draws = [reader.random_offsets(data.recordings, seed=SEED, epoch=draw) for draw in (6, 7, 8)]
    order = derive_rng(SEED, "shuffle", 2).permutation(3 * len(data))
    expected = [(data.ids[i % len(data)], np.concatenate(draws)[i]) for i in order.tolist()]
    assert [(crop.recording_id, crop.first_frame) for crop in sequence.trace(0)] == expected


def test_a_recording_that_an_epoch_shows_again_is_cut_elsewhere(
    reader: CropReader, data: TrainingData
) -> None:
    length = np.where(data.targets == 0, data.store.n_frames[data.recordings], 0)
    few = data.subset(np.append(np.flatnonzero(data.targets != 0), np.argmax(length)))
    sequence = crops(reader, few, sampler=Balanced(), batch_size=100)
    traced = [crop.first_frame for crop in sequence.trace(0) if crop.recording_id == few.ids[-1]]
    assert len(traced) > 2
    assert len(set(traced)) > len(traced) // 2


def test_loss_and_sampler_are_chosen_by_name(data: TrainingData) -> None:
    def weights(**chosen: str | Choice) -> list[np.ndarray]:
        settings = TrainSettings(epochs=1, **chosen)
        return MODELS.get("cnn_v20")(settings).fit(data, seed=0).model.get_weights()

    plain = weights()
    assert same(plain, weights(loss="cross_entropy", sampler="shuffled"))
    smoothed = weights(loss="label_smoothing")
    assert not same(plain, smoothed)
    assert not same(smoothed, weights(loss=Choice("label_smoothing", (("smoothing", 0.3),))))
    uneven = data.subset(np.arange(13))
    settings = TrainSettings(epochs=1, sampler="balanced")
    assert MODELS.get("cnn_v20")(settings).fit(uneven, seed=0).history.epochs
    for wrong in ({"loss": "label_smooth"}, {"sampler": "balance"}):
        with pytest.raises(ConfigError, match="did you mean"):
            replace(CONFIG, **wrong)


@dataclass(frozen=True)
class Listening(CrossEntropy):
    """Cross-entropy that keeps what it is told of the classes."""

    told: ClassVar[list[Classes]] = []

    def make(self, classes: Classes) -> object:
        self.told.append(classes)
        return super().make(classes)


def test_a_loss_is_told_the_names_and_counts_of_the_training_part(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOSSES._rows, "listening", f"{__name__}:Listening")
    part = data.subset(np.array([0, 1, 2, 6, 7, 12]))
    MODELS.get("cnn_v20")(TrainSettings(epochs=1, loss="listening")).fit(part, seed=0)
    assert Listening.told == [Classes((3, 2, 1), ("high", "low", "middle"))]


def test_augmentations_change_what_is_learned_and_the_same_seed_gives_the_same(data: TrainingData) -> None:
    noises = Choice("background", (("store", str(data.store.path)),))

    def weights(*augment: str) -> list[np.ndarray]:
        chosen = tuple(noises if name == "background" else name for name in augment)
        settings = TrainSettings(epochs=1, combine="mel", augment=chosen)
        return MODELS.get("cnn_v20")(settings).fit(data, seed=0).model.get_weights()

    plain, every = weights(), tuple(AUGMENTATIONS)
    found = {name: weights(name) for name in every}
    assert not any(same(plain, changed) for changed in found.values())
    assert same(weights(*every), weights(*every))


def test_a_batch_is_changed_by_seed_epoch_and_number_alone(reader: CropReader, data: TrainingData) -> None:
    rows = [AUGMENTATIONS.get(name)() for name in ("gain", "mixup_max")]
    first, second = (crops(reader, data, augmentations=rows, batch_size=5) for _ in range(2))
    assert np.array_equal(first[1][0], first[1][0])
    _ = second[0], second[2]
    assert np.array_equal(first[1][0], second[1][0])
    assert not np.array_equal(first[1][0], crops(reader, data, batch_size=5)[1][0])


def test_species_in_the_background_are_learned_a_little(data: TrainingData) -> None:
    heard = replace(data, besides=((1,), *[()] * (len(data) - 1)))

    def weights(data: TrainingData, **chosen: float) -> list[np.ndarray]:
        return MODELS.get("cnn_v20")(TrainSettings(epochs=1, **chosen)).fit(data, seed=0).model.get_weights()

    plain = weights(heard)
    assert same(plain, weights(data))
    assert not same(plain, weights(heard, also=0.3))
    settings = replace(CONFIG, also=0.3).settings
    history = MODELS.get("cnn_v20")(settings).fit(heard, seed=0, validation=data).history
    assert len(history.epochs) == 3
    with pytest.raises(ConfigError, match=r"also: expected 0 to below 0\.5, got 0\.5"):
        replace(CONFIG, also=0.5)


def test_even_batches_leave_no_small_one(reader: CropReader, data: TrainingData) -> None:
    def shapes(**options: bool) -> list[int]:
        sequence = crops(reader, data, batch_size=len(data) - 1, **options)
        return [len(sequence[i][0]) for i in range(len(sequence))]

    assert shapes() == [len(data) - 1, 1]
    assert sorted(shapes(even_batches=True)) == [len(data) // 2, -(-len(data) // 2)]


def test_more_crops_of_a_recording_differ(reader: CropReader, data: TrainingData) -> None:
    sequence = crops(reader, data, crops_per_recording=3, batch_size=100)
    traced = sequence.trace(0)
    assert len(traced) == 3 * len(data)
    longest = data.ids[int(np.argmax(data.store.n_frames[data.recordings]))]
    assert len({crop.first_frame for crop in traced if crop.recording_id == longest}) > 1


def test_crops_do_not_repeat_across_epochs(reader: CropReader, data: TrainingData) -> None:
    """Three epochs of three crops are nine draws, not five of which some come again."""
    sequence = crops(reader, data, crops_per_recording=3, batch_size=100)
    seen = []
    for _ in range(3):
        seen += [(crop.recording_id, crop.first_frame) for crop in sequence.trace(0)]
        sequence.on_epoch_end()
    draws = [reader.random_offsets(data.recordings, seed=SEED, epoch=draw) for draw in range(9)]
    assert len({tuple(offsets) for offsets in draws}) == 9
    assert sorted(seen) == sorted(
        (name, int(offset)) for offsets in draws for name, offset in zip(data.ids, offsets, strict=True)
    )


def test_validation_windows_are_fixed_and_evenly_spread(reader: CropReader, data: TrainingData) -> None:
    every = WindowSequence(reader, data, batch_size=4)
    few = WindowSequence(reader, data, batch_size=4, most_windows=2)
    counts = np.bincount(every.positions)
    assert counts.max() > 2
    assert list(np.bincount(few.positions)) == list(np.minimum(counts, 2))
    assert sum(len(y) for _, y in (few[i] for i in range(len(few)))) == len(few.positions)
    np.testing.assert_array_equal(few[0][0][1], every[0][0][counts[0] - 1])


@pytest.mark.parametrize("workers", [{"workers": 3}, {"workers": 2, "use_multiprocessing": True}])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_number_of_workers_changes_nothing(
    reader: CropReader, data: TrainingData, workers: dict[str, int]
) -> None:
    settings = TrainSettings(epochs=2, batch_size=7)
    one, several = network(), network()
    history = fit_network(one, crops(reader, data), None, settings)
    assert fit_network(several, crops(reader, data, **workers), None, settings).epochs == history.epochs
    assert same(one.get_weights(), several.get_weights())


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


def test_training_that_was_killed_continues_to_the_same_weights(
    reader: CropReader, data: TrainingData, tmp_path: Path
) -> None:
    settings = TrainSettings(epochs=4, batch_size=7)
    held_out = WindowSequence(reader, data, batch_size=16, most_windows=1)

    def fit(checkpoint: Path | None, progress=None):
        model = network()
        history = fit_network(
            model, crops(reader, data), held_out, settings, checkpoint=checkpoint, progress=progress
        )
        return model.get_weights(), history.epochs

    def kill(report) -> None:
        if report.epoch == 2:
            raise Killed

    whole, whole_history = fit(None)
    with pytest.raises(Killed):
        fit(tmp_path / "checkpoint.npz", kill)
    continued, history = fit(tmp_path / "checkpoint.npz")
    assert history == whole_history
    assert same(continued, whole)
    (tmp_path / "checkpoint.npz").write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(RunError, match="damaged"):
        fit(tmp_path / "checkpoint.npz")


def test_training_stops_without_improvement_and_keeps_the_best_weights(
    reader: CropReader, data: TrainingData
) -> None:
    settings = TrainSettings(epochs=30, batch_size=7, learning_rate=0.5, patience=2)
    held_out = WindowSequence(reader, data, batch_size=16, most_windows=1)
    model = network()
    history = fit_network(model, crops(reader, data), held_out, settings)
    assert len(history.epochs) == history.best_epoch + 2 < 30
    loss, _ = model.evaluate(held_out, verbose=0)
    assert loss == pytest.approx(history.epochs[history.best_epoch - 1]["val_loss"], rel=1e-5)


def test_whole_sessions_are_held_out_and_no_class_is_lost(data: TrainingData, catalog: Catalog) -> None:
    def parts(recordings: list[Recording]) -> tuple[set[str], set[str]]:
        learned, held_out = hold_out(data, recordings, CONFIG)
        assert sorted(learned.ids + held_out.ids) == sorted(data.ids)
        session = {r.id: r.session for r in recordings}
        assert not {session[i] for i in learned.ids} & {session[i] for i in held_out.ids}
        return set(learned.targets.tolist()), set(held_out.ids)

    assert parts(list(catalog.recordings))[0] == {0, 1, 2}
    one_session = [replace(r, recordist="x") if r.label == "low" else r for r in catalog.recordings]
    classes, held_out_ids = parts(one_session)
    assert classes == {0, 1, 2}
    assert not any(name.startswith("low") for name in held_out_ids)
    assert hold_out(data, [], replace(CONFIG, validation=0.0)) == (data, None)


def test_synthetic_recordings_are_learned_from_and_not_looked_at(
    data: TrainingData, catalog: Catalog
) -> None:
    rows = list(catalog.recordings)
    made = [i for i, r in enumerate(rows) if r.label == rows[0].label][:2]
    marked = [replace(r, origin="scene", made_of=(r.id,)) if i in made else r for i, r in enumerate(rows)]
    learned, held_out = hold_out(data, marked, CONFIG)
    assert {rows[i].id for i in made} <= set(learned.ids)
    assert held_out is not None
    assert not {rows[i].id for i in made} & set(held_out.ids)
    of_held_out = [replace(r, made_of=tuple(held_out.ids)) if r.synthetic else r for r in marked]
    assert not {rows[i].id for i in made} & set(hold_out(data, of_held_out, CONFIG)[0].ids)


def test_a_run_is_read_back_and_repeats_byte_for_byte(
    catalog: Catalog, store: FeatureStore, data: TrainingData, tmp_path: Path
) -> None:
    run = train(catalog, store, CONFIG, tmp_path / "a", catalogs=["tones"])
    assert sorted(p.name for p in run.path.iterdir()) == sorted(
        set(FOLDER.files) - {*CHECKPOINTS[1:], *TEACHERS, *FIRST_ROUND.values()}
    )
    assert run.architecture == "cnn_v20"
    assert run.labels.names == ("high", "low", "middle")
    assert run.spec == SPEC.with_changes(combine="overwrite")
    assert run.provenance["catalogs"] == [str(Path("tones").resolve())]
    assert len(run.split["train"]) + len(run.split["validation"]) == 18
    assert run.config["licences"] == {"CC0": 18}
    assert len(run.config["credits"]) == 18
    assert run.figures["validation"]["n_recordings"] > 0
    assert len((run.path / LOG).read_text().splitlines()) == 3
    with np.load(run.path / WEIGHTS) as stored:
        assert all(np.array_equal(stored[w.path], w.numpy()) for w in run.fitted().model.weights)

    again = train(catalog, store, CONFIG, tmp_path / "b", catalogs=["tones"])
    for name in (WEIGHTS, FIGURES, "history.csv", "learning_curve.png", "config.json", CHECKPOINT):
        assert (again.path / name).read_bytes() == (run.path / name).read_bytes(), name
    other = train(catalog, store, replace(CONFIG, seed=1), tmp_path / "b", fresh=True)
    assert (other.path / WEIGHTS).read_bytes() != (run.path / WEIGHTS).read_bytes()


def test_a_run_is_neither_overwritten_nor_mixed(
    catalog: Catalog, store: FeatureStore, tmp_path: Path
) -> None:
    short = replace(CONFIG, epochs=1, validation=0.0)
    train(catalog, store, short, tmp_path)
    with pytest.raises(RunError, match="--resume or replace it with --fresh"):
        train(catalog, store, short, tmp_path)
    with pytest.raises(RunError, match=r"other settings \(batch_size was 8 and is 4\); use the same"):
        train(catalog, store, replace(short, batch_size=4), tmp_path, resume=True)
    longer = train(catalog, store, replace(short, epochs=2), tmp_path, resume=True)
    straight = train(catalog, store, replace(short, epochs=2), tmp_path / "straight")
    assert (longer.path / WEIGHTS).read_bytes() == (straight.path / WEIGHTS).read_bytes()
    before = contents(tmp_path)
    with pytest.raises(RunError, match="has finished 2 epochs, expected at most 1"):
        train(catalog, store, short, tmp_path, resume=True)
    assert contents(tmp_path) == before
    (tmp_path / FIGURES).unlink()
    with pytest.raises(RunError, match="not complete"):
        Run.open(tmp_path)
    with pytest.raises(RunError, match="no training run"):
        Run.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match="'majority' cannot be trained"):
        train(catalog, store, replace(short, model="majority"), tmp_path / "c")


def test_a_run_goes_on_only_with_the_same_recordings_labels_and_split(
    catalog: Catalog, store: FeatureStore, tmp_path: Path
) -> None:
    train(catalog, store, replace(CONFIG, epochs=1), tmp_path)
    before = contents(tmp_path)
    first, *rest = catalog.recordings
    for others in (rest, [replace(first, label="low"), *rest], [replace(first, recordist="x"), *rest]):
        with pytest.raises(RunError, match=r"other settings \(.*recordings, labels or sessions"):
            train(Catalog(tuple(others)), store, replace(CONFIG, epochs=2), tmp_path, resume=True)
    assert contents(tmp_path) == before


def test_fresh_erases_no_cross_validation(catalog: Catalog, store: FeatureStore, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"kind": "avianvox cross-validation"}')
    with pytest.raises(RunError, match="holds no training run"):
        train(catalog, store, CONFIG, tmp_path, fresh=True)
    with pytest.raises(RunError, match="holds no training run"):
        train(catalog, store, CONFIG, tmp_path, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_nan_is_never_the_least_loss() -> None:
    losses = (math.nan, 0.7, math.nan, 0.5, math.nan)
    history = History([{"loss": 1.0, "val_loss": loss} for loss in losses])
    assert history.best_epoch == 4
    assert not history.is_exhausted(2)
    assert history.is_exhausted(1)


def test_a_training_loss_that_is_nan_ends_the_training(reader: CropReader, data: TrainingData) -> None:
    model = network()
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    with pytest.raises(RunError, match=r"the training loss is NaN after epoch 1.*lower learning_rate"):
        fit_network(model, crops(reader, data), None, TrainSettings(epochs=2))


@pytest.mark.parametrize("name", ["cnn_v20", "pca_dense", "dense_pixels"])
def test_every_kind_of_network_tells_tones_apart(name: str, data: TrainingData) -> None:
    settings = TrainSettings(epochs=30, batch_size=5)
    evens, odds = data.subset(np.arange(0, 18, 2)), data.subset(np.arange(1, 18, 2))
    fitted = MODELS.get(name)(settings).fit(evens, seed=0)
    answers = fitted.predict(odds)
    np.testing.assert_allclose(answers.scores.sum(axis=1), 1.0, rtol=1e-5)
    assert list(pool_answers(answers, len(odds)).argmax(axis=1)) == list(odds.targets)
    clues = fitted.clues(odds)  # type: ignore[attr-defined]
    if NETWORKS.get(name).embedding is None:
        assert clues is None
        return
    weight, bias = fitted.model.get_layer("logits").get_weights()  # type: ignore[attr-defined]
    logits = clues.embedding @ weight + bias
    np.testing.assert_allclose(clues.energy, np.log(np.exp(logits).sum(axis=1)), rtol=1e-4)
    np.testing.assert_array_equal(clues.positions, answers.positions)


def test_combination_is_the_published_one_unless_it_is_asked_for(data: TrainingData) -> None:
    once = TrainSettings(epochs=1)
    assert once.spec_for(SPEC, published=VARIANTS["cnn_v17"].combine).combine == "concatenate"
    asked = replace(once, combine="mel")
    assert NetworkEstimator("cnn_v17", asked).fit(data, seed=0).spec.combine == "mel"
    for share in (-0.1, 0.51, 0.9):
        with pytest.raises(ConfigError, match=r"validation: expected 0 to 0\.5"):
            replace(CONFIG, validation=share)
    for wrong in ({"combine": "mell"}, {"padding": "lop"}, {"epochs": 0}, {"learning_rate": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            TrainSettings(**wrong)


def test_the_command_reads_a_file_and_options_go_before_it(catalog: Catalog, tmp_path: Path) -> None:
    from avianvox.cli.train import train as command

    rows = [
        "path,id,label,recordist",
        *(f"{r.path},{r.id},{r.label},{r.recordist}" for r in catalog.recordings),
        f"{catalog.recordings[1].path},high0,high,",
        f"{catalog.recordings[1].path},nameless,,",
    ]
    (tmp_path / "recordings.csv").write_text("\n".join(rows))
    features = "\n".join(f"{k} = {v!r}" for k, v in SPEC.to_mapping().items())
    file = tmp_path / "train.toml"
    file.write_text(
        f'[train]\nmodel = "cnn_v20"\nepochs = 7\nvalidation = 0\nseed = 3\n[features]\n{features}\n'
    )
    arguments = [str(tmp_path / "recordings.csv"), "--config", str(file), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(command, [*arguments, "--epochs", "1"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "3 classes, 1 epoch," in result.stdout
    assert "duplicate id: high0: listed twice" in result.stderr
    assert "left out: nameless: no label" in result.stderr
    run = Run.open(tmp_path / "run")
    assert (run.config["train"]["epochs"], run.config["train"]["seed"]) == (1, 3)
    assert run.spec == SPEC
    with pytest.raises(RunError, match="--fresh"):
        CliRunner().invoke(command, arguments, catch_exceptions=False)
    file.write_text("[train]\nepoch = 7\n")
    with pytest.raises(ConfigError, match="did you mean 'epochs'"):
        CliRunner().invoke(command, [*arguments, "--fresh"], catch_exceptions=False)
    assert CliRunner().invoke(command, [*arguments, "--fresh", "--resume"]).exit_code == 2
