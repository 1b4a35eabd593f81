"""The contract of every guide, and what each of them tells a network."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from handmade_ear import LABELS, N_SAMPLES, RATE, ear
from tones import SPEC, tone_catalog, tone_store

from avianvox.cli.main import cli
from avianvox.config import Choice
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.ears.graft import graft
from avianvox.errors import ConfigError, InputError
from avianvox.export.exporter import export_run
from avianvox.features.build import build_store
from avianvox.features.store import FeatureStore
from avianvox.features.waveform import WaveformSpec
from avianvox.inference.embedding import EmbeddingSpec
from avianvox.modelfile import write_model_file
from avianvox.modelinfo import EMBEDDING, SPECIES, ModelInfo, Output
from avianvox.models.backend import keras
from avianvox.models.networks import NETWORKS, Network
from avianvox.models.protocol import EpochReport, TrainSettings
from avianvox.registry import Registry
from avianvox.training.augmentations.blend import Blend
from avianvox.training.config import TrainConfig
from avianvox.training.estimator import FittedNetwork, NetworkEstimator
from avianvox.training.guides import GUIDES, Batch, Trunk
from avianvox.training.guides.teacher import Lessons, Teacher, overlaps
from avianvox.training.guides.voice import Voice
from avianvox.training.sequence import CropSequence
from avianvox.training.train import train
from avianvox.types import LabelSet

HEIGHTS = {"high": 2000.0, "low": 500.0, "middle": 1000.0}
NAMES = LabelSet(*(tuple(part) for part in zip(*(label.split("_") for label in LABELS), strict=True)))
SECOND = RATE / SPEC.hop_length  # frames of a second, which is a window of the ear


def build(*, n_frames: int, n_rows: int, n_classes: int, seed: int = 0):
    """A network that any guide can take."""
    layers = keras.layers
    kernel = [keras.initializers.GlorotUniform(seed + i) for i in range(3)]
    inputs = keras.Input((n_frames, n_rows, 1), name="features")
    x = layers.Conv2D(12, 5, strides=(3, 2), kernel_initializer=kernel[0], activation="relu", name="conv")(
        inputs
    )
    attention = layers.Conv2D(1, 3, padding="same", kernel_initializer=kernel[1], activation="sigmoid",
                              name="attention_map")(x)  # fmt: skip
    x = layers.GlobalAveragePooling2D(name="average")(x * attention)
    return keras.Model(inputs, layers.Dense(n_classes, kernel_initializer=kernel[2], name="logits")(x))


@pytest.fixture(autouse=True)
def _network(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("attentive")
    module.attentive = Network(build, "mel")  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "attentive", module)
    rows = {name: NETWORKS._rows[name] for name in NETWORKS} | {"attentive": "attentive:attentive"}
    monkeypatch.setattr("avianvox.training.estimator.NETWORKS", Registry("network", rows))


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three species, a store of their features and one of an ear's embeddings, and the ear."""
    folder = tmp_path_factory.mktemp("guides")
    info = ModelInfo(
        "tones",
        "ear",
        WaveformSpec(RATE, N_SAMPLES),
        NAMES,
        licences={"model": "CC BY-NC-SA 4.0", "model_credit": "Ear: somebody"},
        outputs=(
            Output(SPECIES, 3, 0, "sigmoid", exclusive=False),
            Output(EMBEDDING, 4, 1, exclusive=False),
        ),
        not_animals=("Engine",),
    )
    flatbuffer = graft(ear(), outputs={"embedding": "pooled"})
    write_model_file(folder / "tones.tflite", flatbuffer=flatbuffer, info=info, card="")
    rng = np.random.default_rng(0)
    for recording in tone_catalog(folder, HEIGHTS).recordings:
        (folder / "birds" / recording.label).mkdir(parents=True, exist_ok=True)
        t = np.arange(soundfile.info(recording.path).frames) / RATE
        tone = np.sin(2 * np.pi * HEIGHTS[recording.label] * t)
        calling = t % 0.5 < 0.15  # a steady tone would be a floor
        sound = 0.3 * tone * calling + 0.05 * rng.normal(size=len(t))
        soundfile.write(folder / "birds" / recording.label / recording.path.name, sound, RATE)
    return folder


@pytest.fixture(scope="module")
def catalog(tones: Path) -> Catalog:
    from avianvox.dataset.catalog import read_catalogs

    return read_catalogs((tones / "birds",))


@pytest.fixture(scope="module")
def ears(tones: Path, catalog: Catalog) -> dict[str, FeatureStore]:
    return {"birdnet": embeddings(catalog, tones, tones / "embeddings")}


@pytest.fixture(scope="module")
def data(tones: Path, catalog: Catalog, ears: dict[str, FeatureStore]) -> TrainingData:
    store = tone_store(catalog, tones / "features")
    return replace(training_data(catalog, store, SPEC, catalog.labels), ears=ears)


def embeddings(catalog: Catalog, tones: Path, path: Path) -> FeatureStore:
    build_store(catalog.recordings, EmbeddingSpec.of_model(str(tones / "tones.tflite")), path, jobs=1)
    return FeatureStore.open(path)


def fitted(data: TrainingData, guide: str | Choice | None, **changes: object) -> FittedNetwork:
    settings = TrainSettings(epochs=2, batch_size=8, combine="mel", guide=guide, **changes)
    return NetworkEstimator("attentive", settings).fit(data, seed=1)


def same(a: FittedNetwork, b: FittedNetwork) -> bool:
    pairs = zip(a.model.get_weights(), b.model.get_weights(), strict=True)
    return all(np.array_equal(p, q) for p, q in pairs)


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_changes_the_weights_and_not_the_network(name: str, data: TrainingData) -> None:
    plain, guided, again = (fitted(data, guide) for guide in (None, name, name))
    assert not same(plain, guided)
    assert same(guided, again)
    assert [w.path for w in guided.model.weights] == [w.path for w in plain.model.weights]
    assert guided.model.output_shape == (None, 3)
    assert set(guided.history.epochs[0]) == {"loss", "accuracy", "guide_loss"}
    figures = guided.history.epochs[0]
    assert figures["loss"] > GUIDES.get(name)().weight * figures["guide_loss"] > 0
    assert guided.graph().output_shape == plain.graph().output_shape


@pytest.mark.parametrize("name", GUIDES)
def test_the_loss_of_a_guide_falls(name: str, data: TrainingData) -> None:
    settings = TrainSettings(epochs=40, batch_size=6, combine="mel", guide=name, learning_rate=0.02)
    epochs = NetworkEstimator("attentive", settings).fit(data, seed=1).history.epochs
    assert epochs[-1]["guide_loss"] < 0.8 * epochs[0]["guide_loss"]


@pytest.mark.parametrize("name", GUIDES)
def test_guided_training_that_was_killed_continues_to_the_same_weights(
    name: str, data: TrainingData, tmp_path: Path
) -> None:
    settings = TrainSettings(epochs=3, batch_size=8, combine="mel", guide=name, augment=("blend",))
    network, kept = NetworkEstimator("attentive", settings), tmp_path / "checkpoint.npz"

    def killed(report: EpochReport) -> None:
        if (
            report.epoch == report.n_epochs - 2
        ):  # the first of the network itself, after those of its teachers
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        network.fit(data, seed=1, validation=data, checkpoint=kept, progress=killed)
    assert kept.exists()
    continued = network.fit(data, seed=1, validation=data, checkpoint=kept)
    assert set(continued.history.epochs[0]) >= {"val_loss", "val_accuracy"}
    assert same(continued, network.fit(data, seed=1, validation=data))


@pytest.mark.parametrize(
    ("guide", "message"),
    [
        ("teach", r"\[train.guide\]: expected one of .* got 'teach'; did you mean 'teacher'"),
        (Choice("teacher", (("weight", 0.0),)), r"\[train.guide\] weight: expected more than 0"),
        (Choice("voice", (("weight", -1.0),)), r"\[train.guide\] weight: expected more than 0"),
        (Choice("teacher", (("n_components", 0),)), r"\[train.guide\] n_components: expected 1 or more"),
    ],
)
def test_a_wrong_guide_is_refused(guide: str | Choice, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainConfig(guide=guide)


def lessons(data: TrainingData, n_components: int = 128) -> Lessons:
    reader = CropReader(data.store, None, CropSettings.from_spec(SPEC.with_changes(combine="mel")))
    return Lessons.of(data, reader, "birdnet", n_components)


def test_the_target_of_a_crop_is_the_mean_of_the_windows_that_it_shares(
    data: TrainingData, ears: dict[str, FeatureStore]
) -> None:
    found = lessons(data)
    longest = int(data.recordings[np.argmax(data.store.n_frames[data.recordings])])
    heard = ears["birdnet"]
    rows = heard.features(heard.index_of(str(data.store.ids[longest])))[:, :4].astype(np.float64)
    assert len(rows) > 5
    offset = 39
    begin, end = offset / SECOND, (offset + 53) / SECOND  # from 1.25 to 2.94 s
    expected = np.average(rows[1:3], axis=0, weights=[2 - begin, end - 2])
    target = found.target(longest, offset)
    assert found.n_components == 3  # the ear's fourth number is always 0
    for row, said in zip(rows, found.components[longest], strict=True):
        distance = np.linalg.norm(expected - row)
        np.testing.assert_allclose(np.linalg.norm(target - said), distance, rtol=1e-3, atol=1e-4)
    few = lessons(data, 2)
    np.testing.assert_allclose(few.target(longest, offset), target[:2], rtol=1e-5)
    variances = np.concatenate(list(found.components.values())).var(axis=0)
    assert list(variances) == sorted(variances, reverse=True)


def test_a_crop_that_is_looped_shares_each_window_as_often_as_it_is_heard() -> None:
    edges = np.array([[0.0, 10.0], [10.0, 20.0], [12.0, 22.0]])
    np.testing.assert_allclose(overlaps(edges, 0, 22, 22, looped=True), [10, 10, 10])
    np.testing.assert_allclose(overlaps(edges, 20, 30, 22, looped=True), [16, 10, 12])
    np.testing.assert_allclose(overlaps(edges, 20, 30, 22, looped=False), [0, 0, 2])


def test_targets_are_mixed_as_the_classes_are(data: TrainingData) -> None:
    reader = CropReader(data.store, None, CropSettings.from_spec(SPEC.with_changes(combine="mel")))
    found = lessons(data)
    plain, mixed = (
        CropSequence(reader, data, batch_size=6, seed=3, augmentations=rows, guide=found.targets)[0][1]
        for rows in ((), (Blend(share=1.0),))
    )
    shares = np.linalg.lstsq(plain["guide"].T, mixed["guide"].T, rcond=None)[0]
    assert np.abs(plain["guide"].T @ shares - mixed["guide"].T).max() < 1e-4
    classes = np.eye(3)[plain["classes"]]
    one_each = Batch(np.zeros(3, int), np.zeros(3, int), np.zeros((3, 1, 1)), np.eye(3), np.ones(1))
    first = int(data.recordings[0])
    batch = one_each._replace(
        recordings=np.array([first, first, int(data.recordings[-1])]),
        shares=np.array([[1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]], np.float32),
    )
    target = found.targets(batch)
    np.testing.assert_allclose(target[1], (target[0] + target[2]) / 2, rtol=1e-5)
    assert mixed["classes"].shape == classes.shape


def test_nothing_of_a_recording_that_is_not_learned_from_reaches_the_network(
    tones: Path, catalog: Catalog, data: TrainingData, tmp_path: Path
) -> None:
    """Fits on the training part, with embeddings of all recordings, of which one has another sound."""
    evens, odd = data.subset(np.arange(0, 18, 2)), data.ids[1]
    first = fitted(evens, "teacher")

    def with_other_sound(of: str) -> TrainingData:
        others = [
            replace(r, path=catalog.recordings[-1].path) if r.id == of else r for r in catalog.recordings
        ]
        store = embeddings(Catalog(tuple(others)), tones, tmp_path / f"other-{len(list(tmp_path.iterdir()))}")
        return replace(evens, ears={"birdnet": store})

    assert same(first, fitted(with_other_sound(odd), "teacher"))
    assert not same(first, fitted(with_other_sound(data.ids[0]), "teacher"))


def test_without_its_embeddings_a_teacher_says_so(data: TrainingData) -> None:
    with pytest.raises(InputError, match="no embeddings by 'birdnet'"):
        fitted(replace(data, ears={}), "teacher")
    assert Teacher().ears == ("birdnet",)


def test_attention_beside_the_voice_costs_its_share(data: TrainingData) -> None:
    spec = SPEC.with_changes(combine="mel")
    reader = CropReader(data.store, None, CropSettings.from_spec(spec))
    make = partial(build, n_frames=spec.n_frames, n_rows=spec.n_rows)
    model = make(n_classes=3)
    trunk = Trunk(model, lambda n: make(n_classes=n), fit=None)
    guiding = Voice().begin(trunk, data, reader, seed=0)
    crops, targets = CropSequence(reader, data, batch_size=6, seed=3, guide=guiding.targets)[0]
    voice = targets["guide"]
    assert voice.shape == (6, *guiding.output.shape[1:])
    assert 0 < voice.mean() < 0.5
    band = voice.mean(axis=(0, 1)).argmax() / voice.shape[2]
    assert 0.1 < band < 0.9
    attention = keras.Model(model.input, guiding.output)(crops).numpy()
    expected = (attention * (1 - voice)).sum(axis=(1, 2)) / attention.sum(axis=(1, 2))
    np.testing.assert_allclose(guiding.loss(voice, attention), expected, rtol=1e-4)
    np.testing.assert_allclose(guiding.loss(voice, voice), 0.0, atol=1e-6)
    np.testing.assert_allclose(guiding.loss(voice, 1 - voice), 1.0, rtol=1e-5)
    np.testing.assert_allclose(guiding.loss(voice, 0.1 * attention), expected, rtol=1e-4)


def test_a_network_without_attention_over_bands_is_refused(data: TrainingData) -> None:
    with pytest.raises(InputError, match="has no layer 'attention_map'"):
        NetworkEstimator("cnn_v20", TrainSettings(guide="voice")).fit(data, seed=0)


def test_a_student_has_the_licence_of_its_teacher(
    tones: Path, catalog: Catalog, data: TrainingData, ears: dict[str, FeatureStore], tmp_path: Path
) -> None:
    name = str(tones / "tones.tflite")
    config = TrainConfig(
        epochs=1, model="cnn_v20", validation=0.0, guide=Choice("teacher", (("model", name),))
    )
    run = train(catalog, data.store, config, tmp_path / "run", ears={name: ears["birdnet"]})
    (entry,) = run.config["inherited"]
    assert (entry["name"], entry["sha256"]) == ("tones", ears["birdnet"].spec.sha256)
    export = partial(export_run, run.path, verify=False)
    info = export(tmp_path / "student.tflite").info
    assert info.licences["model"] == "CC BY-NC-SA 4.0"
    assert info.licences["model_credit"] == "Ear: somebody"
    assert info.provenance["learned_from"] == ["embedding of tones"]
    assert export(tmp_path / "other.tflite", licence="MIT").info.licences["model"] == "CC BY-NC-SA 4.0; MIT"
    onward = replace(config, guide=None, from_=str(run.path))
    second = train(catalog, data.store, onward, tmp_path / "second")
    info = export_run(second.path, tmp_path / "second.tflite", verify=False).info
    assert info.licences["model"] == "CC BY-NC-SA 4.0"


def test_the_commands_take_a_teacher(tones: Path, tmp_path: Path) -> None:
    features = "\n".join(f"{key} = {value}" for key, value in SPEC.to_mapping().items() if key != "combine")
    config = tmp_path / "train.toml"
    config.write_text(f"[train]\nepochs = 1\n[features]\n{features}\n".replace("hann", '"hann"'))

    def run(*arguments: object) -> dict:
        done = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done

    birds, model = tones / "birds", tones / "tones.tflite"
    taught = run("train", birds, "--config", config, "--teacher", model, "--out", tmp_path / "run", "-q",
                 "--validation", 0)  # fmt: skip
    assert "licence of the teacher, tones: CC BY-NC-SA 4.0" in taught.stdout
    assert "guide_loss" in (tmp_path / "run" / "history.csv").read_text()
    text = config.read_text() + f'[train.guide]\nkind = "teacher"\nmodel = "{model}"\n'
    config.write_text(text)
    options = ("--models", "cnn_v20", "--config", config, "--folds", 2, "--groupings", "session")
    run("crossval", birds, *options, "--out", tmp_path / "compared")
    document = json.loads((tmp_path / "compared" / "config.json").read_text())
    assert document["learned_from"] == {str(model): EmbeddingSpec.of_model(str(model)).sha256}
    assert document["model_settings"]["guide"] == {"kind": "teacher", "model": str(model)}
    wrong = CliRunner().invoke(cli, ["train", str(birds), "--out", str(tmp_path / "x"), "--model", "gnb_mfcc",
                                     "--teacher", str(model)])  # fmt: skip
    assert isinstance(wrong.exception, InputError)
    assert "guide: expected a network, got gnb_mfcc" in str(wrong.exception)


def test_the_option_names_the_teacher_and_the_file_says_how(tmp_path: Path) -> None:
    from avianvox.api.teach import settings_of

    file = tmp_path / "train.toml"
    file.write_text('[train]\nmodel = "cnn_v20"\n[train.guide]\nkind = "teacher"\nweight = 2.0\n')
    found, _ = settings_of(file, {"teacher": "tones"})
    assert found.guide == Choice("teacher", (("model", "tones"), ("weight", 2.0)))
