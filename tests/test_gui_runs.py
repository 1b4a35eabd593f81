"""The window as a server: runs that pause, are killed and go on, and what is refused."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from gui_window import ASKED, N, Window, sounds_fixture, table_fixture, wait  # noqa: F401, fixtures
from test_desk import HERE, ask

from avianvox.cli.main import main
from avianvox.desk.gui.asked import classify_run
from avianvox.desk.gui.progress import LedgerTail
from avianvox.desk.gui.records import Records, Run, runs_path
from avianvox.desk.gui.start import opened_gui, run_gui
from avianvox.desk.gui.work import Work
from avianvox.desk.server import served
from avianvox.errors import InputError
from avianvox.modelfolder import DEFAULT_MODEL
from avianvox.verdicts.table import verdicts_path


def test_a_command_ends_as_by_ctrl_c_when_its_input_does(sounds: Path, tmp_path: Path) -> None:
    step = classify_run({**ASKED, "folder": str(sounds), "out": str(tmp_path)}).steps[0]
    command = [sys.executable, "-m", "avianvox.desk.gui.child", *step]
    with subprocess.Popen(command, stdin=-1, stderr=-1, text=True) as process:
        assert process.stdin is not None
        tail = LedgerTail.of_table(str(tmp_path / "events.csv"))
        wait(lambda: tail.read().n > 2 or process.poll() is not None)
        process.stdin.close()
        assert process.wait(120) == 1
        assert process.stderr is not None
        assert process.stderr.read().startswith("avianvox: interrupted; with --output, --resume goes on")
    assert 2 < tail.read().n < N
    assert not tail.finished


def test_a_run_goes_on_after_a_pause_and_after_a_kill(sounds: Path, tmp_path: Path) -> None:
    asked = {"folder": str(sounds), "out": str(tmp_path / "results"), "by": "event"}
    window = Window(tmp_path)
    try:
        refused = window.post("classify", {**asked, "min_score": "7"})
        assert "7.0 is not in the range" in refused["error"]
        assert window.get("runs") == []
        run = window.post("classify", asked)
        path = f"runs/{run['id']}"
        assert "a run writes there now" in window.post("classify", asked)["error"]
        wait(lambda: window.get(path)["done"] > 2)
        window.post(f"{path}/pause")
        wait(lambda: window.get(path)["state"] == "paused")
        paused = window.get(path)
        assert 2 < paused["done"] < paused["total"] == N
        window.post(f"{path}/resume")
        wait(lambda: window.get(path)["done"] > paused["done"] + 2)
    finally:
        window.end(signal.SIGKILL)
    window = Window(tmp_path)
    try:
        there = window.get(path)
        assert paused["done"] < there["done"] < N
        wait(lambda: window.post(f"{path}/resume") and window.get(path)["state"] != "failed")
        wait(lambda: window.get(path)["state"] == "done")
        found = [row["path"] for row in window.get(f"{path}/rows?from=0&count=500")["rows"]]
        assert [*dict.fromkeys(found)] == [str(path) for path in sorted(sounds.iterdir())]
        window.post("quit")
        assert window.process.wait(60) == 0
    finally:
        window.end()


def test_a_second_window_is_the_first_one(tmp_path: Path) -> None:
    first = Window(tmp_path)
    second = Window(tmp_path)
    try:
        assert second.address == first.address
        assert second.process.wait(60) == 0
        assert (tmp_path / "models" / "window.json").stat().st_mode & 0o077 == 0
        assert first.get("session")["models"][0]["name"] == DEFAULT_MODEL
    finally:
        first.end()
        second.end()
    assert not (tmp_path / "models" / "window.json").exists()
    third = Window(tmp_path)
    third.end()
    assert third.address != first.address


def test_nobody_else_reads_folders_or_begins_runs(tmp_path: Path) -> None:
    with opened_gui(tmp_path / "runs.json") as app, served(app) as address:
        assert ask(address, "folder")[0] == 200
        for path in ("/wrong/folder", "/folder"):
            assert ask(address, path)[0] == 404
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
            assert ask(address, "folder", **headers)[0] == 403
            assert ask(address, "classify", method="POST", body=ASKED, **HERE, **headers)[0] == 403
        assert ask(address, "classify")[0] == 405
        assert ask(address, "classify", method="POST", body=[], **HERE)[0] == 400
        assert not (tmp_path / "runs.json").exists()


def test_a_run_of_no_folder_and_results_in_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    cases = [
        ("classify", {"folder": "none"}, "none: there is no such folder; choose another"),
        ("train", {"folder": "none", "name": "mine", "what": "avianvox_small"}, "none: there is no such"),
        ("classify", {"folder": "", "out": "notes.txt"}, "notes.txt: there is a file where a folder"),
    ]
    with opened_gui(tmp_path / "runs.json") as app, served(app) as address:
        for kind, sent, line in cases:
            asked = {"out": "results", **sent}
            asked |= {name: str(tmp_path / asked[name]) for name in ("folder", "out")}
            status, _, content = ask(address, kind, method="POST", body=asked, **HERE)
            assert status == 400
            assert line in json.loads(content)["error"]
        assert json.loads(ask(address, "runs")[2]) == [], "nothing of it stays in the list"
        assert not (tmp_path / "results").exists()


def test_the_page_of_an_overview_can_ask_for_nothing(table: Path, tmp_path: Path) -> None:
    run = Records(tmp_path / "runs.json").add(
        Run(
            "classify",
            title="s",
            steps=(("classify", "s", "--by", "event"),),
            out=str(table),
            begun="",
            model="m",
        )
    )
    drawn = tmp_path / "events-overview"
    (drawn / "figures").mkdir(parents=True)
    (drawn / "overview.html").write_text("<p>season")
    (drawn / "figures" / "a.svg").write_text("<svg/>")
    with opened_gui(tmp_path / "runs.json") as app, served(app) as address:
        status, headers, content = ask(address, f"runs/{run.id}/overview/")
        assert (status, content) == (200, b"<p>season")
        assert headers["content-security-policy"].startswith("sandbox allow-scripts")
        assert ask(address, f"runs/{run.id}/overview/figures/a.svg")[2] == b"<svg/>"
        assert json.loads(ask(address, "runs")[2])[0]["overview"]["there"]
        verdicts = verdicts_path(table)
        verdicts.touch()
        os.utime(verdicts, ns=(0, (drawn / "overview.html").stat().st_mtime_ns + 1))
        assert not json.loads(ask(address, "runs")[2])[0]["overview"]["there"]
        for trick in (
            "../runs.json",
            "figures/../../runs.json",
            "..%2fruns.json/a",
            "figures/..%2f..%2fruns.json",
        ):
            assert ask(address, f"runs/{run.id}/overview/{trick}")[0] == 404


def test_jobs_end_with_their_server_and_errors_are_one_line(tmp_path: Path) -> None:
    with Work() as work:
        job = work.begin("a", [("models", "info", "nothing")])
        assert job.wait(120)
        assert job.error.startswith("no model 'nothing': expected a model file")
        listening = work.begin(
            "b", [("synth", str(tmp_path / "v"), "--recordings", "500", "--seconds", "60", "60")]
        )
        with pytest.raises(InputError, match="running already"):
            work.begin("b", [("models", "list")])
    assert not listening.running
    assert not work.scratch.exists()


def test_the_command_refuses_a_port_that_is_taken(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with opened_gui(tmp_path / "runs.json") as app, served(app) as address:
        port = address.split(":")[2].split("/")[0]
        with pytest.raises(SystemExit) as ended:
            main(["gui", "--no-browser", "--port", port])
        assert ended.value.code == 1
    told = capsys.readouterr()
    assert told.err.startswith(f"avianvox: port {port} of 127.0.0.1 cannot be used")
    assert not runs_path().with_name("window.json").exists()
    assert callable(run_gui)
