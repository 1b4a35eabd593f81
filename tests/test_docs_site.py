"""The site: pages speak of commands and options that there are, and of the numbers of the bundled model."""

import http.client
import importlib.util
import json
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
import pytest
import soxr

import avianvox
from avianvox.cli.main import COMMANDS, cli

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
PAGES = [*sorted(REPOSITORY.glob("*.md")), *sorted(REPOSITORY.glob("[dm]*/*.md"))]


def called(text: str) -> Iterator[list[str]]:
    """The words of every ``avianvox`` command in code of a page, one command of a pipe at a time."""
    blocks = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    blocks += re.findall(r"^(?: {4}\S.*\n)+", text, re.MULTILINE)
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").split("\n") + re.findall(r"`([^`\n]+)`", prose)
    for line in lines:
        for part in re.split(r" \| ?| && | > | # ", line):
            if re.match(r"(?:\$ )?avianvox [a-z]", part.strip()):
                yield part.strip().removeprefix("$ ").split()


def unknown(words: list[str]) -> list[str]:
    """What of a command is no command and no option of it."""
    command: click.Command = cli
    rest = words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = COMMANDS.get(rest[0]) if command is cli and rest[0] in COMMANDS else None
        found = found or getattr(command, "commands", {}).get(rest[0])
        if found is None and "show" in getattr(command, "commands", {}):  # which need not be said
            command = command.commands["show"]
            break
        if found is None:
            return [rest[0]]
        command, rest = found, rest[1:]
    known = {"-h", "--help", *(o for p in command.params for o in (*p.opts, *p.secondary_opts))}
    options = [word.partition("=")[0] for word in rest if re.match(r"--?[a-zA-Z]", word)]
    return [option for option in options if option not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_commands_on_the_pages_exist_with_their_options(page: Path) -> None:
    wrong = {" ".join(words): unknown(words) for words in called(page.read_text(encoding="utf-8"))}
    assert {command: names for command, names in wrong.items() if names} == {}


def test_a_wrong_option_is_seen() -> None:
    (words,) = called("`avianvox classify a.wav --min-sore 0.3`")
    assert unknown(words) == ["--min-sore"]
    assert unknown(["avianvox", "models", "ad"]) == ["ad"]


@pytest.fixture(scope="module")
def about() -> dict[str, Any]:
    """What the bundled model says of itself."""
    with zipfile.ZipFile(REPOSITORY / "avianvox" / "bundled" / "caribbean_california.tflite") as inside:
        found: dict[str, Any] = json.loads(inside.read("avianvox.json"))
    return found


@pytest.mark.parametrize("page", ["phone", "start-app"])
def test_the_shapes_are_those_of_the_bundled_model(page: str, about: dict[str, Any]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    text = (DOCS / f"{page}.md").read_text(encoding="utf-8").replace("_", ",")
    model = REPOSITORY / "avianvox" / "bundled" / "caribbean_california.tflite"
    score = Interpreter(str(model)).get_signature_runner("serving_default")
    (n_samples,) = score.get_input_details()["waveform"]["shape"][1:]
    (n_classes,) = score.get_output_details()["scores"]["shape"][1:]
    spec = about["spec"]
    assert n_samples == (spec["n_frames"] - 1) * spec["hop_length"] + spec["n_fft"]
    assert f"(1, {n_samples:,})" in text
    assert f"(1, {n_classes})" in text
    assert f"{n_samples / spec['sample_rate']:.2f} s" in text
    assert f"{127 * spec['hop_length'] + spec['n_fft']:,}" in text


def test_steps_and_calibration_of_the_phone_are_those_of_the_bundled_model(about: dict[str, Any]) -> None:
    text = (DOCS / "phone.md").read_text(encoding="utf-8")
    spec, level = about["spec"], about["calibration"]["window"]
    overlap = round(about["pooling"]["overlap_s"] * spec["sample_rate"] / spec["hop_length"])
    assert f"STEP = {(spec['n_frames'] - overlap) * spec['hop_length']:_}" in text
    assert f"`temperature` is {level['temperature']:.4f}" in text
    assert f"`uniform` {level['uniform']:.4f}" in text


def test_the_filter_of_the_phone_halves_as_our_resampler_does() -> None:
    rng = np.random.default_rng(0)
    sound = soxr.resample(rng.standard_normal(30_000), 20_000, 44_100).astype(np.float32)  # up to 10 kHz
    k = np.arange(127) - 63
    taps = np.where(k == 0, 2 * 0.2375, np.sin(2 * np.pi * 0.2375 * k) / np.where(k == 0, 1, np.pi * k))
    taps = taps * (0.5 + 0.5 * np.cos(np.pi * k / 64))
    halved = np.convolve(sound, taps / taps.sum(), mode="valid")[1::2]
    wanted = soxr.resample(sound, 44_100, 22_050)[32:][: len(halved)]
    error = halved[200:-200] - wanted[200 : len(halved) - 200]
    assert np.sqrt(np.mean(error**2)) < 0.01 * np.sqrt(np.mean(wanted**2))


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_all(folder: Path) -> None:
    """In a process of its own: a command that was called without its group forgets ``-h``."""
    write = "import sys; from pathlib import Path; import generate; generate.write_all(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", write, str(folder)], cwd=DOCS, check=True)


def test_every_command_and_every_public_name_has_its_place(tmp_path: Path) -> None:
    write_all(tmp_path)
    commands = (tmp_path / "commands.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        page = (tmp_path / "commands" / f"{name}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# avianvox {name}\n")
        assert f"Usage: avianvox {name}" in page
        assert f"commands/{name}.md" in commands
    names = (tmp_path / "python-api.md").read_text(encoding="utf-8")
    for name in avianvox.__all__:
        assert name.startswith("__") or f":: avianvox.{name}\n" in names
    card = (tmp_path / "models" / "caribbean_california.md").read_text(encoding="utf-8")
    assert "## Limits" in card


def test_a_page_that_is_no_longer_generated_goes(tmp_path: Path) -> None:
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "gone.md").write_text("# gone\n", encoding="utf-8")
    write_all(tmp_path)
    assert not (tmp_path / "commands" / "gone.md").exists()


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("[m](../models/README.md)", "[m](https://github.com/avianvox/avianvox/blob/main/models/README.md)"),
        ("[n](../notebooks)", "[n](https://github.com/avianvox/avianvox/tree/main/notebooks)"),
        ("[t](../tables.md#sites)", "[t](../tables.md#sites)"),
        ("[t](tables.md)", "[t](tables.md)"),
    ],
)
def test_links_out_of_the_pages_lead_to_the_repository(
    generate: ModuleType, link: str, leads_to: str
) -> None:
    assert generate.on_site(link) == leads_to


def test_every_page_has_a_place_in_the_navigation() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8").split("\n")
    assert [page.stem for page in DOCS.glob("*.md") if page.stem != "index" and page.stem not in index] == []


def test_the_server_of_the_start_for_apps_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code as it stands there: a recording, what is none, an empty body, and a body that is too long."""
    text = (DOCS / "start-app.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- server -->\n```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    code: dict[str, Any] = {"__name__": "server"}
    exec(found[1], code)
    monkeypatch.setattr(code["Names"], "log_message", lambda *_: None)
    server = code["ThreadingHTTPServer"](("127.0.0.1", 0), code["Names"])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def ask(body: bytes, *, length: str = "") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        connection.request("POST", "/", body, {"Content-Length": length or str(len(body))})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    try:
        status, content = ask((REPOSITORY / "avianvox" / "bundled" / "sample.ogg").read_bytes())
        rows = json.loads(content)
        assert (status, rows[0]["scientific_name"], len(rows)) == (200, "Coccyzus vieilloti", 3)
        for body, expected in ((b"no sound", "undecodable"), (b"", "empty")):
            status, content = ask(body)
            assert (status, json.loads(content)[0]["status"]) == (422, expected)
        for length in ("-1", "50000001", "9" * 5000, "x"):
            assert ask(b"", length=length)[0] == 413
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
