"""From which score on may a name be given at all? Species held out by hand, and what the command says."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from handmade_model import SPEC, write_handmade
from judged_tones import kept

from avianvox.cli.main import main
from avianvox.judge.figures import Answers, Classes, judge_answers
from avianvox.judge.thresholds import document, read_thresholds
from avianvox.judge.unknown import choose_unknown, confirm_unknown, held_out_names, named_at
from avianvox.types import NO_BIRD, LabelSet, Recording

MODEL = LabelSet(("a", "b", "c", "d"))
TRUTH = ["a", "a", "b", "b", "x", "x", NO_BIRD]


def answers(model: LabelSet = MODEL, *, exclusive: bool = False) -> Answers:
    """The species "x" is not known to the model; "c" and "d" are none of the catalogs'."""
    recordings = [Recording(f"r{i}", Path(f"r{i}.wav"), label) for i, label in enumerate(TRUTH)]
    classes = Classes.of(("a", "b", "x"), model)
    own = [[0.9, 0.3], [0.6, 0.1], [0.2, 0.7], [0.8, 0.1], [0.1, 0.5], [0.85, 0.1], [0.1, 0.1]]
    no_bird = [[0.05], [0.35], [0.0], [0.0], [0.0], [0.0], [0.9]]
    rows = [a + (b if NO_BIRD in model.names else []) for a, b in zip(own, no_bird, strict=True)]
    others = [{2: 0.1}, {3: 0.4}, {2: 0.25}, {2: 0.0}, {2: 0.0}, {2: 0.0}, {2: 0.0}]
    return Answers.of(
        recordings,
        kept(rows, others),
        classes,
        model,
        calibrated=False,
        probabilities=False,
        exclusive=exclusive,
    )


def test_a_species_is_held_out_by_striking_its_own_class_out() -> None:
    np.testing.assert_allclose(held_out_names(answers()), [0.3, 0.4, 0.25, 0.8], rtol=1e-6)


def test_where_no_bird_is_as_good_no_name_is_given() -> None:
    model = LabelSet((*MODEL.names, NO_BIRD))
    np.testing.assert_allclose(held_out_names(answers(model)), [0.3, 0.4, 0.25, 0.8], rtol=1e-6)
    found = answers(model)
    quiet = found.scores.copy()
    quiet[1, found.n_names - 1] = 0.5
    np.testing.assert_allclose(held_out_names(replace(found, scores=quiet)), [0.3, 0, 0.25, 0.8], rtol=1e-6)


def test_of_classes_that_exclude_each_other_the_others_share_what_is_left() -> None:
    found = held_out_names(answers(exclusive=True))
    np.testing.assert_allclose(found, [1.0, 1.0, 0.25 / 0.3, 0.8 / 0.9], rtol=1e-5)  # 3 and 1 at most


@pytest.mark.parametrize(
    ("share", "threshold", "held_out", "named", "right", "unknown"),
    [(0.0, 0.8001, 0, 1, 1, 1), (0.25, 0.4001, 1, 4, 3, 2), (0.5, 0.3001, 2, 4, 3, 2)],
)
def test_the_threshold_lets_this_share_of_held_out_recordings_pass(
    share: float, threshold: float, held_out: int, named: int, right: int, unknown: int
) -> None:
    chosen = choose_unknown(answers(), share)["unknown"]
    assert chosen.threshold == pytest.approx(threshold)
    found = named_at(answers(), chosen.threshold)
    assert (found.held_out, found.held_out_named) == (4, held_out)
    assert (found.known, found.known_named, found.known_right, found.right_without) == (4, named, right, 3)
    assert (found.unknown, found.unknown_named) == (2, unknown)
    assert found.recall.value == right / 4
    assert chosen.figures["known_right"] == right


def test_the_unknown_species_have_no_say() -> None:
    found = answers()
    louder = found.scores.copy()
    louder[found.targets == -1, 0] = 0.99
    before, after = (choose_unknown(one)["unknown"] for one in (found, replace(found, scores=louder)))
    assert after.threshold == before.threshold
    assert after.figures["unknown_named"] == 2
    only = replace(found, targets=np.full(len(TRUTH), -1))
    assert choose_unknown(only) == {}


def test_it_is_confirmed_unchanged_elsewhere(tmp_path: Path) -> None:
    chosen = choose_unknown(answers(), 0.25)
    path = tmp_path / "thresholds.json"
    path.write_text(document("abc", {}, chosen))
    again = read_thresholds(path).fitting(model="abc", settings={})
    assert again == chosen
    weaker = replace(answers(), scores=answers().scores / 2)
    here = confirm_unknown(weaker, again)["unknown"].here
    assert (here.unknown_named, here.known_named) == (1, 1)  # type: ignore[union-attr]
    assert confirm_unknown(weaker, {}) == {}


def test_the_counts_over_thresholds_are_the_same() -> None:
    found = judge_answers(answers()).unknown["named"]
    assert found["0.50"] == named_at(answers(), 0.5).unknown_named == 2
    assert found["0.85"] == named_at(answers(), 0.85).unknown_named == 1


def evaluate(*arguments: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *map(str, arguments)])
    assert ended.value.code == code


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_handmade(tmp_path / "model.tflite")
    (tmp_path / "unknown").mkdir()
    for label, hz in (("Columba bassa", 800), ("Parus medius", 3000), ("Falco ignotus", 7000)):
        (tmp_path / "birds" / label).mkdir(parents=True)
        sound = 0.3 * np.sin(2 * np.pi * hz * np.arange(4 * SPEC.sample_rate) / SPEC.sample_rate)
        soundfile.write(tmp_path / "birds" / label / f"{label}.wav", sound, SPEC.sample_rate)
    out = tmp_path / "out"
    call = (model, tmp_path / "birds", "--out", out)
    evaluate(*call, "--thresholds", "choose", "--unknown-share", 0.5)
    assert (
        "to give a name at all (at most 50% of held-out species): 1 of 2 held-out" in capsys.readouterr().out
    )
    found = json.loads((out / "figures.json").read_text())["thresholds"]["unknown"]
    assert found["chosen"]["figures"]["share"] == 0.5
    assert found["here"].items() <= found["chosen"]["figures"].items()
    assert "to give a name at all" in (out / "evaluation.html").read_text()
    evaluate(*call, "--thresholds", out / "thresholds.json")
    assert json.loads((out / "figures.json").read_text())["thresholds"]["unknown"] == found
    evaluate(*call, "--unknown-share", 0.2, code=2)
    assert "--unknown-share needs --thresholds choose" in capsys.readouterr().err
    assert "knows none" not in (out / "evaluation.html").read_text()
    (tmp_path / "birds/Falco ignotus").rename(tmp_path / "unknown/Falco ignotus")
    evaluate(model, tmp_path / "unknown", "--out", out)
    assert "knows none of the labelled species" in (out / "evaluation.html").read_text()
