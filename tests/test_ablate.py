"""Ablations with models that cost nothing: known figures, resuming, failing steps, and what a step is."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from fake_crossval import N_CLASSES, Predict, data_of, gambler, oracle, parrot, sessions_tell, windows_of

from avianvox.ablation import run as ablation
from avianvox.ablation.curves import curves_table, least
from avianvox.ablation.figures import Ablation, Curve, model_name
from avianvox.ablation.fits import StepFailed
from avianvox.ablation.run import AblationSettings, ablate, recompute
from avianvox.ablation.steps import MORE, NOT_VARIED, TABLES, Step, read_steps
from avianvox.cli.ablate import ablate as command
from avianvox.config import Choice, row_of
from avianvox.dataset.splits import make_split
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import AvianvoxError, ConfigError, InputError, RunError
from avianvox.evaluation.metrics import expected_hits
from avianvox.evaluation.run_folder import FOLDER
from avianvox.evaluation.saved_run import SavedRun
from avianvox.features.spec import FeatureSpec
from avianvox.models import MODELS
from avianvox.models.networks import RECIPES
from avianvox.models.protocol import TrainSettings
from avianvox.registry import Registry
from avianvox.training.augmentations import AUGMENTATIONS

CATALOG = sessions_tell()
SESSION = AblationSettings(n_draws=2, n_seeds=2)
FITS: list[str] = []


@dataclass
class Fitted:
    predict: Predict

    def arrays(self) -> dict[str, np.ndarray]:
        return {"weight": np.zeros((3, N_CLASSES)), "bias": np.zeros(N_CLASSES)}


class Fake:
    """An estimator out of a function; what it was fitted with is kept in `FITS`."""

    def __init__(self, name: str, fit: Callable[[TrainingData, int], Predict]) -> None:
        self.name, self._fit = name, fit

    def __call__(self, settings: TrainSettings) -> "Fake":
        return self

    def fit(self, data: TrainingData, *, seed: int, **_: Any) -> Fitted:
        FITS.append(self.name)
        if self.name == "broken":
            raise RunError("the training loss is NaN")
        return Fitted(self._fit(data, seed))


def few_only(train: TrainingData, seed: int) -> Predict:
    """Right on class 0 alone."""
    return lambda test: windows_of(test, np.where(test.targets == 0, 0, (test.targets + 1) % N_CLASSES))


FAKES = {
    name: Fake(name, fit) for name, fit in (("oracle", oracle), ("parrot", parrot), ("gambler", gambler))
}
FAKES |= {"broken": Fake("broken", oracle), "few_only": Fake("few_only", few_only)}
ORACLE, PARROT, GAMBLER, BROKEN, FEW_ONLY = (
    FAKES[name] for name in ("oracle", "parrot", "gambler", "broken", "few_only")
)


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = Registry("model", {name: f"{__name__}:{name.upper()}" for name in FAKES})
    monkeypatch.setattr("avianvox.ablation.fits.MODELS", fakes)
    FITS.clear()


def step(name: str, model: str, **settings: Any) -> Step:
    return Step(name, model, TrainSettings(**settings), FeatureSpec(), {})


BASE = step("base", "oracle")


def run(out: Path, *steps: Step, settings: AblationSettings = SESSION, **options: Any) -> Ablation:
    return ablate(data_of(CATALOG), CATALOG, steps or (BASE,), out, settings, **options)


def test_known_answers_become_known_rows(tmp_path: Path) -> None:
    both = AblationSettings(n_draws=2, groupings=("random", "session"))
    result = run(tmp_path, BASE, step("heart", "parrot", epochs=7), settings=both)
    base, heart = result.rows
    assert (base.accuracy.value, base.accuracy.low, base.accuracy.high) == (1.0, 1.0, 1.0)
    assert (base.difference, base.macro_f1, base.spread, base.random) == (None, 1.0, 0.0, 1.0)
    assert heart.accuracy.value == 0.25
    assert heart.difference is not None
    assert heart.difference.difference == -0.75
    assert heart.difference.low < -0.75 < heart.difference.high < 0
    assert heart.random is not None
    assert heart.random > 0.8
    assert heart.changes == ("model was oracle and is parrot", "epochs was 100 and is 7")
    assert (heart.n_draws, heart.n_seeds, heart.n_weights, heart.megabytes) == (2, 1, 16, 32e-6)
    columns = dict(zip(result.table.columns, result.table.rows[1], strict=True))
    assert (columns["to base"][:6], columns["fits"], columns["weights"]) == ("-0.750", "2 x 1", "16")
    assert columns["gap"] == f"{heart.random - 0.25:+.3f}"
    assert (
        "- heart: model was oracle and is parrot; epochs was 100 and is 7"
        in (tmp_path / "table.md").read_text()
    )
    kept = json.loads((tmp_path / "figures.json").read_text())["rows"]
    assert [row["accuracy"]["value"] for row in kept] == [1.0, 0.25]


def test_classes_of_few_recordings_are_told_from_the_others(tmp_path: Path) -> None:
    """Class 0 loses two of its nine recordings, and is then the only one below the median."""
    kept = [i for i, r in enumerate(CATALOG.recordings) if r.id not in ("r000", "r010")]
    data = data_of(CATALOG).subset(np.array(kept))
    result = ablate(data, CATALOG, [step("base", "few_only")], tmp_path, AblationSettings(n_draws=1))
    row = result.rows[0]
    assert row.accuracy.value == 7 / 34
    few = np.bincount(data.targets) <= np.median(np.bincount(data.targets))
    assert few.all()  # the median of 7, 9, 9 and 9 is 9: nothing lies above
    assert (row.few, np.isnan(row.many)) == (7 / 34, True)
    smaller = [i for i in kept if CATALOG.recordings[i].id not in ("r100", "r110")]
    data = data_of(CATALOG).subset(np.array(smaller))
    row = ablate(data, CATALOG, [step("base", "few_only")], tmp_path / "b", AblationSettings(n_draws=1)).rows[
        0
    ]
    assert (row.few, row.many) == (7 / 14, 0.0)


def test_seeds_are_averaged_as_probabilities(tmp_path: Path) -> None:
    result = run(tmp_path, BASE, step("dice", "gambler"), ensembles=True)
    assert [row.name for row in result.rows] == [
        "base",
        "base, 2 seeds averaged",
        "dice",
        "dice, 2 seeds averaged",
    ]
    alone, together = result.rows[2:]
    one, both = [], []
    for draw in (1, 2):
        saved = SavedRun.open(tmp_path / "draws" / str(draw))
        first, second = (saved.pooled(model_name("dice", seed), "session") for seed in (1, 2))
        assert not np.array_equal(first.scores, second.scores)
        one += [expected_hits(pooled.targets, pooled.scores).mean() for pooled in (first, second)]
        both.append(expected_hits(first.targets, (first.scores + second.scores) / 2).mean())
    assert alone.accuracy.value == pytest.approx(np.mean(one))
    assert together.accuracy.value == pytest.approx(np.mean(both))
    assert alone.spread == pytest.approx(np.std(one, ddof=1))
    assert (together.n_averaged, together.n_weights) == (2, 32)
    assert [row.name for row in recompute(tmp_path).rows] == ["base", "dice"]


def test_a_killed_run_goes_on_and_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By steps, draws and seeds; each fit is made once, and ends as in a run that was not killed."""
    seen = 0

    def dies(report: object) -> None:
        nonlocal seen
        seen += 1
        if seen == 9:
            raise KeyboardInterrupt

    dice = step("dice", "gambler")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", BASE, dice, progress=dies)
    made = len(FITS)
    assert 0 < made < 24
    run(tmp_path / "killed", BASE, dice)
    assert len(FITS) == 24  # two steps, draws and seeds, three folds
    FITS.clear()
    run(tmp_path / "grown", BASE, settings=AblationSettings(n_draws=1))
    run(tmp_path / "grown", BASE, dice)
    assert (FITS.count("oracle"), FITS.count("gambler")) == (12, 12)
    for draw in ("1", "2"):
        killed, grown = (tmp_path / name / "draws" / draw / "predictions" for name in ("killed", "grown"))
        names = sorted(path.name for path in killed.iterdir())
        assert names == sorted(path.name for path in grown.iterdir())
        assert all((killed / name).read_bytes() == (grown / name).read_bytes() for name in names)


def test_seeds_and_draws_differ_and_steps_begin_alike(tmp_path: Path) -> None:
    run(tmp_path, step("base", "gambler"), step("same", "gambler", epochs=3))
    scores = {
        (draw, name): SavedRun.open(tmp_path / "draws" / draw).pooled(name, "session").scores
        for draw in "12"
        for name in ("base.s1", "base.s2", "same.s1")
    }
    assert np.array_equal(scores["1", "base.s1"], scores["1", "same.s1"])
    assert not np.array_equal(scores["1", "base.s1"], scores["1", "base.s2"])
    assert not np.array_equal(scores["1", "base.s1"], scores["2", "base.s1"])


def test_a_step_that_fails_does_not_end_the_others(tmp_path: Path) -> None:
    told: list[StepFailed] = []
    result = run(tmp_path, BASE, step("bad", "broken"), step("dice", "gambler"), failed=told.append)
    assert [row.step for row in result.rows] == ["base", "dice"]
    assert [str(error) for error in told] == ["step bad: the training loss is NaN"]
    assert FITS.count("broken") == 1  # not once more for each draw
    with pytest.raises(AvianvoxError, match="step base: the training loss is NaN"):
        run(tmp_path / "base", step("base", "broken"))


def test_a_changed_step_is_refused(tmp_path: Path) -> None:
    run(tmp_path, BASE, step("few", "oracle", epochs=5))
    with pytest.raises(RunError, match="epochs was 5 and is 6"):
        run(tmp_path, BASE, step("few", "oracle", epochs=6))
    with pytest.raises(RunError, match=r"ablation with other settings.*n_folds was 3 and is 2"):
        run(tmp_path, BASE, settings=AblationSettings(n_folds=2))
    with pytest.raises(RunError, match="holds no ablation"):
        run(tmp_path / "draws" / "1", BASE)
    run(tmp_path, BASE, settings=AblationSettings(n_folds=2, n_draws=1), fresh=True)
    assert not (tmp_path / "draws" / "2").exists()
    assert FOLDER.is_at(tmp_path / "draws" / "1")


def test_inside_training_the_first_test_part_is_never_seen(tmp_path: Path) -> None:
    inside = AblationSettings(n_draws=2, n_folds=2, inside_training=True)
    run(tmp_path, BASE, settings=inside)
    recordings = list(CATALOG.recordings)
    outer = make_split(recordings, grouping="session", n_folds=2, seed=0).folds[0]
    training = {recordings[i].id for i in outer.train}
    for draw in "12":
        assert {r.id for r in SavedRun.open(tmp_path / "draws" / draw).recordings} == training
    assert 0 < len(training) < len(recordings)


def test_what_cannot_be_compared_is_refused() -> None:
    for wrong in ({"groupings": ("random",)}, {"groupings": ("published", "session")}, {"n_draws": 0}):
        with pytest.raises(InputError, match="ablate: expected"):
            AblationSettings(**wrong)  # type: ignore[arg-type]


def test_an_unfinished_draw_is_left_out_and_named(tmp_path: Path) -> None:
    run(tmp_path)
    for path in (tmp_path / "draws" / "2" / "predictions").iterdir():
        path.unlink()
    result = recompute(tmp_path)
    assert result.rows[0].n_draws == 1
    assert "draw 2 is left out" in result.notes[0]
    with pytest.raises(RunError, match="no ablation in"):
        recompute(tmp_path / "nowhere")


def test_the_epoch_of_the_least_loss_is_marked(tmp_path: Path) -> None:
    epochs = [
        {"loss": 3.0 - i, "test_loss": loss, "test_accuracy": i / 10}
        for i, loss in enumerate((2.0, 1.5, 1.75))
    ]
    watched = Curve("base", 1, 1, "session", 0, epochs)
    blind = Curve("base", 1, 1, "session", 1, [{"loss": 1.0}])
    assert (least(watched), least(blind)) == (2, None)
    rows = curves_table([watched, blind]).rows
    assert rows[0][5:] == ("3", "1.000", "1.750", "1.500", "2", "0.200", "0.100")
    assert rows[1][5:] == ("1", "1.000", "", "", "", "", "")
    ablation.write_curves(tmp_path / "curves", [watched, blind])
    names = {path.name for path in (tmp_path / "curves").iterdir()}
    assert names == {"base-session.png", "curves.json", "curves.md"}


def test_the_standard_steps_vary_every_setting() -> None:
    """A new row of a table is a step by being there; a new setting has to be one, or to be named here."""
    steps = read_steps()
    base = steps["base"]
    changed = {key for found in steps.values() for key in found.changes}
    for field in fields(TrainSettings):
        assert field.name in changed or field.name in NOT_VARIED, f"no step varies [train] {field.name}"
    for name, table in TABLES.items():
        kinds = {_kind(getattr(found.settings, name)) for found in steps.values()}
        asking = {"weighted"} if name == "sampler" else set()  # which needs a table of the user's
        assert kinds - {None} == set(table) - asking
    used = {_kind(choice) for choice in base.settings.augment}
    assert {f"no_{kind}" for kind in used} <= set(steps)
    lacking = set(AUGMENTATIONS) - used - {"background"}  # which needs a store of the user's
    assert {f"with_{kind}" for kind in lacking} <= set(steps)
    for found in steps.values():
        for choice in found.settings.augment:
            row_of(AUGMENTATIONS, choice, "train.augment")
    assert set(MORE) <= set(steps)
    assert set(MORE) - set(read_steps(epochs=3)) == {"epochs_30", "epochs_120"}
    assert steps["published"].settings == TrainSettings()
    assert all(found.to_mapping() != base.to_mapping() for name, found in steps.items() if name != "base")


def _kind(choice: str | Choice | None) -> str | None:
    return choice.kind if isinstance(choice, Choice) else choice


def test_a_step_begins_at_the_base_or_at_its_own_recipe(tmp_path: Path) -> None:
    file = tmp_path / "steps.toml"
    file.write_text(
        '[base]\nepochs = 5\n[step.focal]\nloss = "focal"\n[step.published]\nmodel = "cnn_v20"\n'
        '[step.same]\nmodel = "cnn_v20"\nrecipe = "base"\ncombine = "mel"\n[step.pcen]\nspec = "pcen"\n'
    )
    steps = read_steps(file)
    assert list(steps) == ["base", "focal", "published", "same", "pcen"]
    assert steps["base"].settings.epochs == steps["focal"].settings.epochs == 5
    assert steps["base"].settings.batch_size == 32
    assert steps["focal"].settings.loss == "focal"
    assert steps["focal"].settings.augment == steps["base"].settings.augment != ()
    assert steps["published"].settings == TrainSettings()
    assert (steps["same"].settings.epochs, steps["same"].settings.sampler) == (5, "balanced")
    assert steps["pcen"].spec != steps["base"].spec == FeatureSpec()
    assert "spec" in steps["pcen"].to_mapping()
    assert read_steps(file, epochs=2)["published"].settings.epochs == 2
    assert read_steps()["base"].settings.epochs == RECIPES["avianvox_small"]["epochs"]


def test_the_file_of_steps_in_the_docs_can_be_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "ablate.md").read_text(encoding="utf-8")
    (tmp_path / "steps.toml").write_text(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0])
    assert list(read_steps(tmp_path / "steps.toml")) == ["base", "no_blend", "constant", "published", "pcen"]


def test_the_command_lists_fits_and_computes_again(
    synth_catalog_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regressions, one of them on features of its own."""
    monkeypatch.setattr("avianvox.ablation.fits.MODELS", MODELS)
    file, out = tmp_path / "steps.toml", str(tmp_path / "run")
    file.write_text(
        '[base]\nmodel = "logreg_floor"\n[step.nine]\nmodel = "gnb_mfcc"\n[step.pcen]\nspec = "pcen"\n'
    )

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(command, arguments, catch_exceptions=False)

    listed = call("--config", str(file), "--list")
    assert listed.stdout.splitlines() == [
        "base: logreg_floor by its recipe",
        'nine: model = "gnb_mfcc"',
        'pcen: spec = "pcen"',
    ]
    fitted = call(str(synth_catalog_dir), "--config", str(file), "--draws", "1", "--out", out)
    assert fitted.exit_code == 0
    table = [line.split("|")[1].strip() for line in fitted.stdout.splitlines() if line.startswith("|")]
    assert table[2:] == ["base", "nine", "pcen"]
    assert "9/9 draw 1, pcen.s1, session fold 3" in fitted.stderr
    refused = call("--recompute", out, "--seeds", "3")
    assert refused.exit_code == 2
    assert "leave --seeds out" in refused.stderr
    again = call("--recompute", out, "--json")
    figures = json.loads(again.stdout)
    assert [row["step"] for row in figures["rows"]] == ["base", "nine", "pcen"]
    saved = SavedRun.open(tmp_path / "run" / "draws" / "1")
    scores = {name: saved.pooled(f"{name}.s1", "session").scores for name in ("base", "pcen")}
    assert not np.array_equal(scores["base"], scores["pcen"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[steps.a]\n", r"has no table \[steps\]; did you mean 'step'\?"),
        ("[base]\nlearnig_rate = 1\n", r"\[base\] has no key 'learnig_rate'; did you mean 'learning_rate'\?"),
        ('[step.a]\nloss = "focl"\n', r"\[step.a\].*got 'focl'; did you mean 'focal'\?"),
        ('[step.a]\nmodel = "cnn_v21"\n', r"\[step.a\] model: .*did you mean 'cnn_v20'\?"),
        ("[step.a]\nvalidation = 0.1\n", r"\[step.a\] validation: not used here"),
        ('[step.a]\nrecipe = "mine"\n', r"\[step.a\] recipe: expected own or base"),
        ('[step."a/b"]\nepochs = 1\n', r"expected a name of letters"),
        ("[step.base]\nepochs = 1\n", r"other than 'base'"),
        ('[step.a]\nspec = "pcn"\n', r"unknown feature spec 'pcn'; did you mean 'pcen'\?"),
        ("[step]\na = 1\n", r"expected a table \[step.a\], got 1"),
    ],
)
def test_a_wrong_file_of_steps_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "steps.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        read_steps(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)
