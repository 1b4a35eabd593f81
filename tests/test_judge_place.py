"""A model with a geo model, judged with and without a place."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from handmade_ear import LABELS, N_SAMPLES, RATE, ear, tone
from handmade_geo import geo_entries

from avianvox.cli.main import main
from avianvox.features.waveform import WaveformSpec
from avianvox.inference.classifier import Classifier
from avianvox.inference.place_options import Place
from avianvox.judge import listening
from avianvox.judge.listening import Hearing
from avianvox.modelfile import write_model_file
from avianvox.modelinfo import SPECIES, ModelInfo, Output
from avianvox.types import LabelSet

NAMES = LabelSet(*(tuple(part) for part in zip(*(label.split("_") for label in LABELS), strict=True)))


def guano(path: Path, latitude: float) -> None:
    """Append a GUANO chunk that says where the recording was made."""
    text = f"GUANO|Version: 1.0\nLoc Position: {latitude} 20.0\n".encode()
    content = path.read_bytes()
    chunk = b"guan" + len(text).to_bytes(4, "little") + text + b"\0" * (len(text) % 2)
    size = int.from_bytes(content[4:8], "little") + len(chunk)
    path.write_bytes(content[:4] + size.to_bytes(4, "little") + content[8:] + chunk)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dove lives in the north. Its recordings are from there; in them the tit of the south is louder."""
    folder = tmp_path_factory.mktemp("placed")
    for name, others in (("placed", geo_entries()), ("placeless", {})):
        info = ModelInfo(
            name,
            "ear",
            WaveformSpec(RATE, N_SAMPLES),
            NAMES,
            outputs=(Output(SPECIES, 3, 0, "sigmoid", exclusive=False),),
            not_animals=("Engine",),
        )
        write_model_file(folder / f"{name}.tflite", flatbuffer=ear(), info=info, card="", others=others)
    birds = folder / "birds" / "Columba bassa"
    birds.mkdir(parents=True)
    sound = 0.3 * tone(500) + 0.32 * tone(1000)
    for i in range(3):
        soundfile.write(birds / f"b{i}.wav", np.concatenate([sound, sound]), RATE)
        if i:
            guano(birds / f"b{i}.wav", 60.0)
    return folder


def evaluate(*arguments: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *map(str, arguments)])
    assert ended.value.code == code


def judged(folder: Path, out: Path, *options: object) -> dict[str, object]:
    evaluate(folder / "placed.tflite", folder / "birds", "--out", out, *options)
    (found,) = json.loads((out / "figures.json").read_text())["models"].values()
    return dict(found)


def test_a_place_is_weighed_as_classify_does(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = judged(folder, tmp_path / "out")
    assert alone["all_classes"]["accuracy"]["value"] == 0.0  # type: ignore[index]
    capsys.readouterr()
    placed = judged(folder, tmp_path / "out", "--place", "auto")
    assert "place not known in 1 file: answered by sound alone" in capsys.readouterr().err
    assert placed["all_classes"]["accuracy"]["value"] == pytest.approx(2 / 3)  # type: ignore[index]
    assert (placed["placeless"], placed["place"]) == (1, {"weight": 2.0, "wall": 0.0})
    assert "place" not in alone
    north = judged(folder, tmp_path / "out", "--lat", 60, "--lon", 20)
    assert north["all_classes"]["accuracy"]["value"] == 1.0  # type: ignore[index]
    classifier = Classifier.load(folder / "placed.tflite")
    assert classifier.geo is not None
    sound = folder / "birds/Columba bassa/b0.wav"
    scores = classifier.geo.at(Place(60.0, 20.0)).weigh(classifier.classify(sound).scores)
    rows = (tmp_path / "out/recordings.csv").read_text().splitlines()
    assert f"Columba bassa,{scores[0]:.6f}" in next(row for row in rows if "b0.wav" in row)


def test_events_are_found_on_weighed_windows(folder: Path, tmp_path: Path) -> None:
    found = judged(folder, tmp_path / "out", "--lat", 60, "--lon", 20)
    row = next(row for row in found["alarms"]["rows"] if row["threshold"] == 0.5)  # type: ignore[index]
    assert (row["right"], row["false"]) == (3, 0)
    alone = judged(folder, tmp_path / "out")
    row = next(row for row in alone["alarms"]["rows"] if row["threshold"] == 0.5)  # type: ignore[index]
    assert (row["right"], row["false"]) == (3, 3)


def test_kept_answers_are_of_one_place_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = judged(folder, tmp_path / "out")
    placed = judged(folder, tmp_path / "out", "--place", "auto")

    def never(*_: object) -> None:
        raise AssertionError("a kept answer was worked out again")

    monkeypatch.setattr(listening, "listen", never)
    assert judged(folder, tmp_path / "out") == first
    assert judged(folder, tmp_path / "out", "--place", "auto") == placed
    assert "place" not in Hearing((0,), "max").to_mapping()  # so that answers of before are taken up


def test_thresholds_of_another_weight_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(folder, tmp_path / "out", "--place", "auto", "--thresholds", "choose")
    chosen = tmp_path / "out/thresholds.json"
    judged(folder, tmp_path / "out", "--lat", 60, "--lon", 20, "--thresholds", chosen)
    call = (folder / "placed.tflite", folder / "birds", "--out", tmp_path / "out", "--thresholds", chosen)
    evaluate(*call, code=1)
    assert "use the same options" in capsys.readouterr().err


def test_a_model_without_a_geo_model_knows_no_places(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = (folder / "placeless.tflite", folder / "birds", "--out", tmp_path / "out")
    evaluate(*call, "--place", "auto", code=1)
    assert "has no geo model" in capsys.readouterr().err
