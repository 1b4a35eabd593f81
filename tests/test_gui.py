"""The window without a page: the lines that it runs, how it follows them, folders, records, tables."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")


from gui_window import ASKED, sounds_fixture, table_fixture  # noqa: F401, fixtures

from avianvox.cli.main import COMMANDS, cli
from avianvox.desk.gui.asked import classify_run, overview_step, train_run
from avianvox.desk.gui.folders import folder_content
from avianvox.desk.gui.progress import LedgerTail, read_epochs
from avianvox.desk.gui.records import Records
from avianvox.desk.gui.results import NOT_NAMED, formats, read_found, table_as
from avianvox.desk.gui.work import remaining
from avianvox.errors import InputError, ModelFileError
from avianvox.modelfolder import DEFAULT_MODEL, own_path
from avianvox.tables.formats import WRITE_ONLY, read_table
from avianvox.types import Status


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
