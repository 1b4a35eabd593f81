"""Several formats at once, a table for each recording or one for all: names, bytes, and nothing lost."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from dask_cluster import address_of, dask_cluster
from handmade_model import write_handmade
from table_rows import NIGHT

from avianvox.cli.main import cli
from avianvox.errors import InputError
from avianvox.tables.formats import EVERY_ROW, FORMATS, READ_ONLY, WRITE_ONLY, read_table, write_table
from avianvox.tables.several import plan_tables, write_tables

RATE = 22050
TONES = {"bass": 500, "day/high": 6000, "night/bass": 500}
WRITTEN = [name for name in FORMATS if name not in READ_ONLY]
READ = [name for name in WRITTEN if name not in WRITE_ONLY]
ONE_FOR_ALL = [name for name in WRITTEN if not FORMATS.get(name).one_per_recording]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handmade(tmp_path_factory.mktemp("model") / "model.tflite")


@pytest.fixture
def sounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three recordings with a voice, a silent one and a broken one; tests run beside them."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "sounds"
    for name, hz in TONES.items():
        path = folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        tone = 0.3 * np.sin(2 * np.pi * hz * np.arange(9 * RATE) / RATE)
        soundfile.write(path, tone, RATE)
    soundfile.write(folder / "silent.wav", np.zeros(9 * RATE), RATE)
    (folder / "broken.wav").write_text("no sound")
    return folder


@pytest.fixture
def run(model: Path):  # type: ignore[no-untyped-def]
    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(cli, ["classify", "--model", str(model), *map(str, arguments)])

    return invoke


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def test_several_formats_fill_a_folder(run, sounds: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = ("--by", "event", "--format", "csv,raven,xlsx", "--format", "audacity")
    done = run("sounds", *options, "--output", "results")
    assert done.exit_code == 3, done.stderr
    whole = "results/events.csv, results/events.xlsx"
    told = f"wrote {whole}, raven and audacity tables of each recording in results"
    assert told in done.stderr.splitlines()
    named = [f"{name}.avianvox.{form}.txt" for name in TONES for form in ("labels", "selections")]
    assert files(tmp_path / "results") == sorted(["events.csv", "events.xlsx", *named])
    rows = list(read_table(tmp_path / "results" / "events.csv"))
    assert len({row.path for row in rows}) == 5  # the silent and the broken one are rows, too
    events = [row for row in rows if row.scientific_name]
    back = list(read_table(tmp_path / "results", "raven"))
    assert [(row.path, row.begin_s, row.scientific_name) for row in back] == [
        (row.path, row.begin_s, row.scientific_name) for row in events
    ]
    alone = run("sounds", "--by", "event", "--format", "csv", "--output", "alone.csv")
    assert (alone.exit_code, "wrote alone.csv" in alone.stderr.splitlines()) == (3, True)
    assert (tmp_path / "alone.csv").read_bytes() == (tmp_path / "results" / "events.csv").read_bytes()


def test_a_folder_in_two_formats_is_not_read_twice(run, sounds: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("sounds", "--by", "event", "--format", "raven,audacity", "--output", "results")
    with pytest.raises(InputError, match=r"the rows of bass are there as .* say which to read \(--from\)"):
        list(read_table("results"))
    assert len(list(read_table("results", "audacity"))) == len(list(read_table("results", "raven"))) == 3


@pytest.mark.parametrize("name", WRITTEN)
def test_a_table_for_each_recording_in_any_format(name: str, tmp_path: Path) -> None:
    tables = plan_tables(tmp_path / "each", [name], base="all", per_file=True)
    write_tables(tables, lambda: iter(NIGHT), root=None)
    ending = FORMATS.get(name).endings[0]
    some = ["a", "b", "gone"] if name in EVERY_ROW else ["a", "b"]
    assert files(tmp_path / "each") == [f"night/{stem}.avianvox{ending}" for stem in some]
    if name in READ:
        whole = plan_tables(tmp_path / f"all{ending}", [name], base="all", per_file=None)
        if not FORMATS.get(name).one_per_recording:
            write_tables(whole, lambda: iter(NIGHT))
            together = list(read_table(tmp_path / f"all{ending}", name))
            each = [row for stem in some for row in read_table(_table(tmp_path, stem, ending), name)]
            assert each == together


def _table(folder: Path, stem: str, ending: str) -> Path:
    return folder / "each" / "night" / f"{stem}.avianvox{ending}"


@pytest.mark.parametrize("names", [ONE_FOR_ALL, WRITTEN], ids=["for all", "every format"])
@pytest.mark.parametrize("per_file", [None, True])
def test_no_two_tables_share_a_name(names: list[str], per_file: bool | None, tmp_path: Path) -> None:
    tables = plan_tables(tmp_path / "out", names, base="all", per_file=per_file)
    write_tables(tables, lambda: iter(NIGHT))
    expected = len(tables.whole) + sum(3 if name in EVERY_ROW else 2 for name in tables.each)
    assert len(files(tmp_path / "out")) == expected
    assert {*dict(tables.whole), *tables.each} == set(names)


def test_the_bytes_do_not_depend_on_the_workers(run, sounds: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = ("sounds", "--by", "event", "--format", "csv,raven,kaleidoscope,jsonl,xlsx")
    for n in (1, 2):
        run(*options, "--jobs", n, "--output", f"whole{n}")
        run(*options, "--jobs", n, "--output", f"each{n}", "--per-file")
    for kind in ("whole", "each"):
        first, second = (contents(tmp_path / f"{kind}{n}") for n in (1, 2))
        assert first == second
        assert len(first) > 5


def test_the_bytes_are_those_of_a_cluster(run, sounds: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("distributed")
    options = ("sounds", "--by", "event", "--format", "csv,raven", "--per-file")
    run(*options, "--output", "here")
    (tmp_path / "cluster").mkdir()
    with dask_cluster(tmp_path / "cluster") as file:
        done = run(*options, "--output", "there", "--scheduler", address_of(file))
    assert done.exit_code == 3, done.stderr
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


def test_an_interrupted_run_goes_on_to_the_same_bytes(model: Path, sounds: Path, tmp_path: Path) -> None:
    for n in range(30):
        tone = 0.3 * np.sin(2 * np.pi * (300 + 100 * n) * np.arange(20 * RATE) / RATE)
        soundfile.write(sounds / f"{n:02}.wav", tone, RATE)
    command = [sys.executable, "-m", "avianvox", "classify", "sounds", "--model", str(model), "--jobs", "2"]
    command += ["--by", "event", "--format", "csv,raven,xlsx", "-q"]
    with subprocess.Popen([*command, "-o", "killed"], stderr=subprocess.DEVNULL) as process:
        ledger = tmp_path / "killed.ledger.jsonl"
        while not ledger.exists() or ledger.read_bytes().count(b"\n") < 4:
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 1
    assert not (tmp_path / "killed").exists()
    for arguments in (["-o", "killed", "--resume"], ["-o", "whole"]):
        assert subprocess.run([*command, *arguments], stderr=subprocess.DEVNULL).returncode == 3
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    (tmp_path / "killed" / "events.csv").unlink()  # as if killed while tables are written
    again = subprocess.run([*command, "-o", "killed", "--resume"], stderr=subprocess.DEVNULL)
    assert again.returncode == 3
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_what_no_run_left_is_not_replaced(run, sounds: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = ("sounds", "--by", "event", "--format", "csv,raven")
    mine = tmp_path / "results" / "events.csv"
    mine.parent.mkdir()
    mine.write_text("mine")
    refused = run(*options, "--output", "results")
    assert "there is a file that no run left" in str(refused.exception)
    assert contents(tmp_path / "results") == {"events.csv": b"mine"}
    mine.unlink()
    assert run(*options, "--output", "results").exit_code == 3
    assert run(*options, "--output", "results").exit_code == 3  # its own tables are
    os.remove(tmp_path / "results" / "bass.avianvox.selections.txt")
    os.symlink(sounds / "bass.wav", tmp_path / "results" / "bass.avianvox.selections.txt")
    before = (sounds / "bass.wav").read_bytes()
    assert "there is a link" in str(run(*options, "--output", "results").exception)
    assert (sounds / "bass.wav").read_bytes() == before


def test_tables_may_stand_beside_the_recordings(run, sounds: Path) -> None:  # type: ignore[no-untyped-def]
    before = contents(sounds)
    done = run(
        "sounds", "--by", "event", "--format", "csv,raven,audacity", "--per-file", "--output", "sounds"
    )
    assert done.exit_code == 3, done.stderr
    after = contents(sounds)
    assert {name: after[name] for name in before} == before
    assert "night/bass.avianvox.selections.txt" in after
    assert len(after) == len(before) + 5 + 3 + 3


def test_the_folder_in_which_one_stands(  # type: ignore[no-untyped-def]
    run, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no name as it is spelled, and files are put beside it by its name."""
    place = tmp_path / "tables"
    place.mkdir()
    monkeypatch.chdir(place)
    said = run("../sounds/bass.wav", "--output", ".", "--format", "raven", "--by", "event")
    assert (said.exit_code, files(place)) == (0, ["bass.avianvox.selections.txt"])
    assert (tmp_path / "tables.ledger.jsonl").exists()
    seen = CliRunner().invoke(cli, ["overview", ".", "--out", "../seen"])
    assert seen.exit_code == 0, seen.output
    (place / "empty").mkdir()
    monkeypatch.chdir("empty")
    empty = run(".", "--output", "../none", "--format", "raven")
    assert (empty.exit_code, files(place / "none")) == (3, [])


def test_hours_in_several_formats(run, sounds: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = run("sounds", "--by", "night", "--format", "csv,xlsx,jsonl", "--output", "results")
    assert done.exit_code == 3, done.stderr
    assert files(tmp_path / "results") == ["nights.csv", "nights.jsonl", "nights.xlsx"]
    lines = (tmp_path / "results" / "nights.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["n_events"] for line in lines) == 3


def test_spreadsheet_safe_cells_are_those_of_csv(run, sounds: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (sounds / "bass.wav").rename("=1+1.wav")
    options = ("--by", "event", "--spreadsheet", "--output", "results")
    assert run("=1+1.wav", *options, "--format", "jsonl,csv").exit_code == 0
    assert "'=1+1.wav" in (tmp_path / "results" / "events.csv").read_text()
    assert "'=1+1.wav" not in (tmp_path / "results" / "events.jsonl").read_text()
    refused = run("=1+1.wav", *options, "--format", "jsonl,raven")
    assert "--spreadsheet is for CSV" in str(refused.exception)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--format", "csv,raven"), "--format csv,raven needs a file; give --output"),
        (("--format", "csv,exel", "-o", "x"), "got 'exel'"),
        (("--format", "csv,,raven", "-o", "x"), "got ''"),
        (("--format", "csv,xlsx", "-o", "x.csv"), "'x.csv' is called like a csv table"),
        (("--per-file", "-o", "x.csv"), "'x.csv' is called like a csv table"),
        (("--format", "audacity", "--combined", "-o", "x"), "a table of audacity holds one recording"),
        (("--format", "raven", "--combined", "-o", "x"), "one file; end its name in .selections.txt"),
        (("--per-file",), "--per-file and --combined need a place"),
        (("--by", "hour", "--format", "csv,raven", "-o", "x"), "expected --format table, csv"),
        (("--by", "hour", "--per-file", "-o", "x.csv"), "leave --per-file out"),
    ],
)
def test_wrong_usage(run, sounds: Path, tmp_path: Path, options: tuple[str, ...], words: str) -> None:  # type: ignore[no-untyped-def]
    done = run("sounds", *options)
    assert (done.exit_code, words in done.stderr) == (2, True), done.stderr
    assert os.listdir(tmp_path) == ["sounds"]


def test_one_raven_table_of_all_recordings(run, sounds: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (sounds / "broken.wav").unlink()
    options = ("--by", "event", "--format", "csv,raven", "--combined")
    assert run("sounds", *options, "--output", "results").exit_code == 0
    assert files(tmp_path / "results") == ["events.csv", "events.selections.txt"]
    found = list(read_table(tmp_path / "results" / "events.selections.txt"))
    assert [row.begin_s for row in found] == [0.0, 0.0, 0.0]


def convert(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["convert", *map(str, arguments)])


def test_convert_into_several_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(NIGHT, "answers.csv", "csv")
    done = convert("answers.csv", "out", "--to", "jsonl,raven", "--to", "xlsx")
    assert (done.exit_code, done.stderr) == (0, "4 rows of 3 recordings\n")
    each = ["a.avianvox.selections.txt", "b.avianvox.selections.txt"]
    assert files(tmp_path / "out") == [each[0], "answers.jsonl", "answers.xlsx", each[1]]
    assert list(read_table("out/answers.jsonl")) == NIGHT
    again = convert("answers.csv", "out", "--to", "jsonl,raven")
    assert "cannot write out/answers.jsonl: there is such a file" in str(again.exception)
    onto = convert("answers.csv", ".", "--to", "csv,raven")
    assert "answers.csv: there is such a file" in str(onto.exception)
    assert list(read_table("answers.csv")) == NIGHT
    done = convert("answers.csv", "each", "--to", "csv", "--per-file", "-q")
    assert done.exit_code == 0
    assert files(tmp_path / "each") == [f"{name}.avianvox.csv" for name in ("a", "b", "gone")]
    assert [row for name in files(tmp_path / "each") for row in read_table(tmp_path / "each" / name)] == NIGHT
    for arguments, words in (
        (("-", "--to", "csv,jsonl"), "'csv,jsonl' cannot be written to standard output"),
        (("x.csv", "--to", "csv,jsonl"), "'x.csv' is called like a csv table"),
        (("x", "--to", "csv,exel"), "got 'exel'"),
    ):
        refused = convert("answers.csv", *arguments)
        assert (refused.exit_code, words in refused.stderr) == (2, True), refused.stderr
