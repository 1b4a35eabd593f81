"""``avianvox convert``."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from table_rows import NIGHT

from avianvox.cli.main import main
from avianvox.tables.columns import COLUMNS
from avianvox.tables.formats import read_table, write_table
from avianvox.types import Status


def convert(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> tuple[str, str]:
    """Standard output and error."""
    with pytest.raises(SystemExit) as ended:
        main(["convert", *map(str, arguments)])
    out, error = capsys.readouterr()
    assert ended.value.code == code, error
    return out, error


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``answers.csv`` and the recordings that it names, 60 and 8 seconds long."""
    monkeypatch.chdir(tmp_path)
    write_table(NIGHT, "answers.csv", "csv")
    Path("sounds/night").mkdir(parents=True)
    for name, seconds in (("a", 60), ("b", 8)):
        soundfile.write(f"sounds/night/{name}.wav", np.zeros(seconds * 100, np.float32), 100)
    return tmp_path


def test_there_and_back_without_loss(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(capsys, "answers.csv", "a.parquet") == ("", "4 rows of 3 recordings\n")
    convert(capsys, "a.parquet", "a.jsonl", "--quiet")
    convert(capsys, "a.jsonl", "back.txt", "--to", "csv")
    assert Path("back.txt").read_bytes() == Path("answers.csv").read_bytes()


@pytest.mark.parametrize("first", ["raven", "kaleidoscope", "birdnet"])
@pytest.mark.parametrize("second", ["raven", "kaleidoscope", "birdnet"])
def test_every_column_of_a_span_goes_through_two_formats(
    first: str, second: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    span = replace(NIGHT[0], status=Status.CLIPPED, message="loud", time_expansion=10.0, expected_here="no")
    assert all(getattr(span, name) not in (None, "") for name in COLUMNS)
    write_table([span], "a.csv", "csv")
    convert(capsys, "a.csv", "first.txt", "--to", first)
    convert(capsys, "first.txt", "second.txt", "--to", second)
    convert(capsys, "second.txt", "back.csv")
    (back,) = read_table("back.csv")
    assert back == replace(span, common_name=back.common_name)
    assert back.common_name.replace("'", '"') == span.common_name  # no quotes between tabs


def test_columns_of_the_same_name_in_other_tables_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "Begin Time (s)\tEnd Time (s)\tSpecies\tRank\tStatus\n1\t2\tAus bus\t3\tchecked\n"
    )
    (row,) = read_table(tmp_path / "a.txt")
    assert (row.rank, row.status, row.scientific_name) == (None, Status.OK, "Aus bus")


def test_standard_output(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = convert(capsys, "answers.csv", "-")
    assert out.startswith(
        "night/a.wav  (60.0 s)\n        0.00 - 3.00 s  channel 2  2020-12-06T10:06:19.000-06:00"
    )
    out, _ = convert(capsys, "answers.csv", "-", "--to", "jsonl")
    assert [json.loads(line)["path"] for line in out.splitlines()] == [row.path for row in NIGHT]
    _, error = convert(capsys, "answers.csv", "-", "--to", "raven", code=2)
    assert "'raven' cannot be written to standard output; expected one of csv, jsonl, table" in error


def test_a_folder_of_annotations_and_back(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, error = convert(capsys, "answers.csv", "labels", "--to", "audacity_boxes")
    assert error == "4 rows of 3 recordings, 1 without a species left out\n"
    assert sorted(path.name for path in Path("labels").iterdir()) == [
        "a.avianvox.boxes.txt",
        "b.avianvox.boxes.txt",
    ]
    convert(capsys, "labels", "back.csv", "--audio", "sounds")
    rows = list(read_table("back.csv"))
    assert [(row.path, row.header_s, row.begin_s, row.low_hz) for row in rows] == [
        ("sounds/night/a.wav", 60.0, 0.0, 1000.0),
        ("sounds/night/a.wav", 60.0, 58.5, None),
        ("sounds/night/b.wav", 8.0, 0.0, None),
    ]


def test_lengths_of_the_recordings_make_times_count_on(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    convert(capsys, "answers.csv", "a.generic-seq.csv")
    _, error = convert(capsys, "a.generic-seq.csv", "all.selections.txt", code=1)
    assert "avianvox: all.selections.txt: cannot count the times of night/b.wav on" in error
    convert(capsys, "a.generic-seq.csv", "all.selections.txt", "--audio", "sounds")
    begins = [line.split("\t")[3] for line in Path("all.selections.txt").read_text().splitlines()[1:]]
    assert begins == ["0.000000", "58.500000", "60.000000"]


def test_the_tree_of_the_recordings_is_that_of_the_tables(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    convert(capsys, "answers.csv", "tables", "--to", "raven", "--audio", "sounds", code=3)
    assert sorted(str(path) for path in Path("tables").rglob("*.txt")) == [
        "tables/night/a.avianvox.selections.txt",
        "tables/night/b.avianvox.selections.txt",
    ]


def test_a_recording_that_is_not_there_is_listed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, error = convert(capsys, "answers.csv", "a.jsonl", "--audio", "sounds", code=3)
    assert "failed: night/gone.wav: not found in sounds, or found several times\n" in error
    paths = [row.path for row in read_table("a.jsonl")]
    assert paths == ["sounds/night/a.wav"] * 2 + ["sounds/night/b.wav", "night/gone.wav"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["answers.csv", "out.xls"], "'out.xls' has no known format; end the name in .csv, "),
        (["no.csv", "out.csv"], "no.csv: no such table"),
        (
            ["notes.txt", "out.csv"],
            "notes.txt: expected a table in a known format, got text or a table for reading",
        ),
        (["answers.csv", "sounds/night/a.wav", "--to", "csv"], "cannot write sounds/night/a.wav: there is a"),
        (["answers.csv", "gone/out.csv"], "cannot write gone/out.csv: the folder does not exist"),
        (
            ["answers.csv", "out.csv", "--from", "audacity"],
            "answers.csv, line 1: expected begin, end and label",
        ),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("notes.txt").write_text("Dear diary,")
    _, error = convert(capsys, *arguments, code=1)
    assert error.startswith(f"avianvox: {words}")
    assert error.count("\n") == 1


@pytest.mark.recordings
def test_real_recordings(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers for real recordings keep their spans from format to format."""
    monkeypatch.chdir(tmp_path)
    sounds = real_data / "california10"
    recordings = sorted(
        str(path) for path in sounds.rglob("*.*") if path.suffix in (".wav", ".mp3", ".flac")
    )[:4]
    with pytest.raises(SystemExit):
        main(["classify", *recordings, "--by", "window", "--format", "csv", "--output", "a.csv", "--quiet"])
    spans = [(row.path, row.begin_s, row.end_s, row.scientific_name) for row in read_table("a.csv")]
    assert len(spans) >= 4
    before = "a.csv"
    for number, name in enumerate(
        ("raven", "kaleidoscope", "birdnet", "simple_seq", "generic_seq", "audacity")
    ):
        convert(capsys, before, f"out{number}", "--to", name, "--audio", sounds)
        before = f"out{number}"
    convert(capsys, before, "b.csv", "--audio", sounds)
    assert [(r.path, r.begin_s, r.end_s, r.scientific_name) for r in read_table("b.csv")] == spans


def test_what_is_no_table_is_said_to_be_none(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "voice.mp3").write_text("hello\n")
    _, error = convert(capsys, "voice.mp3", "out.csv", code=1)
    assert error.startswith("avianvox: voice.mp3: not a table that avianvox knows, by its content or ending")
    assert error.count("\n") == 1
