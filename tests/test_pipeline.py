"""The automation of a whole pipeline: each stage at its own threshold, on held-out folds."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from avianvox.calibration.pipeline import Stage, automate, pipeline_curve
from avianvox.calibration.stages import Answered, _pipeline, presence_answers, species_answers, stages_of
from avianvox.calibration.stages import Asked as Wanted
from avianvox.cli.main import cli
from avianvox.cli.pipeline import _show
from avianvox.errors import InputError
from avianvox.evaluation.saved_run import SavedRun
from avianvox.report.pipeline import TARGETS, pipeline_page
from avianvox.types import NO_BIRD, Recording

ALL = np.ones(6, bool)
EMPTY = Stage(
    "empty or not",
    np.array([True, True, True, True, False, True]),
    np.array([0.9, 0.9, 0.8, 0.8, 0.3, 0.2]),
    ALL,
    0.95,
)
SPECIES = Stage(
    "species",
    np.array([False, True, True, False, False, True]),
    np.array([0.99, 0.9, 0.7, 0.4, 0.8, 0.6]),
    np.array([False, True, True, True, True, True]),  # the first is called empty
    0.95,
)


def test_a_recording_is_automatic_where_it_passes_each_stage_that_it_comes_to() -> None:
    found = automate([EMPTY, SPECIES])
    empty, species = found.stages
    assert (empty.threshold, empty.asked, empty.automated) == (0.8, 6, 4)
    assert (species.threshold, species.asked, species.automated) == (0.9, 5, 1)
    assert species.accuracy == 1.0
    assert found.share == pytest.approx(2 / 6)  # the empty one, and the one of 0.9
    assert found.accuracy == 1.0
    assert found.unaided == pytest.approx(4 / 6)
    assert species.unaided == pytest.approx(3 / 5)


def test_no_class_is_an_answer_and_no_row_is_not() -> None:
    rows = [Recording(name, Path(name)) for name in "abc"]
    truth = {"a": "song", "b": "call", "c": "call"}
    said = {"a": ("song", 0.9), "b": ("", 0.3), "c": ("call", 0.8)}
    (stage,) = _pipeline(rows, None, [(Answered("calls", said, truth), 0.9)], 0.9)[1]
    assert stage.right.tolist() == [True, False, True]
    del said["b"]
    with pytest.raises(InputError, match="the stage 'calls' has no answers for 1 recordings"):
        _pipeline(rows, None, [(Answered("calls", said, truth), 0.9)], 0.9)


def test_the_share_of_the_sound_counts_seconds() -> None:
    rows = [Recording(str(i), Path(f"{i}.wav"), duration_s=s) for i, s in enumerate([10, 20, 5, 5, 5, 5.0])]
    assert automate([EMPTY, SPECIES], recordings=rows).share_of_sound == pytest.approx(30 / 50)
    assert np.isnan(automate([EMPTY, SPECIES]).share_of_sound)


def test_thresholds_of_a_fold_come_from_the_others() -> None:
    """In the first fold high scores are wrong; the other one's threshold lets them pass."""
    right = np.array([False, False, True, True])
    stage = Stage("species", right, np.array([0.9, 0.8, 0.7, 0.6]), np.ones(4, bool), 0.9)
    found = automate([stage], np.array([0, 0, 1, 1]))
    assert found.share == pytest.approx(0.5)  # nothing of the second fold: no threshold is good in the first
    assert found.accuracy == 0.0
    assert automate([stage]).share == 0.0


def test_a_share_of_nothing_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    found = automate([replace(EMPTY, right=np.zeros(6, bool))])
    assert np.isnan(found.accuracy)
    _show(found)
    said = capsys.readouterr().out
    assert "nan" not in said
    assert "95.0%       none      6       0.0%" in said  # no score is good enough
    page = pipeline_page("none", [EMPTY], found, pipeline_curve([EMPTY], TARGETS))
    assert "nan%" not in page
    assert ">none<" in page
    assert ">inf<" not in page


def test_a_lower_target_labels_no_less() -> None:
    shares = [found.share for found in pipeline_curve([EMPTY, SPECIES], np.array([0.5, 0.75, 0.95]))]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1]


def test_arrays_of_other_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="expected arrays of one length for 'species'"):
        replace(SPECIES, asked=ALL[:3])


def rows(*names: str) -> list[Recording]:
    return [Recording(name, Path(f"{name}.wav")) for name in names]


def test_the_truth_decides_what_is_judged_and_the_answers_where_it_goes() -> None:
    presence = Answered(
        "presence",
        {"a": ("animal", 0.9), "b": ("empty", 0.8), "c": ("animal", 0.7), "d": ("animal", 0.6)},
        {"a": "animal", "b": "animal", "c": "empty", "d": ""},
    )
    species = Answered("species", {n: ("x", 0.5) for n in "abcd"}, {"a": "x", "b": "x", "c": "", "d": "x"})
    kept, (first, second) = _pipeline(rows(*"abcd"), presence, [(species, 0.9)], 0.95)
    assert [r.id for r in kept] == ["a", "b", "c"]  # whether anything calls in d is not known
    assert first.right.tolist() == [True, False, False]
    assert second.asked.tolist() == [True, False, True]
    assert second.right.tolist() == [True, True, False]  # a species of what is empty is wrong
    assert (first.target, second.target) == (0.95, 0.9)
    less = Answered("species", {"a": ("x", 0.5)}, species.truth)
    with pytest.raises(InputError, match="'species' has no answers for 1 recordings that come to it"):
        _pipeline(rows(*"abcd"), presence, [(less, 0.9)], 0.95)
    with pytest.raises(InputError, match="no recording has a known value in all stages"):
        _pipeline(rows("d"), presence, [(species, 0.9)], 0.95)


def test_one_stage_has_an_extra_class_for_what_is_empty(tiny_crossval: Path) -> None:
    run = SavedRun.open(tiny_crossval)
    presence = presence_answers(run, "gnb_mfcc", "session")
    species = species_answers(run, "gnb_mfcc", "session")
    for name, (word, score) in presence.said.items():
        assert (word == "empty") == (species.said[name][0] == NO_BIRD)
        assert score >= species.said[name][1] - 1e-9
    recordings, (first, second), folds = stages_of(tiny_crossval, Wanted(), model="gnb_mfcc")
    assert len(recordings) == len(folds) == len(run.recordings)
    assert np.array_equal(second.asked, [presence.said[r.id][0] == "animal" for r in recordings])
    assert first.right.tolist() == [
        (r.label == NO_BIRD) == (presence.said[r.id][0] == "empty") for r in recordings
    ]


def test_the_command_says_what_each_stage_labels(tiny_crossval: Path, tmp_path: Path) -> None:
    page = tmp_path / "pipeline.html"
    call = ["pipeline", str(tiny_crossval), "--model", "gnb_mfcc", "--accuracy", "0.5"]
    said = CliRunner().invoke(cli, [*call, "--page", str(page)])
    assert said.exit_code == 0, said.stderr
    assert "empty or not" in said.stdout
    assert "labelled automatically in every stage: " in said.stdout
    assert "<svg" in page.read_text()
    mapping = json.loads(CliRunner().invoke(cli, [*call, "--json"]).stdout)
    assert [stage["name"] for stage in mapping["stages"]] == ["empty or not", "species"]
    assert len(mapping["curve"]["shares"]) == len(mapping["curve"]["targets"])


def test_a_missing_task_or_model_is_one_line(tiny_crossval: Path) -> None:
    with pytest.raises(InputError, match=r"several models; choose one with --model: gnb_pixels, gnb_mfcc"):
        stages_of(tiny_crossval, Wanted())
    with pytest.raises(InputError, match=r"the model 'gnb_mfcc' has no task 'many' \(tasks: none\)"):
        stages_of(tiny_crossval, Wanted(count="many"), model="gnb_mfcc")
