"""A finished model on labelled recordings: counts by hand, events and alarms, and the command as a whole."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import handmade_ear
import numpy as np
import pytest
import soundfile
from handmade_model import SPEC, write_handmade

from avianvox.cli.main import main
from avianvox.evaluation.detection import count_figures
from avianvox.features.waveform import WaveformSpec
from avianvox.inference.calibration import Calibration, LevelCalibration
from avianvox.inference.classifier import Classifier
from avianvox.judge import listening, run
from avianvox.judge.alarms import count_alarms, judge_event
from avianvox.judge.figures import Answers, Classes, judge_answers
from avianvox.judge.listening import N_OTHER, Heard, Hearing, Kept, listen
from avianvox.judge.page import rate
from avianvox.judge.run import Settings, compare, judge
from avianvox.judge.sounds import Sound, judged_set
from avianvox.judge.thresholds import choose, confirm, document, read_thresholds
from avianvox.judge.trained_on import remark, trained_on
from avianvox.modelfile import read_model_file, write_model_file
from avianvox.modelinfo import SPECIES, ModelInfo, Output
from avianvox.types import NO_BIRD, LabelSet, Recording, Status
from avianvox.workers import Workplace

RATE = SPEC.sample_rate
LOW, MIDDLE, HIGH = 800.0, 3000.0, 7000.0
WINDOW = SPEC.n_frames * SPEC.hop_length


def tone(hz: float, seconds: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def kept(rows: list[list[float]], others: list[dict[int, float]]) -> Kept:
    own = np.array(rows, np.float32).reshape(len(others), -1 if others else 2)
    other = np.full((len(others), N_OTHER), -1, np.int32)
    scores = np.zeros((len(others), N_OTHER), np.float32)
    for i, found in enumerate(others):
        for k, (position, score) in enumerate(found.items()):
            other[i, k], scores[i, k] = position, score
    return Kept(own, other, scores)


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


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, recordings by class, and one field recording with annotations."""
    here = tmp_path_factory.mktemp("judge")
    write_handmade(here / "model.tflite")
    write_handmade(
        here / "other.tflite",
        labels=LabelSet(("Parus medius", "Columba bassa", "Regulus altus")),
    )
    for label, hz in (("Columba bassa", LOW), ("Parus medius", MIDDLE), ("Falco ignotus", HIGH)):
        folder = here / "recordings" / label
        folder.mkdir(parents=True)
        for i in range(3):
            soundfile.write(folder / f"{label} {i}.wav", tone(hz * (1 + i / 50), 4.0), RATE)
    nothing = Heard(Status.OK, "", 4.0, kept([], []), kept([], []), np.zeros((0, 2), np.int64))
    (here / "foreign.npz").write_bytes(nothing.to_bytes())
    field = here / "field"
    field.mkdir()
    soundfile.write(field / "night.wav", np.concatenate([tone(LOW, 12.0), tone(HIGH, 12.0)]), RATE)
    soundfile.write(field / "quiet.wav", tone(LOW, 12.0), RATE)
    table = "Selection\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tAnnotation\n"
    (field / "night.Table.1.selections.txt").write_text(f"{table}1\t1.0\t2.0\t500\t900\t\n")
    return here


def command(here: Path, *arguments: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *arguments])
    assert ended.value.code == code


def test_the_command(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    call = (str(here / "model.tflite"), str(here / "recordings"), "--out", str(out))
    command(here, *call, "--against", str(here / "other.tflite"), "--thresholds", "choose")
    said = capsys.readouterr().out
    assert "accuracy" in said
    assert "paired by session" in said
    values = json.loads((out / "figures.json").read_text())
    first, second = values["models"].values()
    assert first["n"]["unknown"] == 3
    assert first["unknown_species"] == ["Falco ignotus"]
    assert first["all_classes"]["accuracy"]["value"] == 1.0
    assert second["all_classes"]["accuracy"]["value"] == 0.0
    (pair,) = values["paired"].values()
    assert pair["known"]["difference"] == -1.0
    assert pair["all"]["difference"] == pytest.approx(-6 / 9, abs=1e-6)
    assert first["unknown"]["species"] == {"Falco ignotus": {"Regulus altus": 3}}
    assert "no probabilities" in (out / "evaluation.html").read_text()
    lines = (out / "species.csv").read_text().splitlines()
    assert lines[1].startswith("low_middle_high,Columba bassa,3,3,0,0,1.000000,1.000000,1.000000")
    assert len((out / "recordings.csv").read_text().splitlines()) == 1 + 2 * 9

    def never(*_: object) -> None:
        raise AssertionError("a kept answer was worked out again")

    before = (out / "figures.json").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(listening, "listen", never)
        command(here, *call, "--against", str(here / "other.tflite"), "--thresholds", "choose")
    assert (out / "figures.json").read_bytes() == before
    capsys.readouterr()
    command(here, *call, "--thresholds", str(out / "thresholds.json"), "--json")
    confirmed = json.loads(capsys.readouterr().out)["thresholds"]
    command(here, *call, "--thresholds", str(out / "thresholds.json"), "--pooling", "max", code=1)
    assert "use the same options" in capsys.readouterr().err
    with monkeypatch.context() as patched:
        patched.setattr(listening, "listen", never)
        command(here, *call, "--overlap", "1", "--thresholds", str(tmp_path / "no.json"), code=1)
    assert capsys.readouterr().err == (
        f"avianvox: cannot read thresholds {tmp_path / 'no.json'}: No such file or directory\n"
    )
    assert confirmed["classification"]["chosen"]["figures"] == confirmed["classification"]["here"]


def test_damaged_answers_are_worked_out_again(here: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    call = (str(here / "model.tflite"), str(here / "recordings"), "--out", str(out))
    command(here, *call)
    before = (out / "figures.json").read_bytes()
    cut, *others = sorted((out / "scores").iterdir())
    cut.write_bytes(cut.read_bytes()[:200])
    for place in others:  # the answer of a recording with other parts
        shutil.copy(here / "foreign.npz", place)
    command(here, *call)
    assert (out / "figures.json").read_bytes() == before


def test_annotations_and_recordings_without(here: Path, tmp_path: Path) -> None:
    found = judged_set(
        [Recording("night.wav#1-2", here / "field/night.wav", begin_s=1.0, end_s=2.0)],
        label="Columba bassa",
        without=[here / "field"],
    )
    assert [sound.path.name for sound in found.sounds] == ["night.wav", "quiet.wav"]
    judged = judge(found, here / "model.tflite", Settings(), Workplace(), tmp_path / "out")
    (row,) = (row for row in judged.alarms.rows if row.threshold == 0.5)
    assert (row.right, row.false, row.not_judged) == (1, 1, 1)  # quiet.wav calls; the high tone is not judged
    assert judged.figures.all_classes["accuracy"].value == 1.0  # the windows at the part alone
    assert judged.figures.n["without"] == 1


def test_the_same_events_as_classify(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = here / "field/night.wav"
    found = judged_set([Recording("night.wav", path, "Columba bassa")])
    judged = judge(found, here / "model.tflite", Settings(), Workplace(), tmp_path / "out")
    (row,) = (row for row in judged.alarms.rows if row.threshold == 0.5)
    with pytest.raises(SystemExit):
        main(
            ["classify", str(path), "--model", str(here / "model.tflite"), "--by", "event", "--enter", "0.5"]
        )
    table = capsys.readouterr().out
    assert table.count(" s  0.") == row.right + row.false == 2


def test_pooling_over_a_recording(here: Path) -> None:
    classifier = Classifier.load(here / "model.tflite")
    path = here / "field/night.wav"
    sound = Sound(path, (Recording("night.wav", path, "Columba bassa"),), True)
    mean, most = (
        listen(classifier, sound, Hearing((0,), pooling)).recordings.own[0, 0] for pooling in ("mean", "max")
    )
    assert most > 0.9
    assert 0.3 < mean < 0.7


def test_an_ear_of_independent_classes(tmp_path: Path) -> None:
    """It is pooled by the maximum, an engine is no answer, and scores are no probabilities."""
    path = tmp_path / "tones.tflite"
    names, common_names = zip(*(label.split("_") for label in handmade_ear.LABELS), strict=True)
    info = ModelInfo(
        "tones",
        "ear",
        WaveformSpec(handmade_ear.RATE, handmade_ear.N_SAMPLES),
        LabelSet(names, common_names),
        outputs=(Output(SPECIES, 3, 0, "sigmoid", exclusive=False),),
        not_animals=("Engine",),
    )
    write_model_file(path, flatbuffer=handmade_ear.ear(), info=info, card="# Tones\n")
    low, engine = 0.3 * handmade_ear.tone(500), handmade_ear.tone(2000)
    soundfile.write(tmp_path / "r.wav", np.concatenate([low, engine, engine, engine]), handmade_ear.RATE)
    found = judged_set([Recording("r", tmp_path / "r.wav", "Columba bassa")])
    judged = judge(found, path, Settings(), Workplace(), tmp_path / "out")
    assert judged.pooling == "max"
    assert not judged.answers.probabilities
    assert judged.answers.named(0) == "Columba bassa"
    (score,) = (scores.max() for scores in judged.answers.scores)
    alone = Classifier.load(path).classify(tmp_path / "r.wav").scores
    assert score == pytest.approx(alone[0])
    assert alone[2] > alone[0]
    (row,) = (row for row in judged.alarms.rows if row.threshold == 0.5)
    assert (row.right, row.false) == (1, 0)


def test_files_that_fail_are_left_out(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here / "recordings", tmp_path / "catalog")
    (tmp_path / "catalog/Parus medius/broken.wav").write_bytes(b"RIFF no sound")
    command(
        here, str(here / "model.tflite"), str(tmp_path / "catalog"), "--out", str(tmp_path / "out"), code=3
    )
    (found,) = json.loads((tmp_path / "out/figures.json").read_text())["models"].values()
    assert found["n"]["recordings"] == 9
    assert "broken.wav" in found["failed"][0]


def test_a_file_of_somebody_else_stays(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "figures.json").write_text("mine")
    command(here, str(here / "model.tflite"), str(here / "recordings"), "--out", str(tmp_path), code=1)
    assert "there is a file of yours" in capsys.readouterr().err
    assert (tmp_path / "figures.json").read_text() == "mine"


def test_no_labels_is_one_line(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(here, str(here / "model.tflite"), str(here / "field"), "--out", str(tmp_path / "out"), code=1)
    assert "--label NAME" in capsys.readouterr().err


def test_training_recordings_are_recognised(here: Path) -> None:
    info = read_model_file(here / "model.tflite").info
    known = Recording("XC7", Path("a/XC7.mp3"), "a", recordist="Ann", source="xeno_canto")
    credited = replace(info, licences={"credits": ["Ann, XC7, https://x/7, CC BY", "background rain, CC0"]})
    rain = Recording("rain.ogg", Path("background/rain.ogg"), NO_BIRD)
    other = Recording("XC77", Path("a/XC77.mp3"), "a", source="csv")
    cut = Recording("audio/XC7.mp3#1-2", Path("audio/XC7.mp3"), "a", begin_s=1.0, end_s=2.0)
    assert trained_on(credited, [known, rain, other, cut]).tolist() == [True, True, False, True]
    assert "trained on 1 of these 2" in remark(credited, [known, other])
    assert "was trained on these" in remark(credited, [known])
    assert remark(credited, [other]) == ""
    assert "xeno-canto" in remark(replace(info, licences={}), [other])


def test_models_of_the_same_recordings_are_paired(here: Path, tmp_path: Path) -> None:
    recordings = [
        Recording(f"{label}{i}", here / f"recordings/{label}/{label} {i}.wav", label)
        for label in ("Columba bassa", "Parus medius")
        for i in range(3)
    ]
    found = judged_set(recordings)
    one = judge(found, here / "model.tflite", Settings(), Workplace(), tmp_path)
    assert compare(one, one)["known"].difference == 0.0
    assert list(run.names_of([one, one])) == ["low_middle_high", f"low_middle_high ({one.digest[:8]})"]
    assert one.unseen is None
