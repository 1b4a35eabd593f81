"""Packages that add models, sources and formats by entry points: the example in ``examples/plugin``."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from avianvox.cli.main import cli
from avianvox.errors import PluginError, UnknownNameError
from avianvox.modelfolder import DEFAULT_MODEL, find_model
from avianvox.registry import Registry
from avianvox.tables.formats import FORMATS, format_of_new

EXAMPLE = Path(__file__).parents[1] / "examples" / "plugin"
SAMPLE = find_model(DEFAULT_MODEL).with_name("sample.ogg")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the example is installed; nothing is fetched."""
    site = tmp_path_factory.mktemp("site")
    source = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("source") / "plugin")  # pip builds in it
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True)
    return site


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Callable[..., str]:
    """Run Python with the example installed, in an empty folder."""

    def run(*arguments: object) -> str:
        paths = [str(installed), str(EXAMPLE.parents[1])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, "-P", *map(str, arguments)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def listed(synth_catalog_dir: Path, tmp_path: Path) -> Path:
    sounds = sorted(synth_catalog_dir.rglob("*.flac"))
    path = tmp_path / "recordings.list"
    path.write_text("".join(f"{sound}\t{sound.parent.name}\n" for sound in sounds))
    return path


def test_a_model_and_a_source_of_another_package(run: Callable[..., str], listed: Path) -> None:
    script = """
import avianvox as av
catalog = av.read_catalog("recordings.list")
compared = av.crossvalidate(catalog, ["chance", "nearest_mean"], "compared", groupings=["random"], folds=2)
trained = av.train(catalog, "run", model="nearest_mean", validation=0)
again = trained.run.fitted().arrays()["centres"].shape
print(len(catalog), catalog.source, compared.accuracy("nearest_mean", "random") > 0.4, again)
"""
    assert run("-c", script).splitlines()[-1] == "16 list True (4, 128)"


def test_a_format_of_another_package(run: Callable[..., str]) -> None:
    run("-m", "avianvox", "classify", SAMPLE, "--by", "event", "--format", "htk", "-o", "labels", "-q")
    script = """
import avianvox as av
(row,) = av.read_table("labels")
print(row.scientific_name, row.begin_s, row.end_s)
av.events(%r).save("one.lab")
print(open("one.lab").read(), end="")
"""
    assert run("-c", script % str(SAMPLE)) == "Coccyzus vieilloti 0.0 10.0\n0 100000000 Coccyzus_vieilloti\n"


def test_commands_name_the_package(run: Callable[..., str]) -> None:
    assert "nearest_mean*" in run("-m", "avianvox", "models", "list", "--trainable")
    assert "of the package avianvox-example 0.1.0" in run("-m", "avianvox", "models", "list", "--trainable")
    checks = map(json.loads, run("-m", "avianvox", "doctor", "--no-speed", "--json").splitlines())
    found = {check["name"]: check["value"] for check in checks if check["section"] == "plug-ins"}
    assert found == {
        "avianvox.models: nearest_mean": "avianvox-example 0.1.0",
        "avianvox.sources: list": "avianvox-example 0.1.0",
        "avianvox.formats: htk": "avianvox-example 0.1.0",
    }


class Point:
    """An entry point without a package."""

    dist = None

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value


def test_names_that_are_taken_stay_and_what_is_broken_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [Point("own", "os:sep"), Point("broken", "no_such_module:x"), Point("odd", "os")]
    points += [Point("new", "os:linesep"), Point("new", "os:pathsep")]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: points)
    table: Registry[str] = Registry("thing", {"own": "os:curdir"}, group="things")
    assert table.get("own") == os.curdir
    assert (list(table), len(table)) == (["own", "broken", "new"], 3)
    assert table.get("new") == os.linesep
    with pytest.raises(PluginError, match="the thing 'broken' of the package unknown cannot be loaded"):
        table.get("broken")
    with pytest.raises(UnknownNameError, match=r"did you mean 'broken'\? \(known: own, broken, new\)"):
        table.get("brokn")


def test_own_rows_look_for_no_other_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(**_: str) -> None:
        raise AssertionError("looked for entry points")

    monkeypatch.setattr(importlib.metadata, "entry_points", refuse)
    monkeypatch.setattr(FORMATS, "_added", None)
    assert format_of_new("answers.csv") == "csv"
    for options in (
        [],
        ["-o", str(tmp_path / "a.csv")],
        ["--format", "raven", "-o", str(tmp_path / "a.txt")],
    ):
        result = CliRunner().invoke(cli, ["classify", str(SAMPLE), *options], catch_exceptions=False)
        assert result.exit_code == 0, result.output
