"""``avianvox crossval`` on a few tones, with a model that says how bright a recording is."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from avianvox.cli.crossval import crossval
from avianvox.cli.main import main
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.errors import InputError, MissingExtraError, StoreError
from avianvox.features.spec import spec_named
from avianvox.models import SETS
from avianvox.models.probes import PROBES
from avianvox.models.protocol import EpochReport, FittedModel, Progress, TrainSettings
from avianvox.registry import Registry


class Nearest:
    """Mean features of each class; a recording is one window."""

    def __init__(self, settings: TrainSettings) -> None:
        self._settings = settings

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int,
        validation: TrainingData | None = None,
        progress: Progress | None = None,
    ) -> FittedModel:
        means = self._means(data)
        self._centres = np.stack([means[data.targets == c].mean(axis=0) for c in range(data.n_classes)])
        if progress:
            progress(EpochReport(1, self._settings.epochs, {}))
        return self

    def predict(self, data: TrainingData) -> WindowScores:
        distance = np.linalg.norm(self._means(data)[:, None] - self._centres, axis=2)
        scores = np.exp(-distance) / np.exp(-distance).sum(axis=1, keepdims=True)
        return WindowScores(scores.astype(np.float32), np.arange(len(data)))

    @staticmethod
    def _means(data: TrainingData) -> np.ndarray:
        return np.stack([data.store.features(i).mean(axis=0) / 100 for i in data.recordings.tolist()])


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avianvox.api.compare.MODELS", Registry("model", {"nearest": f"{__name__}:Nearest"}))


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two species, each with six recordings of half a second by three recordists."""
    folder = tmp_path_factory.mktemp("tones")
    rows = ["path,id,label,recordist"]
    for species, hz in (("Low low", 1000), ("High high", 5000)):
        for i in range(6):
            time = np.arange(11025) / 22050
            name = f"{species[:3].strip()}{i}.wav"
            soundfile.write(folder / name, 0.5 * np.sin(2 * np.pi * (hz + 20 * i) * time), 22050)
            rows.append(f"{name},{name[:-4]},{species},{species[0]}{i % 3}")
    (folder / "recordings.csv").write_text("\n".join(rows) + "\n")
    return folder


def crossval_of(tones: Path, out: Path, *options: str) -> Result:
    arguments = [str(tones), "--models", "nearest", "--out", str(out), *options]
    return CliRunner().invoke(crossval, arguments, catch_exceptions=False)


def test_table_on_stdout_and_progress_on_stderr(tones: Path, tmp_path: Path) -> None:
    result = crossval_of(tones, tmp_path / "run")
    assert result.exit_code == 0, result.output
    head, _, row = (line.split(" | ") for line in result.stdout.splitlines()[:3])
    assert " ".join(cell.strip("| ") for cell in head) == "model random session gap step p top-5 F1"
    right = "1.000 [1.00, 1.00]"
    assert [cell.strip("| ") for cell in row] == ["nearest", right, right, "+0.000", "", "", "1.000", "1.000"]
    assert "audit, in full in" in result.stdout
    assert "83% of the test recordings" in result.stdout
    assert "sound" in json.loads((tmp_path / "run" / "audit.json").read_text())["figures"]
    assert "classes not evaluated in every fold: none" in result.stdout
    assert "nearest, session fold 3" in result.stderr
    assert (tmp_path / "run" / "confusion" / "nearest-session.png").is_file()
    again = crossval_of(tones, tmp_path / "run", "--json")
    figures = json.loads(again.stdout)
    assert figures["models"]["nearest"]["groupings"]["session"]["recording"]["accuracy"]["mean"] == 1.0
    assert again.stderr.count(": kept") == 6


def test_figures_come_back_from_the_folder_alone(tones: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = crossval_of(tones, out)
    (out / "figures.json").unlink()
    again = CliRunner().invoke(crossval, ["--recompute", str(out)], catch_exceptions=False)
    assert again.exit_code == 0
    assert again.stdout == first.stdout
    assert (out / "figures.json").is_file()
    both = CliRunner().invoke(crossval, [str(tones), "--recompute", str(out)])
    assert both.exit_code == 2
    assert "leave CATALOG out" in both.stderr
    senseless = CliRunner().invoke(
        crossval, ["--recompute", str(out), "--models", "x", "--folds", "3", "--fresh", "--json"]
    )
    assert senseless.exit_code == 2
    assert "leave --models, --folds, --fresh out" in senseless.stderr
    neither = CliRunner().invoke(crossval, [])
    assert neither.exit_code == 2
    assert "Missing argument 'CATALOG...'" in neither.stderr


def test_rules_are_compared_like_models_and_limits_give_a_learning_curve(tones: Path, tmp_path: Path) -> None:
    models = "chance,session_lookup,nearest"
    result = crossval_of(tones, tmp_path / "run", "--models", models, "--per-class", "1,2", "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert list(figures["models"]) == models.split(",")
    assert len(figures["learning_curve"]) == 3 * 2 * 3
    assert "nearest, session fold 3, 2 a class" in result.stderr
    wrong = CliRunner().invoke(crossval, [str(tones), "--per-class", "two"])
    assert wrong.exit_code == 2
    assert "expected whole numbers like 2,4,8, got two" in wrong.stderr


def test_the_ladder_stands_for_its_rungs(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETS, "ladder", ("chance", "nearest"))
    result = crossval_of(tones, tmp_path / "run", "--models", "majority,ladder", "--json")
    assert list(json.loads(result.stdout)["models"]) == ["majority", "chance", "nearest"]


def test_another_option_is_another_run(tones: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    crossval_of(tones, out, "--groupings", "random")
    config = json.loads((out / "config.json").read_text())
    assert config["groupings"] == ["random", "session"]
    assert config["model_settings"]["epochs"] == 100
    (tmp_path / "small.toml").write_text("[train]\nbatch_size = 8\n")
    settings = ("--config", str(tmp_path / "small.toml"))
    for option in (
        ("--epochs", "7"),
        settings,
        ("--seed", "1"),
        ("--folds", "2"),
        ("--groupings", "session"),
    ):
        with pytest.raises(Exception, match="with other settings"):
            crossval_of(tones, out, *option)
    assert crossval_of(tones, out, "--epochs", "7", *settings, "--fresh").exit_code == 0
    model_settings = json.loads((out / "config.json").read_text())["model_settings"]
    assert (model_settings["epochs"], model_settings["batch_size"]) == (7, 8)


def test_a_store_is_made_where_named_and_used_when_it_holds_more(tones: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    crossval_of(tones, tmp_path / "all", "--store", str(store))
    before = {p: p.stat().st_mtime_ns for p in store.rglob("*")}
    assert not list((tmp_path / "all").glob("features*"))
    rows = (tones / "recordings.csv").read_text().splitlines()
    fewer = tones / "fewer.csv"
    fewer.write_text("\n".join(rows[:-1]) + "\n")
    result = crossval_of(fewer, tmp_path / "some", "--store", str(store))
    assert result.exit_code == 0, result.output
    assert {p: p.stat().st_mtime_ns for p in store.rglob("*")} == before


def test_an_unreadable_recording_is_listed_and_gives_exit_code_3(tones: Path, tmp_path: Path) -> None:
    (tones / "text.mp3").write_text("not sound")
    rows = "text.mp3,text,Low low,L0\nLow1.wav,Low0,Low low,L0\nLow1.wav,nameless,,L0\n"
    (tones / "worse.csv").write_text((tones / "recordings.csv").read_text() + rows)
    result = crossval_of(tones / "worse.csv", tmp_path / "run")
    assert result.exit_code == 3
    assert "duplicate id: Low0: listed twice" in result.stderr
    assert "left out: nameless: no label" in result.stderr
    assert f"failed: {tones / 'text.mp3'}: undecodable" in result.stderr
    assert "1.000 [1.00, 1.00]" in result.stdout


def test_fresh_erases_nothing_before_the_new_run_can_begin(tones: Path, tmp_path: Path) -> None:
    """Neither a store of another spec nor a grouping that cannot be drawn costs the earlier results."""
    out, store = tmp_path / "run", tmp_path / "store"
    crossval_of(tones, out, "--store", str(store))
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with pytest.raises(StoreError):
        crossval_of(tones, out, "--store", str(store), "--spec", "published_v2", "--fresh")
    with pytest.raises(InputError):
        crossval_of(tones, out, "--store", str(store), "--folds", "50", "--fresh")
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_each_spec_has_a_store_of_its_own_in_the_run_folder(tones: Path, tmp_path: Path) -> None:
    for options in ((), ("--spec", "published_v2", "--fresh")):
        assert crossval_of(tones, tmp_path / "run", *options).exit_code == 0
    assert len(list((tmp_path / "run").glob("features-*"))) == 2


def test_a_table_for_train_serves_here_and_what_is_not_used_is_said(tones: Path, tmp_path: Path) -> None:
    recipe = Path(__file__).resolve().parent.parent / "models" / "caribbean_california.toml"
    result = crossval_of(tones, tmp_path / "run", "--config", str(recipe))
    assert result.exit_code == 0, result.output
    assert f"not used from {recipe}: model, seed\n" in result.stderr
    settings = json.loads((tmp_path / "run" / "config.json").read_text())["model_settings"]
    assert settings["beside_share"] == 0.3
    assert "validation" not in settings


def test_features_come_from_the_file_unless_a_spec_is_named(tones: Path, tmp_path: Path) -> None:
    file = tmp_path / "both.toml"
    file.write_text("[train]\nepochs = 2\n[features]\nn_mels = 64\n")
    for options, n_mels in ((), 64), (("--spec", "published_v2"), spec_named("published_v2").n_mels):
        out = tmp_path / str(n_mels)
        assert crossval_of(tones, out, "--config", str(file), *options).exit_code == 0
        assert json.loads((out / "config.json").read_text())["features"]["n_mels"] == n_mels


@pytest.mark.parametrize("module", ["sklearn", "matplotlib"])
def test_what_is_not_installed_is_said_before_features_are_built(
    module: str, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avianvox.errors.find_spec", lambda name: None if name == module else name)
    with pytest.raises(MissingExtraError, match=module):
        crossval_of(tones, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_model_is_one_line(tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="1"):
        main(["crossval", str(tones), "--models", "nearst", "--out", str(tmp_path / "run")])
    error = capsys.readouterr().err
    assert error == (
        "avianvox: unknown model 'nearst'; did you mean 'nearest'? (known: nearest, chance, majority, "
        f"session_lookup, recordist_lookup, site_lookup, duration, {', '.join(SETS)}; with an ear such as "
        f"birdnet: {', '.join(f'birdnet_{probe}' for probe in PROBES)})\n"
    )
    assert not (tmp_path / "run").exists()


def test_help_ends_in_an_example() -> None:
    shown = CliRunner().invoke(crossval, ["--help"]).output
    assert shown.splitlines()[-1].strip() == "avianvox crossval --recompute runs/bayes --against gnb_mfcc"
