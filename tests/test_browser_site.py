"""The folder that ``avianvox export --web`` writes: its files, what it never replaces, what is refused."""

import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from handmade_ear import ear
from handmade_model import SPEC
from test_waveform_models import INFO as EAR

from avianvox.browser import litert
from avianvox.browser.site import PAGE, write_site
from avianvox.cli.main import cli
from avianvox.errors import AvianvoxError, ModelFileError, OutputError
from avianvox.modelfile import write_model_file
from avianvox.modelfolder import find_model
from avianvox.modelinfo import ModelInfo

MODEL = find_model("caribbean_california")
REPOSITORY = Path(__file__).resolve().parent.parent


def export(*args: str) -> Result:
    return CliRunner().invoke(cli, ["export", *args])


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_folder_holds_the_model_and_all_that_the_page_asks_for(tmp_path: Path) -> None:
    """Its scripts, its style, LiteRT and licences; what is kept for offline use is all of it, and no more."""
    site = write_site(MODEL, tmp_path / "site")
    made = everything(site.path)
    assert made["model.tflite"] == MODEL.read_bytes()
    assert json.loads(made[PAGE])["model_sha256"] == sha256(MODEL.read_bytes()).hexdigest()
    assert set(made) == set(site.sizes)
    assert site.n_bytes == sum(map(len, made.values())) < 12_000_000
    texts = [made[name].decode() for name in made if name.endswith((".js", ".html")) and "/" not in name]
    named = {
        name for text in texts for name in re.findall(r'["(]\.?/?([\w./-]+\.(?:js|css|svg|png|json))"', text)
    }
    assert named <= set(made)
    kept = json.loads(made["sw.js"].decode().split("const FILES = ")[1].split(";")[0])
    assert set(kept) == {"./", *made} - {"sw.js"}
    for text in texts:
        assert not re.findall(r"https?://(?!localhost)[\w.]", text), "the page speaks with nobody"
    licences = made["LICENSES.txt"].decode()
    assert "Apache License" in licences
    assert (REPOSITORY / "LICENSE").read_text() in licences
    assert "CC BY-NC-SA" in made["MODEL_CARD.md"].decode()


def test_the_same_model_gives_the_same_bytes_and_another_one_another_version(tmp_path: Path) -> None:
    first, again = (everything(write_site(MODEL, tmp_path / name).path) for name in ("first", "again"))
    assert first == again
    other = tmp_path / "ear.tflite"
    write_model_file(other, flatbuffer=ear(), info=replace(EAR, outputs=EAR.outputs[:1]), card="# Tones\n")
    second = everything(write_site(other, tmp_path / "first").path)
    assert second["model.tflite"] == other.read_bytes()
    assert second["sw.js"] != first["sw.js"]


def test_nothing_of_somebody_else_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("my page")
    (tmp_path / "file").write_text("mine")
    before = everything(tmp_path)
    for name, said in {"mine": "holds index.html", "file": "is a file"}.items():
        with pytest.raises(OutputError, match=said) as raised:
            write_site(MODEL, tmp_path / name)
        assert "choose another --web" in str(raised.value)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("payload", ["onnx", "head"])
def test_a_model_without_a_graph_of_tflite_is_refused(tmp_path: Path, payload: str) -> None:
    path = tmp_path / "other.avianvox"
    write_model_file(path, flatbuffer=b"something else", info=replace(EAR, payload=payload), card="# Other\n")
    with pytest.raises(ModelFileError, match=f"got one of '{payload}'"):
        write_site(path, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_an_fft_that_the_page_does_not_know_is_refused(tmp_path: Path) -> None:
    spec = SPEC.with_changes(n_fft=1536)
    path = tmp_path / "odd.tflite"
    write_model_file(path, flatbuffer=ear(), info=ModelInfo("odd", "x", spec, EAR.labels), card="# Odd\n")
    with pytest.raises(ModelFileError, match="power of two, got 1536"):
        write_site(path, tmp_path / "site")


def test_a_damaged_installation_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(litert.FILES, "litert.js", "0" * 64)
    with pytest.raises(AvianvoxError, match="is damaged; install avianvox again"):
        write_site(MODEL, tmp_path / "site")


def test_the_command_takes_the_default_model_a_name_or_a_file(tmp_path: Path) -> None:
    done = export("--web", str(tmp_path / "default"))
    assert done.exit_code == 0
    first, look, then = done.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'default'}: page for caribbean_california, 36 classes, ")
    assert look.endswith(f"python3 -m http.server 8000 --bind 127.0.0.1 --directory {tmp_path / 'default'}")
    assert "http://localhost:8000" in then
    told = json.loads(export(str(MODEL), "--web", str(tmp_path / "file"), "--json").stdout)["web"]
    assert told["model"] == "caribbean_california"
    assert everything(tmp_path / "default") == everything(tmp_path / "file")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "Missing argument 'RUN'"),
        (["caribbean_california"], "Missing option '--out'"),
        (["caribbean_california", "--web", "site", "--out", "m.tflite"], "takes no other options"),
        (["--web", "site", "--quantize", "dynamic"], "takes no other options"),
        (["runs", "--web", "site", "--head-only"], "browsers need the ear too"),
    ],
)
def test_options_that_contradict_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    done = export(*args)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "site").exists()


def test_an_unknown_model_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = export("sparrows", "--web", "site")
    assert isinstance(done.exception, AvianvoxError | SystemExit)
    assert "no model 'sparrows'" in (done.stderr or str(done.exception))
