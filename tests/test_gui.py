"""The window without a page: the lines that it runs, how it follows them, folders, records, tables."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from test_desk import HERE, ask

from avianvox.cli.main import COMMANDS, cli, main
from avianvox.desk.gui.asked import classify_run, overview_step, train_run
from avianvox.desk.gui.folders import folder_content
from avianvox.desk.gui.progress import LedgerTail, read_epochs
from avianvox.desk.gui.records import Records, Run, runs_path
from avianvox.desk.gui.results import NOT_NAMED, formats, read_found, table_as
from avianvox.desk.gui.start import opened_gui, run_gui
from avianvox.desk.gui.work import Work, remaining
from avianvox.desk.server import served
from avianvox.errors import InputError, ModelFileError
from avianvox.modelfolder import DEFAULT_MODEL, own_path
from avianvox.tables.columns import HEADER, to_csv
from avianvox.tables.formats import WRITE_ONLY, read_table
from avianvox.types import Decision, Detection, Status
from avianvox.verdicts.table import verdicts_path

ASKED = {"folder": "/sounds", "out": "/results", "by": "event", "model": ""}


def parsed(step: tuple[str, ...]) -> dict[str, Any]:
    """What the command makes of a line; raises where it refuses it."""
    command = COMMANDS.get(step[0])
    if step[0] == "models":
        command, step = command.commands[step[1]], step[1:]  # type: ignore[attr-defined]
    above = cli.context_class(cli, info_name="avianvox", **cli.context_settings)
    return command.make_context(step[0], list(step[1:]), parent=above).params


def test_what_is_chosen_is_a_line_that_the_command_takes(tmp_path: Path) -> None:
    sent = {
        **ASKED,
        "folder": str(tmp_path),
        "place": "here",
        "lat": "-18.2",
        "lon": 66,
        "date": "2026-05-20",
        "min_score": "0.3",
        "species_list": "Parus major",
        "site": "-x",
        "timezone": "America/Lima",
        "gate": True,
        "multi_label": False,
    }
    found = parsed(classify_run(sent).steps[0])
    expected = {
        "paths": (str(tmp_path),),
        "output": "/results/events.csv",
        "by": "event",
        "model": DEFAULT_MODEL,
        "resume": True,
        "place": None,
        "lat": -18.2,
        "lon": 66.0,
        "date": "2026-05-20",
        "min_score": 0.3,
        "species_list": "Parus major",
        "site": "-x",
        "timezone": "America/Lima",
        "gate": True,
        "multi_label": False,
    }
    assert {name: found[name] for name in expected} == expected
    assert parsed(classify_run({**ASKED, "place": "auto", "lat": "1"}).steps[0])["lat"] is None
    assert parsed(classify_run({**ASKED, "by": "window"}).steps[0])["output"] == "/results/windows.csv"
    assert classify_run({**ASKED, "folder": "~/a"}).title == os.path.expanduser("~/a")


def test_a_training_is_three_lines(tmp_path: Path) -> None:
    sent = {
        "folder": "/voices",
        "out": str(tmp_path / "r"),
        "name": "mine",
        "what": "avianvox_small",
        "epochs": 4,
    }
    run = train_run(sent)
    train, export, add = map(parsed, run.steps)
    assert (train["model"], train["epochs"], train["resume"]) == ("avianvox_small", 4, True)
    assert (export["out"], add["source"]) == (
        tmp_path / "r" / "mine.tflite",
        str(tmp_path / "r" / "mine.tflite"),
    )
    assert add["name"] == "mine"
    assert parsed(train_run({**sent, "what": "on:birdnet"}).steps[0])["ear"] == "birdnet"
    assert [step[0] for step in remaining(run)] == ["train", "export", "models"]
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "figures.json").touch()
    assert [step[0] for step in remaining(run)] == ["export", "models"]
    (tmp_path / "r" / "mine.tflite").touch()
    assert [step[0] for step in remaining(run)] == ["models"]
    own_path("mine").parent.mkdir(parents=True, exist_ok=True)
    own_path("mine").touch()
    try:
        assert remaining(run) == []
        with pytest.raises(InputError, match="there is a model 'mine' already"):
            train_run(sent)
    finally:
        own_path("mine").unlink()
    with pytest.raises(ModelFileError):
        train_run({**sent, "name": "../mine"})


def test_an_overview_is_a_line_that_the_command_takes(tmp_path: Path) -> None:
    (tmp_path / "events.csv").touch()
    found = parsed(overview_step(tmp_path / "events.csv", tmp_path / "o"))
    assert (found["results"], found["png"]) == ((tmp_path / "events.csv",), False)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"folder": ""}, "folder: choose one"),
        ({"out": " "}, "out: choose one"),
        ({"by": "hour"}, "by: expected one of"),
        ({"folder": ["a"]}, "folder: expected one line"),
        ({"site": "a\nb"}, "site: expected one line"),
        ({"place": "there"}, "place: expected"),
    ],
    ids=str,
)
def test_what_is_no_wish_is_one_line(sent: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        classify_run({**ASKED, **sent})
    assert len(str(caught.value).splitlines()) == 1


def test_folders_are_listed_and_recordings_counted(tmp_path: Path) -> None:
    for name in ("night", "Day", ".hidden"):
        (tmp_path / name).mkdir()
    for name in ("a.wav", "b.MP3", "c.txt", ".d.wav"):
        (tmp_path / name).touch()
    found = folder_content(str(tmp_path))
    assert (found["path"], found["parent"]) == (str(tmp_path), str(tmp_path.parent))
    assert (found["folders"], found["sounds"], found["more"]) == (["Day", "night"], 2, False)
    assert folder_content("")["path"] == os.path.abspath(os.path.expanduser("~"))
    assert folder_content(os.sep)["parent"] == ""
    with pytest.raises(InputError, match="no such folder"):
        folder_content(str(tmp_path / "none"))
    with pytest.raises(InputError, match="it is a file"):
        folder_content(str(tmp_path / "a.wav"))
    with pytest.raises(InputError, match=r"a.*b: .*null"):
        folder_content("/a\0b")


def entry(path: str, status: Status = Status.OK, **more: Any) -> str:
    return json.dumps({"path": path, "status": status, "message": "", "named": {}, **more}) + "\n"


def test_a_ledger_is_followed_as_it_grows(tmp_path: Path) -> None:
    tail = LedgerTail.of_table(str(tmp_path / "events.csv"))
    ledger = tmp_path / "events.csv.ledger.jsonl"
    assert (tail.read().n, tail.finished) == (0, False)
    ledger.write_text('{"finished": 0}\n' + entry("a", named={"Parus major": 2}) + entry("b")[:20])
    assert (tail.read().n, tail.finished) == (1, False)
    with open(ledger, "a") as lines:
        lines.write(entry("b")[20:] + entry("c", Status.MISSING, message="no such file"))
    assert tail.read().n == 3
    assert tail.read().n == 3
    assert (tail.named, tail.failures) == ({"Parus major": 2}, {"c": "no such file"})
    other = tmp_path / "other"
    other.write_text('{"finished": 1}\n' + "".join(map(entry, "abcdefgh")))  # longer than the first
    other.replace(ledger)
    assert (tail.read().n, tail.finished, tail.failures) == (8, True, {})


def test_epochs_are_read_from_the_log(tmp_path: Path) -> None:
    assert read_epochs(tmp_path).total == 0
    (tmp_path / "train.log").write_text(
        "     1.0 s  epoch 1/9  accuracy 0.1667  loss 3.1060\n"
        "     2.0 s  epoch 2/9  accuracy 0.6667  loss nan  val_loss 1.5\n"
        "     1.0 s  epoch 2/5  accuracy 0.5  loss 1.25\n"
    )
    found = read_epochs(tmp_path)
    assert (found.done, found.total) == (2, 5)
    assert found.figures == (
        {"epoch": 1, "accuracy": 0.1667, "loss": 3.106},
        {"epoch": 2, "accuracy": 0.5, "loss": 1.25},
    )


def test_the_list_of_runs_outlives_the_server(tmp_path: Path) -> None:
    records = Records(tmp_path / "new" / "runs.json")
    assert records.all() == []
    first = records.add(classify_run(ASKED))
    second = records.add(classify_run({**ASKED, "by": "window"}))
    assert Records(records.path).all() == [second, first]
    again = records.add(classify_run(ASKED))
    assert [run.id for run in records.all()] == [again.id, second.id]
    records.forget(second.id)
    assert records.find(again.id) == again
    with pytest.raises(InputError, match="not in the list"):
        records.find(second.id)
    for damaged in ("{}", '{"kind": "avianvox runs", "version": 1, "runs": [{"kind": "x"}]}', "["):
        records.path.write_text(damaged)
        with pytest.raises(InputError, match=r"runs\.json"):
            records.all()


ROWS = (
    Detection("/s/a.wav", begin_s=0.0, end_s=3.0, scientific_name="Parus major", common_name="Great Tit",
              score=0.9, decision=Decision.NAMED, decoded_s=9.0),
    Detection("/s/a.wav", begin_s=3.0, end_s=6.0, scientific_name="Parus major", common_name="Great Tit",
              score=0.8, decision=Decision.NAMED, decoded_s=9.0),
    Detection("/s/b.wav", begin_s=0.0, end_s=3.0, scientific_name="Turdus merula", score=0.2,
              decision=Decision.UNCERTAIN, decoded_s=9.0),
    Detection("/s/c.wav", decoded_s=9.0),
)  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "events.csv"
    path.write_text(HEADER + to_csv(ROWS))
    return path


def test_rows_and_species_of_a_table(table: Path) -> None:
    found = read_found(table)
    listed = [(one["species"], one["rows"], one["recordings"], one["best"]) for one in found.listed]
    assert listed == [("Parus major", 2, 1, 0.9), (NOT_NAMED, 2, 2, 0.2)]
    page = found.page("Parus major", 1, 5)
    assert (page["total"], [row["begin_s"] for row in page["rows"]]) == (2, [3.0])
    assert [row["name"] for row in found.page("", 0, 9)["rows"]] == ["a.wav", "a.wav", "b.wav", "c.wav"]
    with pytest.raises(InputError, match="no table yet"):
        read_found(table.with_name("none.csv"))


@pytest.mark.parametrize("name", formats())
def test_a_table_is_taken_away_in_every_format(table: Path, tmp_path: Path, name: str) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    content, called = table_as(table, name, scratch)
    assert list(scratch.iterdir()) == []
    if called.endswith(".zip"):
        assert content[:2] == b"PK"
        assert b"a.avianvox" in content
    elif name not in WRITE_ONLY:
        (scratch / called).write_bytes(content)
        species = {row.scientific_name or row.common_name for row in read_table(scratch / called, name)}
        assert species - {""} <= {"Parus major", "Great Tit", "Turdus merula"}
        assert species & {"Parus major", "Great Tit"}


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


N = 150


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory, synth_catalog_dir: Path) -> Path:
    """A folder with so many recordings that a run can be stopped among them."""
    folder = tmp_path_factory.mktemp("sounds")
    voices = sorted(synth_catalog_dir.rglob("*.flac"))
    for n in range(N):
        os.link(voices[n % len(voices)], folder / f"{n:03}.flac")
    return folder


def wait(done: Any, *, longest_s: float = 240.0) -> None:
    end = time.monotonic() + longest_s
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


class Window:
    """A server of the window in a process of its own, asked without a page."""

    def __init__(self, folder: Path, **more: str) -> None:
        environment = {**os.environ, "HOME": str(folder), "AVIANVOX_MODELS": str(folder / "models"), **more}
        command = [sys.executable, "-m", "avianvox", "gui", "--no-browser"]
        self.process = subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://127.0.0.1:"), self.process.communicate()

    def get(self, path: str) -> Any:
        status, _, content = ask(self.address, path)
        assert status == 200, content
        return json.loads(content)

    def post(self, path: str, body: Any = None) -> Any:
        status, _, content = ask(self.address, path, method="POST", body=body or {}, **HERE)
        assert status in (200, 400)
        return json.loads(content)

    def end(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=120)


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
