"""The model file: round trip, and one clear line for everything that is not one."""

import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from avianvox import modelfolder
from avianvox.errors import ModelFileError, OutputError
from avianvox.features.spec import FeatureSpec
from avianvox.modelfile import read_model_file, verify_model_file, write_model_file
from avianvox.modelfolder import bundled_models, find_model
from avianvox.modelinfo import ModelInfo
from avianvox.types import LabelSet

FLATBUFFER = b"\x1c\0\0\0TFL3" + bytes(range(200))
INFO = ModelInfo(
    name="two_birds",
    kind="cnn_v20",
    spec=FeatureSpec(n_mels=64, n_frames=32),
    labels=LabelSet(("Coereba flaveola", "Zonotrichia capensis"), ("Bananaquit", "Pincón")),
    quantization="float16",
    provenance={"seed": 3, "figures": {"accuracy": 0.25}},
    licences={"model": "CC BY-NC-SA 4.0"},
    parity={"keras_litert": 1e-6},
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    write_model_file(path, flatbuffer=FLATBUFFER, info=INFO, card="# Tarjeta ñ\n")
    return path


def error_line(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_model_file(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line


def test_round_trip(model: Path) -> None:
    read = read_model_file(model)
    assert read.info == INFO
    assert read.card == "# Tarjeta ñ\n"
    assert read.flatbuffer == FLATBUFFER
    assert verify_model_file(model) == []


def test_same_content_gives_the_same_bytes(model: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.tflite"
    write_model_file(again, flatbuffer=FLATBUFFER, info=INFO, card="# Tarjeta ñ\n")
    assert again.read_bytes() == model.read_bytes()


def test_any_zip_program_reads_it(model: Path) -> None:
    with zipfile.ZipFile(model) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["labels.txt", "avianvox.json", "MODEL_CARD.md"]
        assert archive.read("labels.txt").decode().split("\n")[:2] == list(INFO.labels.names)
        assert json.loads(archive.read("avianvox.json"))["spec"]["n_mels"] == 64
        assert archive.infolist()[0].header_offset == len(FLATBUFFER)


def test_every_flipped_byte_is_noticed(model: Path) -> None:
    whole = model.read_bytes()
    for i in range(len(whole)):
        model.write_bytes(whole[:i] + bytes([whole[i] ^ 0x20]) + whole[i + 1 :])
        assert len(verify_model_file(model)) == 1, i


def test_every_cut_is_noticed(model: Path) -> None:
    whole = model.read_bytes()
    for length in range(0, len(whole), 7):
        model.write_bytes(whole[:length])
        assert len(verify_model_file(model)) == 1, length


def test_damage_says_where(model: Path) -> None:
    whole = model.read_bytes()
    model.write_bytes(whole.replace(b"Coereba", b"Coerebo", 1))
    assert "is damaged: labels.txt and zip differ" in error_line(model)
    model.write_bytes(whole[:50] + b"\xff" + whole[51:])
    assert "is damaged: flatbuffer differ" in error_line(model)


def test_a_foreign_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.tflite"
    path.write_bytes(FLATBUFFER)
    assert "another program made it" in error_line(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "cat\ndog\n")
    assert "has no avianvox.json" in error_line(path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a model at all, only text"])
def test_other_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.tflite"
    path.write_bytes(content)
    assert "is not a model" in error_line(path)


def test_an_unknown_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "later.tflite"
    write_model_file(path, flatbuffer=FLATBUFFER, info=replace(INFO, format_version=99), card="")
    assert re.search("format version 99.*reads versions 1 to 2.*update avianvox", error_line(path))


def test_writing_refuses_what_is_not_a_flatbuffer(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="TFLite flatbuffer"):
        write_model_file(tmp_path / "x.tflite", flatbuffer=b"hello", info=INFO, card="")
    with pytest.raises(OutputError, match="does not exist"):
        write_model_file(tmp_path / "no" / "x.tflite", flatbuffer=FLATBUFFER, info=INFO, card="")
    assert list(tmp_path.iterdir()) == []


def test_models_are_found_by_name_or_path(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelfolder, "BUNDLED_FOLDER", model.parent)
    assert bundled_models() == {"model": model}
    assert find_model("model") == find_model(model) == model
    with pytest.raises(ModelFileError, match=r"no model 'modle': .*known: model.*did you mean 'model'\?"):
        find_model("modle")


def test_reading_needs_no_interpreter(model: Path) -> None:
    code = (
        "import sys, avianvox.modelfile as m; m.read_model_file(sys.argv[1]); "
        "print([n for n in ('ai_edge_litert', 'tensorflow', 'keras') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
