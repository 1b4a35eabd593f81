"""``avianvox data``: results on standard output, exit code 3 when something is wrong."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from avianvox.cli.main import cli
from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.splits import Split

HEADER = "path,id,label,common_name,recordist,date,site,duration_s,licence"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["data", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [HEADER]
    for i in range(12):
        (tmp_path / f"{i}.wav").write_bytes(bytes([i]))
        species = ("Parus major,Great Tit", "Turdus merula,Blackbird")[i % 2]
        lines.append(f"{i}.wav,r{i:02d},{species},person {i % 3},2020-01-0{i % 4 + 1},wood,30,CC BY 4.0")
    (tmp_path / "recordings.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_list(folder: Path) -> None:
    result = run("list", folder)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[1] == ["Parus", "major", "6", "3.0", "6", "3", "Great", "Tit"]
    assert rows[-1] == ["total", "12", "6.0", "12", "3"]
    table = json.loads(run("list", folder, "--json").stdout)
    assert table["total"] == {"recordings": 12, "minutes": 6.0, "sessions": 12, "recordists": 3}
    assert [row["label"] for row in table["species"]] == ["Parus major", "Turdus merula"]


def _dated(folder: Path, *cells: str) -> Path:
    """A catalog of one recorder, with a date and a time in each row."""
    lines = ["path,label,site,date,time"]
    for i, cell in enumerate(cells):
        (folder / f"{i}.wav").write_bytes(bytes([i]))
        lines.append(f"{i}.wav,{('Parus major', 'Turdus merula')[i % 2]},wood,{cell}")
    (folder / "recordings.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_dates_of_a_spreadsheet_are_read_where_they_are_certain(tmp_path: Path) -> None:
    """A night over midnight, written by a spreadsheet, is one session."""
    cells = ("6/13/2024,10:00:00 PM", "6/14/2024,2:00:00 AM", "2024-06-13 00:00:00,23:30", "13.06.2024,22.15")
    night = _dated(tmp_path, *cells, "2024-06-14 02:30:00,", "6/4/2024,22:00")
    result = run("list", night, "--json")
    assert json.loads(result.stdout)["total"]["sessions"] == 2  # the last one is of another day
    assert result.stderr == ""
    assert [r.date for r in read_catalog(night).recordings][-2:] == ["2024-06-14", "2024-06-04"]
    assert run("check", night).exit_code == 0


def test_dates_that_are_not_certain_are_listed_one_a_row(tmp_path: Path) -> None:
    found = _dated(
        tmp_path, "6/1/2024,22:00", "7/1/2024,evening", "2024-06-00,?", "2024-06-01,0.25", "45444,"
    )
    result = run("check", found)
    assert result.exit_code == 3
    index = found / "recordings.csv"
    assert result.stdout.splitlines() == [
        f"unread date: {index}, row 2: unclear date '6/1/2024' (expected YYYY-MM-DD)",
        f"unread date: {index}, row 3: unclear date '7/1/2024' (expected YYYY-MM-DD)",
        f"unread date: {index}, row 5: unclear time '0.25' (expected HH:MM)",
        f"unread date: {index}, row 6: unclear date '45444' (expected YYYY-MM-DD)",
    ]
    listed = run("list", found).stderr.splitlines()
    assert listed == [f"{result.stdout.splitlines()[0]} (and 3 more)"]


def test_folds_keep_a_night_of_a_recorder_together(tmp_path: Path) -> None:
    hours = ("01,22:00", "02,02:00", "02,23:00", "03,03:00", "03,21:00", "04,05:00", "04,22:00", "05,01:00")
    catalog = _dated(tmp_path, *(f"2024-06-{hour}" for hour in hours))
    out = tmp_path / "split.json"
    assert run("split", catalog, "--folds", 2, "--out", out).exit_code == 0
    for fold in Split.load(out, read_catalog(catalog).recordings).folds:
        assert {i // 2 for i in fold.train}.isdisjoint({i // 2 for i in fold.test})


def test_list_never_adds_up_unknown_durations(folder: Path) -> None:
    with open(folder / "recordings.csv", "a") as stream:
        stream.write("0.wav,r99,Parus major,Great Tit,,,,,\n")
    table = json.loads(run("list", folder, "--json").stdout)
    assert [row["minutes"] for row in table["species"]] == [None, 3.0]


def test_check(folder: Path) -> None:
    result = run("check", folder)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "12 recordings, 0 problems" in result.stderr
    (folder / "3.wav").write_bytes(bytes([2]))
    (folder / "5.wav").unlink()
    result = run("check", folder)
    assert result.exit_code == 3
    assert result.stdout.splitlines() == [f"missing file: r05: no sound file at {folder / '5.wav'}"]
    result = run("check", folder, "--duplicates", "--json")
    assert result.exit_code == 3
    assert [p["kind"] for p in json.loads(result.stdout)] == ["missing file", "duplicate audio"]


def test_split(folder: Path) -> None:
    out = folder / "split.json"
    result = run("split", folder, "--grouping", "recordist", "--folds", 3, "--seed", 1, "--out", out)
    assert result.exit_code == 0
    assert "test recordings that share a session with training: 0.0%" in result.stdout
    split = Split.load(out, read_catalog(folder).recordings)
    assert (split.grouping, split.seed, len(split.folds)) == ("recordist", 1, 3)
    report = json.loads(run("split", folder, "--grouping", "random", "--json").stdout)
    assert report["shared_recordist"] > 0
    assert report["sizes"] == [[8, 4]] * 3


def test_credits(folder: Path) -> None:
    assert run("credits", folder).stdout.splitlines()[0] == "person 0, r00, CC BY 4.0"


@pytest.mark.skipif(os.name != "posix", reason="names of files are text elsewhere")
def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    for i in range(4):
        path = tmp_path / f"Parus {i % 2}" / os.fsdecode(b"\xe9%d.wav" % i)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes([i]))
    out = tmp_path / "split.json"
    assert run("split", tmp_path, "--folds", 2, "--out", out).exit_code == 0
    assert len(Split.load(out, read_catalog(tmp_path).recordings).folds) == 2
    assert run("credits", tmp_path).stdout.splitlines()[0] == "Parus 0/\ufffd0.wav"
    path.rename(path.with_name("\udce9.txt"))
    assert run("check", tmp_path).exit_code == 0


def test_building_a_store_says_which_ids_meet(tmp_path: Path) -> None:
    for i, name in enumerate(("one", "two")):
        (tmp_path / name / "Parus major").mkdir(parents=True)
        (tmp_path / name / "Parus major" / "1.wav").write_bytes(bytes([i]))
    arguments = ["features", "build", *(str(tmp_path / n) for n in ("one", "two"))]
    result = CliRunner().invoke(cli, [*arguments, "--out", str(tmp_path / "store"), "--jobs", "1"])
    assert result.exit_code == 3  # neither is a sound
    first, *failed = result.stderr.splitlines()
    assert first.startswith("renamed: Parus major/1.wav: also the id of ")
    assert len(failed) == 2


@pytest.mark.parametrize("command", ["list", "check", "split", "credits"])
def test_help_ends_in_an_example(command: str) -> None:
    assert f"Example: avianvox data {command} " in " ".join(run(command, "-h").stdout.split())


@pytest.mark.recordings
def test_puerto_rico(real_data: Path) -> None:
    total = json.loads(run("list", real_data / "puerto_rico", "--json").stdout)["total"]
    assert (total["recordings"], total["recordists"]) == (274, 28)
    assert run("check", real_data / "puerto_rico", "--duplicates").exit_code == 0
