"""Model files whose contents mean harm, used by the command line: one line, and nothing moves the cursor."""

import csv
import io
import json
import wave
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade_model import LABELS, band_weights, make_flatbuffer, write_handmade

from avianvox.cli.main import main
from avianvox.errors import ModelFileError
from avianvox.modelfile import CARD, DESCRIPTION, read_model_file
from avianvox.modelfile import LABELS as LABELS_ENTRY
from avianvox.types import LabelSet
from avianvox.zip_tail import pack_zip

NAMES = ("\x1b[2JAus\nbus", "[bold]Cus[/] \u202edus", "=1+1")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    with wave.open(str(tmp_path / "sound.wav"), "wb") as file:
        file.setparams((1, 2, 22050, 0, "NONE", ""))
        file.writeframes((3000 * rng.standard_normal(22050 * 4)).astype("<i2").tobytes())
    return tmp_path / "sound.wav"


def run(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def changed(path: Path, *, card: bytes = b"# Card\n", **changes: Any) -> Path:
    """A model file with another card or other values in its description, and the right hashes."""
    model = read_model_file(write_handmade(path))
    labels = "".join(f"{name}\n" for name in model.info.labels.names).encode()
    parts = {"flatbuffer": model.flatbuffer, LABELS_ENTRY: labels, CARD: card}
    document = {**model.info.to_mapping(), **changes}
    document["sha256"] = {name: sha256(part).hexdigest() for name, part in parts.items()}
    text = json.dumps(document).encode()
    entries = {LABELS_ENTRY: labels, DESCRIPTION: text, CARD: card}
    path.write_bytes(model.flatbuffer + pack_zip(entries, offset=len(model.flatbuffer)))
    return path


def test_a_score_that_is_no_number_is_the_models_error(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for bad in (np.nan, np.inf):
        weights = band_weights()
        weights[1] = bad
        graph = make_flatbuffer(weights)
        monkeypatch.setattr("handmade_model.make_flatbuffer", lambda *_, signature, made=graph: made)
        model = write_handmade(tmp_path / "nan.tflite")
        code, out, err = run("classify", sound, "--model", model, "--jobs", "1", capsys=capsys)
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        assert "nan.tflite: the model 'low_middle_high' gives a score that is not finite" in err
        assert run("models", "verify", model, capsys=capsys)[0] == 3


def test_names_are_escaped_where_people_read_and_kept_where_programs_do(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_handmade(tmp_path / "names.tflite", labels=LabelSet(NAMES, NAMES[::-1]))
    for command in (["classify", sound, "--model", model, "--jobs", "1"], ["models", "info", model]):
        code, out, err = run(*command, capsys=capsys)
        assert code == 0
        assert all(line.isprintable() for line in (out + err).split("\n"))
        assert "\\u001b[2JAus\\nbus" in out
        assert "[bold]Cus[/] \\u202edus" in out
    code, out, err = run("models", "info", model, "--json", capsys=capsys)
    assert json.loads(out)["labels"] == list(NAMES)
    assert all(line.isprintable() for line in out.split("\n"))
    arguments = ("classify", sound, "--model", model, "--format", "csv", "--jobs", "1", "--raw")
    rows = list(csv.DictReader(io.StringIO(run(*arguments, capsys=capsys)[1], newline="")))
    assert {row["scientific_name"] for row in rows} == set(NAMES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"card": b"\xff\xfe"}, "MODEL_CARD.md is not UTF-8"),
        ({"labels": "abc"}, "expected a list of texts under 'labels', got 'abc'"),
        ({"labels": [1, 2, 3]}, "expected a list of texts under 'labels'"),
        ({"provenance": []}, r"expected an object under 'provenance', got \[\]"),
        ({"calibration": [3]}, "expected an object under 'calibration'"),
        ({"name": None}, "expected a text under 'name', got None"),
        ({"spec": 7}, "is not valid"),
        ({"spec_fingerprint": [[[]]]}, "expected a spec with fingerprint"),
        ({"format_version": 10**39}, "has format version 1000"),
        ({"parity": {"deep": json.loads("[" * 70 + "]" * 70)}}, "is damaged .it is nested too deeply"),
    ],
)
def test_a_description_of_another_shape(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=message) as raised:
        read_model_file(changed(tmp_path / "m.tflite", **changes))
    assert str(tmp_path / "m.tflite") in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_model_without_end_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "m.tflite", "wb") as stream:
        stream.write(b"\0\0\0\0TFL3")
        stream.truncate(1 << 40)  # a hole
    with pytest.raises(ModelFileError, match="cannot read model"):
        read_model_file(tmp_path / "m.tflite")
    assert len(LABELS) == 3
