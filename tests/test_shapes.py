"""Shapes of networks: settings that become layers, and a search that can be stopped."""

import importlib.util
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tones import tone_catalog, tone_store

from avianvox.ablation import search as searching
from avianvox.ablation.search import BEST, MOST_WEIGHTS, n_weights, search, shape_of, shaped
from avianvox.ablation.steps import Step, read_steps
from avianvox.config import Choice, settings_from_mapping, settings_to_mapping
from avianvox.errors import ConfigError, InputError, MissingExtraError
from avianvox.models.networks import NETWORKS
from avianvox.models.protocol import TrainSettings
from avianvox.models.shapes import SHAPES, BlocksShape
from avianvox.training.config import TrainConfig
from avianvox.training.estimator import NetworkEstimator
from avianvox.training.run import Run
from avianvox.training.train import train

SMALL = Choice("blocks", (("filters", [8, 16, 24]), ("kernels", [5, 3, 1]), ("band_pools", [1, 4])))
needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None, reason="optuna is not installed"
)


def layers(model: object) -> dict[str, tuple[int, ...]]:
    return {w.path: tuple(w.shape) for w in model.weights}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name in NETWORKS if NETWORKS.get(name).shaped])
def test_a_shape_is_what_a_network_is_built_of(name: str) -> None:
    size = {"n_frames": 32, "n_rows": 32, "n_classes": 3}
    estimator = NetworkEstimator(name, TrainSettings(shape=SMALL))
    built = layers(estimator._builder()(**size))
    assert built != layers(NETWORKS.get(name).build(**size))
    convolutions = [path for path in built if path.startswith("block") and "conv" in path]
    assert [built[path][-1] for path in convolutions] == [40, 8, 16, 24]
    filtering = [shape for path, shape in built.items() if "conv" in path or "depthwise" in path]
    assert [shape[0] for shape in filtering if shape[0] > 1][1:] == [5, 3]
    moments = NETWORKS.get(name).build(
        **size, shape=BlocksShape(filters=(8,), time_pools=(2,), band_pools=())
    )
    assert moments.get_layer("dropout").output.shape[1] == 32 // 4 // 2


def test_the_default_shape_is_the_network_as_it_was() -> None:
    assert [(b.filters, b.kernel, b.pool) for b in BlocksShape().blocks] == [
        (64, 3, None), (64, 3, (2, 2)), (96, 3, None), (96, 3, (1, 2)), (128, 3, None)
    ]  # fmt: skip
    small = NETWORKS.get("avianvox_small").build(n_frames=256, n_rows=128, n_classes=25)
    assert small.count_params() == 339_138


def test_a_shape_stands_in_settings_and_comes_back() -> None:
    written = settings_to_mapping(TrainConfig(shape=SMALL))
    assert written["shape"] == {
        "kind": "blocks",
        "filters": [8, 16, 24],
        "kernels": [5, 3, 1],
        "band_pools": [1, 4],
    }
    assert settings_from_mapping(TrainConfig, written, table="train", stored=True) == TrainConfig(shape=SMALL)
    assert "shape" not in settings_to_mapping(TrainConfig())
    assert TrainConfig(shape=Choice("blocks", (("first", 40),))).shape == "blocks"


def test_a_network_of_a_shape_is_kept_and_comes_back(tmp_path: Path) -> None:
    catalog = tone_catalog(tmp_path)
    config = TrainConfig(
        model="avianvox_small", epochs=1, batch_size=8, validation=0, shape=SMALL, combine="above_floor"
    )
    run = train(catalog, tone_store(catalog, tmp_path / "features"), config, tmp_path / "run")
    fitted = Run.open(run.path).fitted()
    assert layers(fitted.model)["block2_conv/kernel"] == (5, 5, 40, 8)  # type: ignore[attr-defined]
    assert fitted.graph().output_shape == (None, 3)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"filters": []}, "filters: expected 1 to 12 numbers, got 0"),
        ({"filters": [0]}, "filters: expected numbers of 1 to 1024, got 0"),
        ({"kernels": [3, 3]}, "kernels: expected 1 or 5 numbers, got 2"),
        ({"band_pools": [2] * 6}, "band_pools: expected at most 5 numbers, got 6"),
        ({"first": 0}, "first: expected 1 to 1024, got 0"),
    ],
)
def test_a_wrong_shape_is_one_line(shape: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"\[train.shape\] {message}"):
        TrainConfig(shape=Choice("blocks", tuple(shape.items())))


def test_what_cannot_have_a_shape_says_so() -> None:
    with pytest.raises(ConfigError, match=r"shape: expected a network that takes one, .* got cnn_v20"):
        NetworkEstimator("cnn_v20", TrainSettings(shape="blocks"))._builder()
    with pytest.raises(InputError, match="time_pools: expected a product of at most 4, got 8"):
        NETWORKS.get("avianvox_small").build(
            n_frames=16, n_rows=32, n_classes=2, shape=BlocksShape(time_pools=(8,))
        )
    with pytest.raises(ConfigError, match="expected a network that takes a shape, got cnn_v20"):
        search(lambda _: None, replace(read_steps()["base"], model="cnn_v20"), Path(), n=1)  # type: ignore[arg-type, return-value]


def test_searched_numbers_become_shapes_that_are_small_enough() -> None:
    params = {
        "depth": 4,
        "first": 24,
        "kernel": 3,
        "time_pools": 1,
        "band_pools": 3,
        "begin": 32,
        "wider": 48,
    }
    shape = shape_of(params)
    assert shape == {
        "first": 24, "filters": [32, 48, 64, 80], "kernels": [3], "time_pools": [1, 2, 1, 1],
        "band_pools": [2, 2, 2, 1],
    }  # fmt: skip
    assert n_weights(shape) == 9 * (24 * 32 + 32 * 48 + 48 * 64 + 64 * 80)
    largest = shape_of({**params, "depth": 7, "kernel": 5, "begin": 96, "wider": 96})
    assert n_weights(largest) <= MOST_WEIGHTS < n_weights({**largest, "kernels": [7]})
    BlocksShape(**{key: tuple(v) if isinstance(v, list) else v for key, v in largest.items()})


class Stopped(Exception):
    """Stands for an interrupt."""


def fits(log: list[str], *, stop_at: int = 99):  # type: ignore[no-untyped-def]
    """Fits that are the better the nearer the widest block is to 100 filters; shapes of depth 3 fail."""

    def fit(steps: Sequence[Step]) -> SimpleNamespace:
        step = steps[1]
        if len(log) == stop_at:
            raise Stopped
        log.append(step.name)
        filters = dict(step.settings.shape.settings)["filters"]  # type: ignore[union-attr]
        accuracy = float("nan") if len(filters) == 3 else 1 - abs(max(filters) - 100) / 100
        return SimpleNamespace(
            rows=[SimpleNamespace(step=step.name, accuracy=SimpleNamespace(value=accuracy))]
        )

    return fit


@needs_optuna
def test_a_search_goes_on_and_ends_as_one_that_was_not_stopped(tmp_path: Path) -> None:
    base = read_steps(epochs=2)["base"]
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    log: list[str] = []
    whole = search(fits(log), base, tmp_path / "whole", n=12, seed=1)
    assert [one.name for one in whole] == [f"shape_{k:03}" for k in range(1, 13)]
    assert len({str(one.shape) for one in whole}) == len(log)  # none is fitted twice
    again: list[str] = []
    with pytest.raises(Stopped):
        search(fits(again, stop_at=3), base, tmp_path / "parts", n=12, seed=1)
    told = []
    parts = search(fits(again), base, tmp_path / "parts", n=12, seed=1, tried=told.append)
    assert parts == told == whole
    assert again == log
    assert any(one.accuracy is None for one in whole) == any(len(one.shape["filters"]) == 3 for one in whole)
    best = max((one for one in whole if one.accuracy), key=lambda one: one.accuracy or 0)
    document = tomllib.loads((tmp_path / "parts" / BEST).read_text())
    config = settings_from_mapping(TrainConfig, document["train"], table="train")
    assert config.model == base.model
    assert config.settings == shaped(base, best.name, best.shape).settings
    more = search(fits(again), base, tmp_path / "parts", n=13, seed=1)
    assert more[:12] == whole


def test_without_the_library_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("avianvox.errors.find_spec", lambda name: None if name == "optuna" else found(name))
    with pytest.raises(
        MissingExtraError, match=r"ablate --search needs the package 'optuna'.*avianvox\[search\]"
    ):
        search(lambda _: None, read_steps()["base"], tmp_path, n=1)  # type: ignore[arg-type, return-value]
    assert list(SHAPES) == ["blocks"]
    assert searching.JOURNAL == "search.journal"


def test_a_search_tries_shapes_of_the_base_alone(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from avianvox.cli.ablate import ablate

    done = CliRunner().invoke(ablate, [str(tmp_path), "--search", "2", "--steps", "base"])
    assert done.exit_code == 2
    assert "--steps and --search exclude each other" in done.output
