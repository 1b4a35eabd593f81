"""Judging finished models: figures by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from judged_tones import here_fixture, kept  # noqa: F401, fixtures

from avianvox.evaluation.detection import count_figures
from avianvox.inference.calibration import Calibration, LevelCalibration
from avianvox.judge.alarms import count_alarms, judge_event
from avianvox.judge.figures import Answers, Classes, judge_answers
from avianvox.judge.listening import Heard
from avianvox.judge.page import rate
from avianvox.judge.sounds import Sound
from avianvox.judge.thresholds import choose, confirm, document, read_thresholds
from avianvox.types import NO_BIRD, LabelSet, Recording, Status


def test_the_camera_trap_paper() -> None:
    """Validation columns of the small-data study."""
    found = count_figures(tp=1166, fp=548, fn=192, tn=9499)
    assert round(found.precision, 2) == 0.68
    assert round(found.recall, 2) == 0.86
    assert round(found.f1, 2) == 0.76
    assert round(found.accuracy, 3) == 0.935
    assert found.accuracy_without_tn == pytest.approx(1166 / (1166 + 192 + 548))


def test_species_are_found_under_names_of_other_checklists() -> None:
    labels = LabelSet(("Parus major", "Accipiter cooperii"))
    classes = Classes.of(("Astur cooperii", "Falco ignotus", "Parus major"), labels)
    assert classes.names == ("Astur cooperii", "Parus major", NO_BIRD)
    assert classes.chosen == (1, 0)
    assert classes.unknown == ("Falco ignotus",)
    assert classes.position("Accipiter cooperii") == 0
    assert not classes.knows_no_bird


MODEL = LabelSet(("a", "b", "c", "d"))


@pytest.fixture
def by_hand() -> Answers:
    """Two species that the model knows, one that it doesn't, noise, and a recording without any of them."""
    truth = ["a", "a", "a", "b", "x", NO_BIRD, NO_BIRD, ""]
    recordings = [Recording(f"r{i}", Path(f"r{i}.wav"), label) for i, label in enumerate(truth)]
    classes = Classes.of(("a", "b", "x"), MODEL)
    scores = kept(
        [[0.9, 0.1], [0.6, 0.7], [0.2, 0.1], [0.1, 0.8], [0.72, 0.1], [0.1, 0.1], [0.2, 0.1], [0.0, 0.6]],
        [{2: 0.0}, {2: 0.0}, {3: 0.6}, {2: 0.1}, {2: 0.0}, {2: 0.9}, {3: 0.1}, {2: 0.0}],
    )
    return Answers.of(recordings, scores, classes, MODEL, calibrated=False, probabilities=False)


def test_figures_by_hand(by_hand: Answers) -> None:
    found = judge_answers(by_hand)
    assert found.n == {"recordings": 8, "known": 4, "unknown": 1, "no_bird": 2, "without": 1, "sessions": 8}
    assert found.all_classes["accuracy"].value == 0.5  # r0 and r3; r2 goes to a class beside the catalog's
    assert found.catalog_classes["accuracy"].value == 0.75
    assert found.all_classes["top3"].value == 1.0
    assert found.all_recordings.value == 0.4  # x is never right
    assert found.species["a"] == {
        "recordings": 3,
        "tp": 1,
        "fp": 0,
        "fn": 2,
        "precision": 1.0,
        "recall": pytest.approx(1 / 3),
        "average_precision": pytest.approx((1 + 2 / 3 + 3 / 5) / 3),  # 0.7 of x and 0.2 of noise between
        "taken_for": {"b": 1, "d": 1},
    }
    assert (found.species["b"]["tp"], found.species["b"]["fp"]) == (1, 1)
    assert set(found.species) == {"a", "b"}
    assert found.calibration == {}


def test_found_and_named_with_true_negatives(by_hand: Answers) -> None:
    found = judge_answers(by_hand)
    row = next(row for row in found.detection if row.threshold == 0.5)
    identification, classification = row.identification, row.classification
    assert (identification.tp, identification.fp, identification.fn, identification.tn) == (5, 1, 0, 1)
    assert (classification.tp, classification.fp, classification.fn, classification.tn) == (2, 4, 3, 1)
    among = next(row for row in found.catalog_detection if row.threshold == 0.5).identification
    assert (among.tp, among.fp, among.fn, among.tn) == (
        3,
        1,
        1,
        2,
    )  # the empty one fires, as a catalog's species


def test_unknown_species_are_counted_apart(by_hand: Answers) -> None:
    unknown = judge_answers(by_hand).unknown
    assert unknown["recordings"] == 1
    assert (unknown["named"]["0.70"], unknown["named"]["0.75"]) == (1, 0)
    assert unknown["species"] == {"x": {"a": 1}}


def test_an_error_may_be_near() -> None:
    """Right species, genus, family, order and nothing at all; an unknown warbler called another warbler."""
    model = LabelSet(
        ("Dendroica petechia", "Melospiza melodia", "Parus major", "Rana temporaria", "Todus todus")
    )
    truth = ["Setophaga petechia"] * 5 + ["Setophaga angelae"]
    recordings = [Recording(f"r{i}", Path(f"r{i}.wav"), label) for i, label in enumerate(truth)]
    classes = Classes.of(("Setophaga angelae", "Setophaga petechia"), model)
    best = [0, 1, 2, 3, 4, 0]
    scores = kept([[0.9 * (i == 0)] for i in best], [{i: 0.8} if i else {} for i in best])
    answers = Answers.of(recordings, scores, classes, model, calibrated=False, probabilities=False)
    kinship = judge_answers(answers).kinship
    assert kinship["known"] == {"recordings": 5, "species": 0.2, "genus": 0.2, "family": 0.2, "order": 0.6}
    assert kinship["unknown"] == {"recordings": 1, "species": 0, "genus": 1, "family": 1, "order": 1}


@pytest.mark.parametrize("model", [MODEL, LabelSet((*MODEL.names, NO_BIRD))], ids=["unknown", "known"])
def test_what_was_not_scored_is_no_bird(model: LabelSet) -> None:
    recordings = [Recording("r", Path("r.wav"), "a")]
    classes = Classes.of(("a",), model)
    answers = Answers.of(
        recordings,
        kept([[0.0] * len(classes.chosen)], [{}]),
        classes,
        model,
        calibrated=False,
        probabilities=False,
    )
    assert answers.named(0) == NO_BIRD
    assert answers.hits().tolist() == [0.0]


def test_calibration_where_scores_are_probabilities(by_hand: Answers) -> None:
    found = judge_answers(replace(by_hand, probabilities=True)).calibration
    assert 0 < found["error"] < 1
    assert sum(one.n for one in found["bins"]) == 4


ANNOTATED = frozenset({"ninoxboobook"})


@pytest.mark.parametrize(
    ("label", "span", "complete", "name", "expected"),
    [
        ("Ninox boobook", (2.0, 3.0), False, "Ninox boobook", True),
        ("Ninox boobook", (9.0, 10.0), False, "Ninox boobook", False),
        ("Ninox boobook", (2.0, 3.0), False, "Parus major", None),
        ("Ninox boobook", (2.0, 3.0), True, "Parus major", False),
        ("Ninox boobook", None, True, "Parus major", False),
        ("Ninox boobook", None, True, "Turdus merula", None),  # in the background
        (NO_BIRD, None, True, "Parus major", False),
        (NO_BIRD, (0.0, 9.0), False, "Parus major", False),
        ("", None, False, "Ninox boobook", False),
        ("", None, False, "Parus major", None),
    ],
)
def test_verdict_on_an_event(
    label: str, span: tuple[float, float] | None, complete: bool, name: str, expected: bool | None
) -> None:
    begin_s, end_s = span or (None, None)
    recording = Recording(
        "r#1", Path("r.wav"), label, background=("Turdus merula",), begin_s=begin_s, end_s=end_s
    )
    sound = Sound(Path("r.wav"), (recording,), complete)
    verdict, there = judge_event(sound, ANNOTATED, name, 1.0, 4.0)
    assert verdict is expected
    assert there == ({"r#1"} if expected else set())


def heard(scores: list[list[float]], *, seconds: float) -> Heard:
    """Windows of three seconds at 10 Hz, of classes a and b; c and d are others."""
    windows = kept([row[:2] for row in scores], [{2: row[2], 3: row[3]} for row in scores])
    spans = np.array([(30 * i, 30) for i in range(len(scores))], np.int64)
    return Heard(Status.OK, "", seconds, kept([[0, 0]], [{}]), windows, spans)


def test_alarms_by_hand() -> None:
    part = Recording("r#0-3", Path("r.wav"), "a", begin_s=0.0, end_s=3.0, site="A")
    quiet = Recording("q", Path("q.wav"), site="B")
    sounds = [Sound(Path("r.wav"), (part,), False), Sound(Path("q.wav"), (quiet,), False)]
    answers = [
        heard([[0.9, 0.1, 0, 0], [0.1, 0.1, 0, 0], [0.8, 0.1, 0, 0], [0.1, 0.1, 0.7, 0]], seconds=1800),
        heard([[0.6, 0.1, 0, 0], [0.1, 0.3, 0, 0.95]], seconds=1800),
    ]
    classes = Classes(("a", "b", NO_BIRD), (0, 1), ())
    options = {"sample_rate": 10, "exclusive": True, "thresholds": (0.5, 0.7)}
    found = count_alarms(sounds, answers, classes, MODEL, **options)  # type: ignore[arg-type]
    first, second = found.rows
    assert found.hours == 1.0
    assert (first.right, first.false, first.not_judged) == (1, 2, 2)
    assert first.precision == pytest.approx(1 / 3)
    assert first.false_per_hour.value == 2.0
    assert rate(first).split()[0] == "2.0"
    assert (second.right, second.false) == (1, 1)
    assert first.found == 1.0
    assert (first.species["a"].right, first.species["a"].false) == (1, 2)
    assert found.own is None
    levels = LevelCalibration(thresholds=(0.6, 0.99, 0.85, 0.9))
    classes = Classes(("a", "b", NO_BIRD), (2, 3), ())
    moved = LabelSet(("c", "d", "a", "b"))  # thresholds go with the classes of the model
    answers = [
        replace(one, windows=replace(one.windows, other=np.maximum(one.windows.other - 2, -1)))
        for one in answers
    ]
    calibrated = count_alarms(
        sounds,
        answers,
        classes,
        moved,
        calibration=Calibration(levels, levels),
        **options,  # type: ignore[arg-type]
    )
    assert calibrated.own is not None
    assert (calibrated.own.right, calibrated.own.false, calibrated.own.not_judged) == (1, 0, 1)


def test_alarms_of_classes_that_do_not_exclude_each_other() -> None:
    """Both species of a window have events, and the recording's other one doesn't hide the labelled one."""
    sound = Sound(Path("r.wav"), (Recording("r", Path("r.wav"), "b"),), True)
    classes = Classes(("b", NO_BIRD), (1,), ())
    windows = kept([[0.6]], [{0: 0.9}])
    one = Heard(Status.OK, "", 3600, kept([[0]], [{}]), windows, np.array([[0, 30]]))
    for exclusive, right in ((True, 0), (False, 1)):
        (row,) = count_alarms(
            [sound], [one], classes, MODEL, sample_rate=10, exclusive=exclusive, thresholds=(0.5,)
        ).rows
        assert (row.right, row.false) == (right, 1)


def test_thresholds_are_chosen_and_confirmed(by_hand: Answers, tmp_path: Path) -> None:
    rows = judge_answers(by_hand).detection
    chosen = choose(rows)
    path = tmp_path / "thresholds.json"
    path.write_text(document("abc", {"pooling": "mean"}, chosen))
    again = read_thresholds(path).fitting(model="abc", settings={"pooling": "mean"})
    assert again == chosen
    for question, counts in confirm(rows, again).items():
        assert counts.here.f1 == pytest.approx(again[question].figures["f1"], abs=1e-6)
    for model, settings, word in (
        ("other", {"pooling": "mean"}, "model"),
        ("abc", {"pooling": "max"}, "max"),
    ):
        with pytest.raises(ValueError, match=word):
            read_thresholds(path).fitting(model=model, settings=settings)
    path.write_text("{}")
    with pytest.raises(ValueError, match="choose"):
        read_thresholds(path)
    with pytest.raises(ValueError, match=r"cannot read thresholds .*no\.json: No such file"):
        read_thresholds(tmp_path / "no.json")
    with pytest.raises(ValueError, match="Is a directory"):
        read_thresholds(tmp_path)
