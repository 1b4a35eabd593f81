"""``avianvox evaluate``: its folder, annotations, ears of others, and what is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import handmade_ear
import numpy as np
import pytest
import soundfile
from judged_tones import RATE, here_fixture, kept, tone  # noqa: F401, fixtures

from avianvox.cli.main import main
from avianvox.features.waveform import WaveformSpec
from avianvox.inference.classifier import Classifier
from avianvox.judge import listening, run
from avianvox.judge.listening import Hearing, listen
from avianvox.judge.run import Settings, compare, judge
from avianvox.judge.sounds import Sound, judged_set
from avianvox.judge.trained_on import remark, trained_on
from avianvox.modelfile import read_model_file, write_model_file
from avianvox.modelinfo import SPECIES, ModelInfo, Output
from avianvox.types import NO_BIRD, LabelSet, Recording
from avianvox.workers import Workplace


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
