"""What a network has learned: maps, filters, activations; and whether its maps deserve trust."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from tones import SPEC, tone_catalog, tone_store

from avianvox.cli.main import main
from avianvox.dataset.training_data import training_data
from avianvox.errors import InputError
from avianvox.explain.attention import Attention
from avianvox.explain.components import Components, find_components
from avianvox.explain.deletion import advantage, deletion
from avianvox.explain.filters import busiest, layers_seen
from avianvox.explain.gradients import GradCam
from avianvox.explain.heard import Heard, hear
from avianvox.explain.maps import explain
from avianvox.explain.maximise import Climb, maximised
from avianvox.explain.methods import Method
from avianvox.explain.network import RunListener, last_convolution, layer_named, on_bands
from avianvox.explain.occlusion import Occlusion
from avianvox.explain.shuffled import shuffled
from avianvox.features.store import FeatureStore
from avianvox.models.backend import keras
from avianvox.models.blocks import Blocks, over_zones
from avianvox.models.cbam import by_place
from avianvox.models.networks import NETWORKS, Network
from avianvox.models.protocol import TrainSettings
from avianvox.registry import Registry
from avianvox.training import estimator, many_tasks
from avianvox.training.estimator import NetworkEstimator
from avianvox.training.run import Run

HEIGHTS = {"high": 2500.0, "low": 500.0, "middle": 1200.0}
BURSTS_S = (0.5, 0.15)
"""A burst begins every so many seconds, and lasts so long."""


def build(*, n_frames: int, n_rows: int, n_classes: int, seed: int = 0):
    """A small network with both kinds of attention."""
    blocks = Blocks(seed, "tiny")
    inputs = keras.Input((n_frames, n_rows, 1), name="features")
    x = blocks.first(inputs)
    x = by_place(blocks, blocks.convolve(x, 2, 12, (3, 3)), "attention_map")
    return keras.Model(inputs, blocks.heard_over_time(over_zones(x), n_classes), name="tiny")


@pytest.fixture(scope="module", autouse=True)
def _network() -> Iterator[None]:
    module = ModuleType("tiny_network")
    module.tiny = Network(build, "above_floor", embedding="dropout")  # type: ignore[attr-defined]
    rows = Registry(
        "network", {name: NETWORKS._rows[name] for name in NETWORKS} | {"tiny": "tiny_network:tiny"}
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "tiny_network", module)
        for place in (estimator, many_tasks):
            patched.setattr(place, "NETWORKS", rows)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("network")


@pytest.fixture(scope="module")
def store(folder: Path) -> FeatureStore:
    """Recordings of calls at three heights, in noise."""
    catalog = tone_catalog(folder, HEIGHTS)
    rng = np.random.default_rng(0)
    for recording in catalog.recordings:
        t = np.arange(soundfile.info(recording.path).frames) / SPEC.sample_rate
        calling = t % BURSTS_S[0] < BURSTS_S[1]
        sound = 0.3 * np.sin(2 * np.pi * HEIGHTS[recording.label] * t) * calling
        soundfile.write(recording.path, sound + 0.02 * rng.normal(size=len(t)), SPEC.sample_rate)
    return tone_store(catalog, folder / "features")


@pytest.fixture(scope="module")
def opened(folder: Path, store: FeatureStore) -> RunListener:
    """A network that has learned them."""
    catalog = tone_catalog_of(folder)
    data = training_data(catalog, store, SPEC.with_changes(combine="above_floor"), catalog.labels)
    settings = TrainSettings(epochs=25, batch_size=6, learning_rate=0.01)
    fitted = NetworkEstimator("tiny", settings).fit(data, seed=1)
    scores = fitted.predict(data)
    assert (scores.scores.argmax(axis=1) == data.targets[scores.positions]).mean() > 0.9
    run = Run(folder / "run", {"train": {"model": "tiny"}}, fitted.spec, catalog.labels, {})
    return RunListener(run, fitted)


def tone_catalog_of(folder: Path):
    """The catalog as it was; the sounds stay as they are."""
    from avianvox.dataset.catalog import Catalog
    from avianvox.types import Recording

    rows = [
        Recording(path.stem, path, path.stem[:-1], recordist=f"{path.stem[:-1]} {int(path.stem[-1]) // 2}")
        for path in sorted(folder.glob("*.wav"))
    ]
    return Catalog(tuple(rows))


@pytest.fixture(scope="module")
def heard(opened: RunListener, folder: Path) -> list[Heard]:
    """Two recordings of each class."""
    return [hear(opened, folder / f"{label}{k}.wav", end_s=2.0) for label in HEIGHTS for k in (1, 3)]


METHODS = [Occlusion(0.35, 5), GradCam(), Attention("attention_softmax"), Attention()]
NAMES = ["occlusion", "grad-cam", "time", "place"]


@pytest.mark.parametrize("method", METHODS[:3], ids=NAMES[:3])
def test_a_map_lies_on_the_calls(method: Method, opened: RunListener, folder: Path) -> None:
    gains = [explain(opened, folder / f"{label}1.wav", method, name="any").gain for label in HEIGHTS]
    assert np.mean(gains) > 0.02


@pytest.mark.parametrize("method", [*METHODS[:2], METHODS[3]], ids=[*NAMES[:2], NAMES[3]])
def test_a_map_changes_when_weights_are_randomised(
    method: Method, opened: RunListener, heard: list[Heard]
) -> None:
    steps = []
    for one in heard[::2]:
        target, windows = int(np.argmax(one.pooled)), np.arange(1)
        found = shuffled(opened, one, method, target, windows)
        steps.append(found.correlation)
        assert found.layers[0] in ("attention", "moments")  # the top comes first
        assert found.layers[-1].startswith("block1")
    mean = np.mean(steps, axis=0)
    assert mean[-1] < 0.5  # nothing is left of what was learned
    assert mean[-1] < mean[0] + 0.3


@pytest.mark.parametrize("method", METHODS[:2], ids=NAMES[:2])
def test_deleting_what_it_marks_costs_more_than_at_random(
    method: Method, opened: RunListener, heard: list[Heard]
) -> None:
    grid = Occlusion(0.35, 5).grid(heard[0])
    found = []
    for one in heard:
        target, windows = int(np.argmax(one.pooled)), np.arange(1)
        maps = method.maps(opened, one, target, windows)
        shares = (0.1, 0.25)
        found.append(deletion(opened, one, maps, target, windows, grid, n_random=2, shares=shares))
    gained = advantage(found, np.arange(len(found)))
    assert gained.low > 0


def test_grad_cam_is_the_gradient_of_the_logit(opened: RunListener, heard: list[Heard]) -> None:
    """A numerical gradient of the layer's channels gives the same map."""
    one, model = heard[0], opened.network.model
    layer = last_convolution(model)
    assert layer.name == "block2_relu"
    inputs = opened.inputs(one.rows[:1])
    seen = np.asarray(keras.Model(model.input, layer.output)(inputs, training=False))
    rest = _from(model, layer)
    target, step = 0, 1e-2

    def logit(values: np.ndarray) -> float:
        return float(np.asarray(rest(values))[0, target])

    n_cells = seen.shape[1] * seen.shape[2]
    weights = []
    for channel in range(seen.shape[-1]):
        moved = np.zeros_like(seen)
        moved[..., channel] = step
        weights.append((logit(seen + moved) - logit(seen - moved)) / (2 * step) / n_cells)
    expected = np.maximum((seen[0] * np.array(weights)).sum(axis=-1), 0)
    found = GradCam().maps(opened, one, target, np.arange(1))[0]
    assert np.allclose(found, expected, atol=0.05 * max(expected.max(), 1e-6))
    assert not np.allclose(found, GradCam().maps(opened, one, 1, np.arange(1))[0])
    early = GradCam("block1_norm").maps(opened, one, target, np.arange(1))[0]
    assert early.shape[1] > found.shape[1]


def _from(model, layer):
    """The network from the output of a layer on."""
    from tensorflow import convert_to_tensor

    def rest(values: np.ndarray):
        from keras.src.ops.function import Function

        return Function(layer.output, model.output)(convert_to_tensor(values))

    return rest


def test_layers_that_are_not_there_are_named(opened: RunListener, heard: list[Heard]) -> None:
    windows = np.arange(1)
    with pytest.raises(InputError, match="no layer 'block2_cnv'; did you mean 'block2_conv'"):
        GradCam("block2_cnv").maps(opened, heard[0], 0, windows)
    with pytest.raises(InputError, match="has none left; name a convolution"):
        GradCam("moments").maps(opened, heard[0], 0, windows)
    with pytest.raises(InputError, match="is no attention"):
        Attention("block2_conv").maps(opened, heard[0], 0, windows)
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="out")])
    with pytest.raises(InputError, match="no convolution"):
        last_convolution(dense)
    assert layer_named(dense, "out").units == 2


def test_each_layer_shows_what_it_makes_of_a_window(opened: RunListener, heard: list[Heard]) -> None:
    seen = {one.name: one for one in layers_seen(opened, heard[0].rows[0])}
    first = seen["block1_conv"]
    assert first.filters is not None
    assert first.filters.shape == (40, 7, 5)
    assert first.activation.shape == first.shape
    assert seen["block1_relu"].activation.min() >= 0
    assert seen["block1_norm"].filters is None
    activation = np.stack([np.zeros((3, 4)), np.eye(3, 4), 5 * np.eye(3, 4)], axis=-1)
    assert busiest(activation, 2).tolist() == [2, 1]


def test_maximisation_climbs_and_is_seeded(opened: RunListener) -> None:
    climb = Climb(steps=12)
    one, again = (maximised(opened, target=0, climb=climb, seed=3) for _ in range(2))
    assert np.array_equal(one.window, again.window)
    assert one.answers[-1] > one.answers[0] + 1
    assert not np.array_equal(one.window, maximised(opened, target=0, climb=climb, seed=4).window)
    rough = maximised(opened, target=0, climb=replace(climb, roughness=0.0), seed=3)
    assert np.abs(np.diff(one.window, axis=0)).mean() < np.abs(np.diff(rough.window, axis=0)).mean()
    quiet = maximised(opened, target=0, climb=replace(climb, loudness=50.0), seed=3)
    assert np.square(quiet.window).mean() < np.square(one.window).mean()
    channel = maximised(opened, layer="block2_conv", channel=5, climb=climb)
    assert channel.answers[-1] > channel.answers[0]
    with pytest.raises(InputError, match="no channel 12; expected 0 to 11"):
        maximised(opened, layer="block2_conv", channel=12)


def test_bands_that_a_network_does_not_see_have_nothing() -> None:
    maps = np.ones((1, 4, 6))
    assert on_bands(maps, SPEC.with_changes(combine="mel")).shape == (1, 4, 6)
    over = on_bands(maps, SPEC.with_changes(combine="overwrite"))
    assert over.shape == (1, SPEC.n_frames, SPEC.n_mels)
    assert over[0, 0].tolist() == [0.0] * SPEC.n_mfcc + [1.0] * (SPEC.n_mels - SPEC.n_mfcc)
    assert on_bands(maps, SPEC.with_changes(combine="concatenate")).shape == (1, SPEC.n_frames, SPEC.n_mels)


def test_components_are_those_of_the_windows(store: FeatureStore) -> None:
    found = find_components(store, n_components=500, n_windows=40, n_frames=16)
    assert found.shape == (16, SPEC.n_mels)
    assert (np.diff(found.cumulative) >= 0).all()
    assert found.cumulative[-1] == pytest.approx(1.0, abs=1e-4)
    products = np.einsum("vi,vj->ij", found.axes[:, :5], found.axes[:, :5])
    assert np.allclose(products, np.eye(5), atol=1e-3)
    held = [found.explained(found.windows, k) for k in (1, 5, 39)]
    assert held == sorted(held)
    assert 0.3 < held[-1] <= 1.0
    again = find_components(store, n_components=500, n_windows=40, n_frames=16)
    assert np.array_equal(found.axes, again.axes)


def test_a_reconstruction_from_all_components_is_the_window() -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(6, 6)))[0].astype(np.float32)
    found = Components((2, 3), rng.normal(size=6).astype(np.float32), axes, np.ones(6), 6.0, np.zeros((0, 6)))
    windows = rng.normal(size=(4, 6)).astype(np.float32)
    assert np.allclose(found.reconstructed(windows, 6), windows, atol=1e-5)
    assert found.explained(windows, 6) == pytest.approx(1.0)
    assert found.cumulative.tolist() == pytest.approx([k / 6 for k in range(1, 7)])


def run(*arguments: str | Path) -> object:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code


def test_the_commands_on_a_run_and_a_store(
    tiny_run: Path,
    synth_catalog_dir: Path,
    store: FeatureStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sound = next(iter(sorted(synth_catalog_dir.rglob("*.flac"))))
    options = ["--out", tmp_path / "learned", "--steps", "1", "--channel", "block2_conv:1", "--no-png"]
    species = ["--species", Run.open(tiny_run).labels[0]]
    assert run("explain", "network", tiny_run, sound, *species, *options) == 0
    names = {path.name for path in (tmp_path / "learned").rglob("*.svg")}
    assert {"filters_block1_conv.svg", "activation_block1_conv.svg", "maximised.svg"} <= names
    for method in ("grad-cam", "attention"):
        assert (
            run(
                "explain",
                "maps",
                tiny_run,
                sound,
                "--out",
                tmp_path / method,
                "--method",
                method,
                "--windows",
                "1",
                "--no-png",
            )
            == 0
        )
    options = [
        "--out",
        tmp_path / "parts",
        "--windows",
        "30",
        "--n",
        "20",
        "--frames",
        "16",
        "--k",
        "2,20",
        "--no-png",
    ]
    assert run("explain", "components", store.path, *options) == 0
    assert {"cumulative.svg", "first.svg", "reconstructions.svg"} == {
        path.name for path in (tmp_path / "parts").rglob("*.svg")
    }
    assert (tmp_path / "parts" / "explain.csv").read_text().startswith("component,variance,cumulative\n1,")
    capsys.readouterr()
    assert run("explain", "network", tiny_run, "--out", tmp_path / "x", "--channel", "block2") == 2
    assert run("explain", "components", store.path, "--out", tmp_path / "x", "--k", "0") == 2
    assert "expected numbers above 0" in capsys.readouterr().err
