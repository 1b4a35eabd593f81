"""Genus and family in place of an uncertain species: what is sure, and what the table says of it."""

import csv
import io
import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from handmade_model import write_handmade

from avianvox.calibration.branches import branch_thresholds
from avianvox.cli.main import cli
from avianvox.inference.calibration import Calibration, LevelCalibration, Scaling
from avianvox.inference.levels import Branch, Tree
from avianvox.inference.question import Question
from avianvox.modelfile import read_model_file, write_model_file
from avianvox.modelinfo import SPECIES, Output
from avianvox.tables.formats import read_table
from avianvox.types import NO_BIRD, LabelSet

RATE = 22050
LABELS = LabelSet(
    (
        "Setophaga petechia",
        "Setophaga angelae",
        "Parkesia motacilla",  # of the family of Setophaga
        "Todus mexicanus",
        "Eleutherodactylus coqui",  # no bird of the table
        "Eleutherodactylus portoricensis",
        NO_BIRD,
    )
)


def answer(
    scores: list[float], coarsest: str = "family", least: float = 0.6, wanted: tuple[int, ...] | None = None
) -> Branch | None:
    reach = dict.fromkeys(("genus", "family")[: 1 + (coarsest == "family")], least)
    found = Tree(LABELS).answer(np.array(scores), reach, wanted)
    return found and Branch(found.name, round(found.score, 6))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.4, 0.3, 0.1, 0.2, 0, 0, 0], Branch("Setophaga sp.", 0.7)),
        ([0.4, 0.1, 0.2, 0.3, 0, 0, 0], Branch("Parulidae sp.", 0.7)),
        ([0.3, 0.2, 0.0, 0.5, 0, 0, 0], None),  # 0.5 is too little
        ([0.1, 0.0, 0.0, 0.9, 0, 0, 0], None),  # of the only tody
        ([0.1, 0.0, 0.0, 0.0, 0.5, 0.4, 0], None),  # frogs, whose genus the table doesn't know
        ([0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9], None),
    ],
)
def test_the_finest_branch_that_is_sure(scores: list[float], expected: Branch | None) -> None:
    assert answer(scores) == expected


def test_level_minimum_and_species_that_count() -> None:
    scores = [0.4, 0.1, 0.2, 0.3, 0, 0, 0]
    assert answer(scores, "genus") is None
    assert answer(scores, least=0.5) == Branch("Setophaga sp.", 0.5)
    assert answer(scores, wanted=(0, 2)) == Branch("Parulidae sp.", 0.6)
    assert answer([0.5, 0.2, 0.0, 0.3, 0, 0, 0], wanted=(0, 3), least=0.5) is None  # one warbler alone


def test_the_best_branch_answers_and_no_other_one_that_reaches_the_minimum() -> None:
    assert answer([0.2, 0.2, 0.0, 0.6, 0, 0, 0], least=0.3) is None


def test_a_score_is_at_most_1() -> None:
    assert answer([0.7, 0.30000001, 0.0, 0.0, 0, 0, 0]) == Branch("Setophaga sp.", 1.0)


def fitted(
    sums: dict[float, float],
    precision: float | None = 0.6,
    limit: float = math.inf,
    level: str = "genus",
    unknown: float = 0.0,
) -> float:
    """The threshold from 100 sessions for each sum of two warblers' scores, right in a share of them."""
    scores = np.array([[s / 2, s / 2, 0, 0, 0, 1 - s, 0] for s in sums for _ in range(100)])
    targets = np.concatenate([np.where(np.arange(100) < 100 * right, 1, 3) for right in sums.values()])
    known = LevelCalibration(thresholds=(limit,) * 7, unknown=unknown)
    sessions = np.arange(len(scores))
    found = branch_thresholds(scores, targets, sessions, known, Tree(LABELS), precision=precision)
    return found[level]


def test_the_threshold_of_a_genus_keeps_the_precision_on_uncertain_rows() -> None:
    assert fitted({0.9: 0.95, 0.7: 0.2}) == pytest.approx(0.9)  # at 0.7, 115 of 200 are right
    assert fitted({0.9: 0.95, 0.7: 0.8}) == pytest.approx(0.7)
    assert fitted({0.9: 0.3, 0.7: 0.2}) == math.inf


def test_a_genus_reaches_the_precision_itself_too() -> None:
    """However right it was: sums of calibrated scores are probabilities."""
    assert fitted({0.55: 1.0}) == 0.6
    assert fitted({0.55: 1.0}, precision=None) == pytest.approx(0.55)  # of a half


def test_only_rows_that_nothing_finer_names_have_a_say() -> None:
    assert fitted({0.9: 1.0}, limit=0.4) == math.inf  # each warbler with 0.45 is named
    assert fitted({0.9: 1.0}, level="family") == math.inf  # the genus names them
    assert fitted({0.9: 1.0}, unknown=0.5) == math.inf  # each warbler with 0.45 may be an unknown one


# On the command line: a tone in the middle, of which the model says 0.791 middle, 0.179 high and 0.030 low.

NAMES = LabelSet(("Setophaga petechia", "Setophaga angelae", "Parkesia motacilla"), ("Low", "Middle", "High"))


def calibration(thresholds: tuple[float, ...], rule: str = "precision 0.6") -> Calibration:
    level = LevelCalibration(Scaling(1.0), thresholds, {0.9: 1.0})
    return Calibration(level, level, {"thresholds": rule})


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handmade(tmp_path_factory.mktemp("levels") / "plain.tflite", labels=NAMES)


def model(plain: Path, **changes: object) -> Path:
    found = read_model_file(plain)
    out = plain.with_name("changed.tflite")
    info = replace(found.info, **changes)  # type: ignore[arg-type]
    write_model_file(out, flatbuffer=found.flatbuffer, info=info, card=found.card)
    return out


@pytest.fixture(scope="module")
def sound(plain: Path) -> Path:
    path = plain.with_name("tone.wav")
    soundfile.write(path, 0.02 * np.sin(2 * np.pi * 3000 * np.arange(5 * RATE) / RATE), RATE)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["classify", *map(str, arguments)])


def rows(*arguments: object) -> list[list[str]]:
    result = run(*arguments, "--format", "csv", "-q")
    assert result.exit_code == 0, result.output
    found = csv.DictReader(io.StringIO(result.stdout, newline=""))
    names = ("rank", "scientific_name", "common_name", "decision", "score")
    return [[row[name] for name in names] for row in found]


NEVER = (math.inf,) * 3


def asked(
    plain: Path, thresholds: tuple[float, ...] = NEVER, rule: str = "precision 0.6"
) -> tuple[str, Path]:
    return "--model", model(plain, calibration=calibration(thresholds, rule).to_mapping())


ANGELAE = ["Setophaga angelae", "Middle"]
GENUS, FAMILY = ["Setophaga sp.", "", "named", "0.8208"], ["Parulidae sp.", "", "named", "1.0000"]


@pytest.mark.parametrize("by", ["recording", "window"])
def test_an_uncertain_species_is_named_by_the_level_that_is_sure(plain: Path, sound: Path, by: str) -> None:
    def first(rule: str, *more: object) -> list[str]:
        return rows(sound, "--by", by, *asked(plain, rule=rule), *more)[0][1:4]

    uncertain, genus, family = [*ANGELAE, "uncertain"], GENUS[:3], FAMILY[:3]
    assert first("precision 0.6") == uncertain
    assert first("precision 0.6", "--level", "species") == uncertain
    assert first("precision 0.6", "--level", "genus") == genus
    assert first("precision 0.6", "--level", "family") == genus
    assert first("precision 0.9", "--level", "genus") == uncertain
    assert first("precision 0.9", "--level", "family") == family
    assert first("best F1", "--level", "family") == genus  # right more often than wrong


def test_the_calibrations_own_thresholds_go_before_the_precision(plain: Path, sound: Path) -> None:
    level = LevelCalibration(Scaling(1.0), NEVER, branches={"genus": math.inf, "family": 0.99})
    own = Calibration(level, level, {"thresholds": "precision 0.6"}).to_mapping()
    again = Calibration.from_mapping(json.loads(json.dumps(own)), n_classes=3)
    assert again.recording.branches == level.branches
    assert "branches" not in calibration(NEVER).to_mapping()["recording"]  # as files of before have it
    chosen = ("--model", model(plain, calibration=own))
    assert rows(sound, *chosen, "--level", "genus")[0][1:4] == [*ANGELAE, "uncertain"]
    assert rows(sound, *chosen, "--level", "family")[0][1:] == FAMILY


def test_what_may_be_an_unknown_species_gets_no_name(plain: Path, sound: Path) -> None:
    def first(unknown: float) -> list[str]:
        level = LevelCalibration(Scaling(1.0), NEVER, unknown=unknown)
        own = Calibration(level, level, {"thresholds": "precision 0.6"}).to_mapping()
        return rows(sound, "--model", model(plain, calibration=own), "--level", "family")[0][1:4]

    assert first(0.78) == GENUS[:3]
    assert first(0.8) == [*ANGELAE, "unknown"]


def test_candidates_follow_and_top_counts_all_rows(plain: Path, sound: Path) -> None:
    found = rows(sound, *asked(plain), "--level", "genus")
    assert found == [
        ["1", *GENUS],
        ["2", *ANGELAE, "uncertain", "0.7910"],
        ["3", "Parkesia motacilla", "High", "uncertain", "0.1792"],
    ]
    assert rows(sound, *asked(plain), "--level", "genus", "--top", 1) == found[:1]


def test_a_species_that_is_named_stays(plain: Path, sound: Path) -> None:
    sure = asked(plain, (0.5, 0.5, 0.5))
    assert rows(sound, *sure, "--level", "family") == rows(sound, *sure)
    above = rows(sound, *sure, "--level", "family", "--min-score", 0.8)  # it is asked for more than 0.791
    assert above == [["1", *GENUS]]


def test_the_minimum_score_holds_for_every_level(plain: Path, sound: Path) -> None:
    assert rows(sound, *asked(plain), "--level", "family", "--min-score", 0.9) == [["1", *FAMILY]]
    assert rows(sound, *asked(plain), "--level", "genus", "--min-score", 0.9)[0][1] == ""


def test_only_species_that_may_be_named_count(plain: Path, sound: Path) -> None:
    two = ("--species-list", "Setophaga angelae,Parkesia motacilla")
    found = rows(sound, *asked(plain), "--level", "family", *two)
    assert found[0] == ["1", "Parulidae sp.", "", "named", "0.9702"]
    assert rows(sound, *asked(plain), "--level", "family", "--exclude", "Parkesia motacilla")[0][1:] == GENUS


def test_people_and_other_programs_read_the_name(plain: Path, sound: Path, tmp_path: Path) -> None:
    shown = run(sound, sound.with_name("tone.wav"), *asked(plain), "--level", "genus")
    assert "    0.8208  Setophaga sp.\n    0.7910  Setophaga angelae (Middle)\n" in shown.stdout
    table = tmp_path / "tone.selections.txt"
    assert run(sound, *asked(plain), "--level", "genus", "--top", 1, "-o", table).exit_code == 0
    assert [row.scientific_name for row in read_table(table)] == ["Setophaga sp."]
    out = tmp_path / "all.csv"
    assert "named: " not in run(sound, *asked(plain), "-o", out).stderr
    ledger = run(sound, *asked(plain), "--level", "genus", "-o", out, "--resume")
    assert "other settings (level was none and is genus)" in ledger.stderr
    assert ledger.exit_code == 2


def test_the_summary_counts_genera(plain: Path, sound: Path) -> None:
    other = sound.with_name("other.wav")
    other.write_bytes(sound.read_bytes())
    assert "named: Setophaga sp. 2\n" in run(sound, other, *asked(plain), "--level", "genus").stderr


@pytest.mark.parametrize(
    "more",
    [("--by", "event"), ("--by", "night"), ("--coverage", 0.9), ("--multi-label",), ("--raw",)],
)
def test_contradictions_are_wrong_usage(plain: Path, sound: Path, more: tuple[object, ...]) -> None:
    result = run(sound, *asked(plain), "--level", "genus", *more)
    assert result.exit_code == 2
    assert "Error: --level" in result.stderr


def test_models_without_calibration_or_exclusive_classes_are_refused(plain: Path, sound: Path) -> None:
    result = run(sound, "--model", plain, "--level", "genus")
    assert (result.exit_code, "--level: " in result.stderr, "no calibration" in result.stderr) == (
        2,
        True,
        True,
    )
    several = model(plain, outputs=(Output(SPECIES, 3, exclusive=False),))
    result = run(sound, "--model", several, "--level", "genus")
    assert result.exit_code == 2
    assert "several classes" in result.stderr


def test_ledgers_of_runs_without_levels_go_on() -> None:
    assert "level" not in Question().to_mapping()
    assert Question(level="genus").to_mapping()["level"] == "genus"


def test_levels_are_read_where_they_are_asked_for(plain: Path, sound: Path) -> None:
    code = (
        "import json, sys; from avianvox.cli.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)))"
    )

    def loaded(*more: str) -> set[str]:
        command = [sys.executable, "-c", code, "classify", *map(str, (sound, *asked(plain), *more))]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return set(json.loads(done.stdout.splitlines()[-1]))

    assert not {"avianvox.inference.levels", "avianvox.dataset.taxonomy"} & loaded()
    above = loaded("--level", "family")
    assert "avianvox.inference.levels" in above
    assert not {"sklearn", "scipy", "keras", "tensorflow"} & above


def test_real_recordings_that_are_named_stay_and_uncertain_ones_may_get_a_relative(real_data: Path) -> None:
    names = ("XC308510", "XC308527", "XC308531", "XC33696", "XC46631", "XC171386")
    paths = [real_data / "puerto_rico" / "audio" / f"{name}.mp3" for name in names]
    before, now = (rows(*paths, "--top", 1, *more) for more in ((), ("--level", "family")))
    for was, found in zip(before, now, strict=True):
        if was != found:
            assert was[3] == "uncertain"
            assert re.fullmatch(r"[A-Z][a-z]+ sp\.", found[1])
            assert (found[3], float(found[4]) > float(was[4])) == ("named", True)
