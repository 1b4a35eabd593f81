"""JSON and text of others: bounded, recognised, and refused in one line."""

import json
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pytest

from avianvox.config import read_toml
from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.splits import Split
from avianvox.documents import MOST_DEPTH, Kind, parse_json, read_json
from avianvox.errors import AvianvoxError, CatalogError, ConfigError, InputError, ModelFileError, RunError
from avianvox.evaluation.run_folder import FOLDER as CROSSVAL
from avianvox.export.card import read_figures
from avianvox.features.layout import read_description
from avianvox.features.spec import FeatureSpec
from avianvox.files import open_arrays
from avianvox.inference.gate import Gate
from avianvox.tables.formats import read_table, write_table
from avianvox.texts import open_lines, read_text
from avianvox.training.run import FOLDER as RUN
from avianvox.types import Detection
from avianvox.words import printable, printable_lines, valid_unicode

DEEP = b"[" * 200_000 + b"]" * 200_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DEEP, "nested too deeply"),
        (b"[" * (MOST_DEPTH + 1) + b"]" * (MOST_DEPTH + 1), "nested too deeply"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "nested too deeply"),
        (b"7" * 400, "a number of 400 digits"),
        (b"[7, -" + b"7" * 5_000 + b"]", "a number of 500"),
        (b'{"a": "\xe9"}', "can't decode"),
        (b"", "Expecting value"),
        (b"{} {}", "Extra data"),
    ],
)
def test_what_is_no_bounded_json(text: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        parse_json(text)
    assert len(str(raised.value)) < 200
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(ValueError, match=message):
        read_json(tmp_path / "a.json")


def test_what_is_json_comes_through() -> None:
    document = {"a": [1, -2.5, None, True, "ñ\ud83d"], "big": 10**38, "deep": [[[[]]]], "many": [[]] * 500}
    assert parse_json(json.dumps(document)) == document
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]
    assert parse_json(b"[" * MOST_DEPTH + b"]" * MOST_DEPTH)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "a.json", "wb") as stream:
        stream.truncate(1 << 40)  # a hole
    with pytest.raises(OSError, match="larger than"):
        read_json(tmp_path / "a.json")


READERS = {
    "gate": (Gate.load, ModelFileError, "a.json"),
    "split": (lambda path: Split.load(path, []), CatalogError, "a.json"),
    "training run": (lambda path: RUN.read(path.parent), RunError, "config.json"),
    "cross-validation": (lambda path: CROSSVAL.read(path.parent), RunError, "config.json"),
    "store": (lambda path: read_description(path.parent), AvianvoxError, "store.json"),
    "figures": (lambda path: read_figures(path, "cnn"), InputError, "a.json"),
    "answer": (lambda path: read_catalog(path.parent), CatalogError, "recordings.json"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "text",
    [DEEP, b"[]", b"7" * 400, b'"recordings"', b'{"recordings": 7}', b'{"kind": []}', b"\xff\xfe", b"{"],
)
def test_every_reader_says_it_in_one_line(name: str, text: bytes, tmp_path: Path) -> None:
    read, error, file = READERS[name]
    (tmp_path / file).write_bytes(text)
    with pytest.raises(error) as raised:
        read(tmp_path / file)
    assert str(raised.value).isprintable()
    assert str(tmp_path) in str(raised.value)


def test_a_kind_tells_itself_from_others(tmp_path: Path) -> None:
    kind = Kind("gate", "a gate", 3, ModelFileError, "write one", "train it again")
    file = tmp_path / "a.json"
    with pytest.raises(ModelFileError, match=r"cannot read the gate .*a\.json: No such file"):
        kind.read(file)
    for document, message in (
        ({"kind": "other", "version": 3}, r"a\.json is not a gate; write one"),
        (
            {"kind": "a gate", "version": 2},
            "a gate of format version 2, this release reads 3; train it again",
        ),
        ({"kind": "a gate", "version": True}, "of format version True"),
        ({"kind": "a gate"}, "of format version None"),
    ):
        file.write_text(json.dumps(document))
        with pytest.raises(ModelFileError, match=message):
            kind.read(file)
    file.write_text('{"kind": "a gate", "version": 3}')
    assert kind.read(file) == {"kind": "a gate", "version": 3}


_NO_TOML = (
    b"a = " + b"[" * 100_000,
    b"a = " + b"7" * 5_000,
    b"[features]\nfmin_hz = " + b"7" * 400,
    b"a = '\xf1'",
    b"features = 3",
)


@pytest.mark.parametrize("text", _NO_TOML)
def test_a_configuration_that_is_none(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(text)
    with pytest.raises(ConfigError) as raised:
        read_toml(tmp_path / "a.toml", {"features": FeatureSpec})
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "changes", [{"n_fft": 1 << 40}, {"n_mels": 1 << 30}, {"sample_rate": 10**12}, {"log_floor": float("nan")}]
)
def test_a_spec_that_would_take_all_memory(changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be positive and at most"):
        FeatureSpec(**changes)  # type: ignore[arg-type]


ROWS = [Detection("güira.wav", begin_s=0.0, end_s=1.0, scientific_name="Turdus ñandú")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
@pytest.mark.parametrize(
    "name", ["csv", "jsonl", "kaleidoscope", "birdnet", "generic_seq", "raven", "audacity"]
)
def test_tables_in_the_encoding_of_another_program(name: str, encoding: str, tmp_path: Path) -> None:
    table = tmp_path / "güira.txt"
    write_table(ROWS, table, name)
    table.write_bytes(table.read_text(encoding="utf-8").encode(encoding))
    found = list(read_table(table, name))
    assert [row.scientific_name for row in found] == ["Turdus ñandú"]
    write_table(found, tmp_path / "t.csv", "csv")
    assert "Turdus ñandú" in (tmp_path / "t.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path,status\na\x81.wav,ok\n", r"line 2: neither UTF-8 nor Windows-1252 \(byte 0x81\)"),
        (
            "path,status\na.wav,ok\n".encode("utf-16-le"),
            "looks like UTF-16 without its mark; save it",
        ),
        ("path,status\na.wav,ok\n".encode("utf-32"), "looks like UTF-32; save it as UTF-8"),
        ("path,status\na.wav,ok\n".encode("utf-16")[:-1], "damaged text in UTF-16"),
        (b"path,status\n" + b"a" * 2_000_000, "line 2: expected a table of text, this line doesn't end"),
    ],
)
def test_what_is_no_text_is_refused_by_its_name(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_table(tmp_path / "t.csv", "csv"))


def test_lines_keep_their_ends(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a\r\nb\rc\nd")
    with open_lines(tmp_path / "a") as lines:
        assert list(lines) == ["a\r\n", "b\r", "c\n", "d"]
    (tmp_path / "empty").touch()
    assert read_text(tmp_path / "empty") == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Turdus merula", "Turdus merula"),
        ("güira 鳥", "güira 鳥"),
        ("a\xa0b", "a b"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[2J\x9b", "\\u001b[2J\\u009b"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("caf\udce9", "caf\ufffd"),
        ("\ud800", "\ufffd"),
        ("\U000e0001", "\\udb40\\udc01"),
    ],
)
def test_names_as_they_are_shown(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
    assert str(InputError(text)) == shown


def test_json_that_is_shown_stays_json() -> None:
    document = {"name": "a\x9b\u202e\n\U000e0001", "list": ["\x1b"]}
    text = json.dumps(document, ensure_ascii=False, indent=1)
    assert json.loads(printable_lines(text)) == document


def test_a_long_message_is_cut() -> None:
    assert len(str(InputError("x" * 100_000))) < 2_100
    assert valid_unicode("a\ud800\udce9") == "a\ufffd\ufffd"


def test_a_gate_of_infinite_numbers_is_none(tmp_path: Path) -> None:
    document = Gate.load().to_mapping()
    for change in ({"bias": 1e999}, {"thresholds": {"0.98": np.nan}}, {"weights": 10**39}, {"figures": 3}):
        (tmp_path / "gate.json").write_text(json.dumps(document | change))
        with pytest.raises(ModelFileError, match=r"gate\.json is damaged"):
            Gate.load(tmp_path / "gate.json")


@pytest.mark.parametrize("content", [b"", b"[1, 2]", bytes(100), b"PK\x03\x04 half"])
def test_arrays_that_are_none_come_without_advice_to_run_them(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises((ValueError, BadZipFile)) as raised, open_arrays(tmp_path / "a.npz"):
        pass
    assert "pickle" not in str(raised.value)
    with pytest.raises(FileNotFoundError), open_arrays(tmp_path / "b.npz"):
        pass
