"""The user's own models: found by name, listed, removed, and made the default."""

import json
import sys
from pathlib import Path

import pytest
from handmade_model import write_handmade

from avianvox import modelfolder
from avianvox.cli.main import main
from avianvox.errors import ModelFileError
from avianvox.modelfolder import DEFAULT_MODEL, default_model, find_model


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AVIANVOX_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return write_handmade(tmp_path / "models" / "mine.tflite")


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0), *capsys.readouterr()


def test_the_folder_is_where_the_platform_keeps_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AVIANVOX_MODELS", raising=False)
    monkeypatch.setattr(modelfolder.os.path, "expanduser", lambda _: str(tmp_path))
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    places = {"linux": ".local/share", "darwin": "Library/Application Support", "win32": "AppData/Local"}
    for platform, place in places.items():
        monkeypatch.setattr(sys, "platform", platform)
        assert modelfolder.model_folder() == tmp_path / place / "avianvox" / "models"
    monkeypatch.setenv("AVIANVOX_MODELS", "elsewhere")
    assert modelfolder.model_folder() == Path("elsewhere")


def test_an_own_model_is_found_by_name_and_a_bundled_one_wins(own: Path) -> None:
    assert find_model("mine") == own
    write_handmade(own.with_name(f"{DEFAULT_MODEL}.tflite"))
    assert find_model(DEFAULT_MODEL).parent != own.parent
    with pytest.raises(ModelFileError, match=r"no model 'mien': .*models add.*; did you mean 'mine'"):
        find_model("mien")
    with pytest.raises(ModelFileError, match=r"is a folder, .*: avianvox export .* --out model\.tflite"):
        find_model(own.parent)
    with pytest.raises(ModelFileError, match="can't name a model"):
        modelfolder.own_path("../mine")


def test_list_default_and_remove(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models", "default", capsys=capsys)[1] == f"{DEFAULT_MODEL}\n"
    assert run("models", "default", "mine", capsys=capsys)[:2] == (0, "mine\n")
    rows = [json.loads(line) for line in run("models", "list", "--json", capsys=capsys)[1].splitlines()]
    assert {row["name"]: (row["default"], row["bundled"]) for row in rows} == {
        "mine": (True, False),
        DEFAULT_MODEL: (False, True),
    }
    assert "name: low_middle_high" in run("models", "info", capsys=capsys)[1]
    assert run("models", "default", "--reset", capsys=capsys)[1] == f"{DEFAULT_MODEL}\n"
    assert run("models", "default", "mien", capsys=capsys)[0] == 2
    run("models", "default", "mine", capsys=capsys)
    assert run("models", "remove", "mine", capsys=capsys)[:2] == (0, f"removed {own}\n")
    assert (own.exists(), default_model()) == (False, DEFAULT_MODEL)
    code, _, err = run("models", "remove", "mine", capsys=capsys)
    assert (code, err.count("\n")) == (1, 1)
    assert "no model 'mine'" in err


def test_a_damaged_model_hides_no_other(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = own.with_name("bad.tflite")
    damaged.write_bytes(b"bad")
    code, told, errors = run("models", "list", capsys=capsys)
    assert (code, [line.split(":")[0] for line in told.splitlines() if ": " in line[:40]]) == (
        3,
        ["mine", f"{DEFAULT_MODEL} (default)"],
    )
    assert errors.startswith(f"failed: {damaged} is not a model")
    assert "models remove bad" in errors
    damaged.unlink()
    damaged.mkdir()
    assert run("models", "list", capsys=capsys)[0] == 3


def test_classify_takes_the_default(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = str(Path(modelfolder.__file__).parent / "bundled" / "sample.ogg")
    run("models", "default", "mine", capsys=capsys)
    own_names = {"Columba bassa", "Parus medius", "Regulus altus"}
    row = json.loads(run("classify", sound, "--format", "jsonl", capsys=capsys)[1].splitlines()[0])
    assert row["best_species"] in own_names if "best_species" in row else own_names & set(row.values())


def test_a_default_that_is_gone_says_how_to_forget_it(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("models", "default", "mine", capsys=capsys)
    own.unlink()
    code, _, err = run("models", "info", capsys=capsys)
    assert code == 1
    assert "models default --reset" in err
