"""Annotation formats: what is written, letter by letter, and what other programs write, read."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from table_rows import NIGHT, annotations
from table_texts import FOREIGN, OF_ONE, WRITTEN, tabbed

from avianvox.errors import InputError
from avianvox.tables.columns import COLUMNS, csv_line
from avianvox.tables.formats import FORMATS, WITH_TASKS, format_of, read_table, write_folder, write_table
from avianvox.tables.recordings import Recordings, common_folder, recording_of
from avianvox.types import Detection, Status, TaskAnswer


@pytest.mark.parametrize("name", [*WRITTEN, *OF_ONE])
def test_what_is_written(name: str, tmp_path: Path) -> None:
    table = tmp_path / f"t.{name}"
    rows = NIGHT if name in WRITTEN else NIGHT[:2]
    FORMATS.get(name)().write(rows, table)
    expected = tabbed((WRITTEN | OF_ONE)[name])
    assert own_columns(table.read_text(), expected) == expected
    assert format_of(table) == name


def own_columns(text: str, expected: str) -> str:
    """``text`` without the columns that stand behind those of ``expected``: what is carried along."""
    delimiter = "\t" if "\t" in expected else ","
    n = len(expected.partition("\n")[0].split(delimiter))
    lines = [
        line[:n] for line in csv.reader(text.splitlines(), delimiter=delimiter, quoting=quoting(delimiter))
    ]
    return "".join(delimiter.join(line) + "\n" if delimiter == "\t" else csv_line(line) for line in lines)


def quoting(delimiter: str) -> int:
    return csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL


NAMED = ("path", "begin_s", "end_s", "scientific_name")
KEPT = {
    "raven": COLUMNS,
    "kaleidoscope": COLUMNS,
    "birdnet": COLUMNS,
    "generic_seq": NAMED,
    "audacity": NAMED,
    "audacity_boxes": (*NAMED, "low_hz", "high_hz"),
    "simple_seq": NAMED,
}
"""What of a named span each format holds."""

TABBED = ("raven", "audacity", "audacity_boxes")
"""Formats in which " becomes '."""


@pytest.mark.parametrize("name", KEPT)
@settings(deadline=None, max_examples=30)
@given(rows=annotations())
def test_what_a_format_holds_comes_back(
    name: str, rows: list[Detection], tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = tmp_path_factory.getbasetemp() / f"round trip.{name}"
    if FORMATS.get(name).one_per_recording and name != "raven":
        rows = [replace(row, path=str(table.with_suffix(""))) for row in rows if row.path == rows[0].path]
    FORMATS.get(name)().write(rows, table)
    back = list(FORMATS.get(name)().read(table))
    assert len(back) == len(rows)
    for found, row in zip(back, rows, strict=True):
        for field in KEPT[name]:
            value = getattr(row, field)
            if name in TABBED and isinstance(value, str):
                value = value.replace('"', "'")
            expected = pytest.approx(value, abs=2e-6) if isinstance(value, float) else value
            assert getattr(found, field) == expected, field


ANSWERS = (TaskAnswer("call_type", "song, call", 0.75), TaskAnswer("duration", "2.5"), TaskAnswer("label"))
"""Where a column of Kaleidoscope's is called like a task, and a name that Raven looks for."""


@pytest.mark.parametrize("name", WITH_TASKS)
def test_answers_to_tasks_come_back_behind_the_columns_of_a_table_without(name: str, tmp_path: Path) -> None:
    plain, table = tmp_path / "plain", tmp_path / "tasks"
    form = FORMATS.get(name)()
    form.write(NIGHT, plain)
    form.write([replace(row, tasks=ANSWERS) for row in NIGHT[:3]], table)
    between = "," if name in ("kaleidoscope", "birdnet") else "\t"
    for line, before in zip(*(path.read_text().splitlines() for path in (table, plain)), strict=True):
        assert line.startswith(before + between)
    header = table.read_text().splitlines()[0].split(between)
    duration = "duration_" if name == "kaleidoscope" else "duration"
    assert header[-6:-2] == ["call_type", "call_type_score", duration, f"{duration}_score"]
    back, without = list(form.read(table)), list(form.read(plain))
    assert back == [replace(row, tasks=ANSWERS) for row in without]
    assert format_of(table) == name


@pytest.mark.parametrize("name", KEPT)
def test_a_row_that_answers_a_task_alone_stands_where_there_are_columns(name: str, tmp_path: Path) -> None:
    row = replace(NIGHT[0], scientific_name="", common_name="", score=None, tasks=ANSWERS)
    silent = replace(row, tasks=tuple(TaskAnswer(answer.name) for answer in ANSWERS))
    write_table([row, silent], tmp_path / "out", name)
    found = [file for file in tmp_path.rglob("*") if file.is_file()]
    back = [row for file in found for row in FORMATS.get(name)().read(file)]
    assert [row.tasks for row in back] == ([ANSWERS] if name in WITH_TASKS else [])
    assert not any(row.scientific_name or row.common_name for row in back)


@pytest.mark.parametrize("case", FOREIGN)
def test_what_others_write(case: str, tmp_path: Path) -> None:
    name, file, content, expected = FOREIGN[case]
    (tmp_path / file).write_bytes(tabbed(content).encode("cp1252" if "Windows" in case else "utf-8-sig"))
    assert format_of(tmp_path / file) == name
    rows = [replace(r, path=r.path.removeprefix(f"{tmp_path}/")) for r in read_table(tmp_path / file)]
    assert rows == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "raven",
            "Begin Time (s)→End Time (s)\n1→x\n",
            "line 2, column 'end time (s)': expected a number, got 'x'",
        ),
        ("raven", "Begin Time (s)→Species\n1→x\n", "line 2: column 'end time (s)' is empty or missing"),
        ("audacity", "1→2→a\n1→b→c\n", "line 2: expected a number, got 'b'"),
        (
            "audacity",
            "1→2→a\nwords\n",
            "line 2: expected begin, end and label between tabs, got 'words'",
        ),
        (
            "birdnet",
            "Start (s),End (s),Confidence\n1,2,inf\n",
            "line 2, column 'confidence': expected a number",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(name: str, content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(tabbed(content))
    with pytest.raises(InputError) as raised:
        list(read_table(tmp_path / "t.txt", name))
    assert f"{tmp_path / 't.txt'}, {message}" in str(raised.value)


def test_times_count_on_over_files_without_detections(tmp_path: Path) -> None:
    rows = [
        Detection("a.wav", decoded_s=10.0),
        Detection("gone.wav", status="missing"),  # type: ignore[arg-type]
        Detection("b.wav", begin_s=1.0, end_s=2.0, scientific_name="Aus bus", header_s=5.0),
        Detection("c.wav", begin_s=1.0, end_s=2.0, scientific_name="Aus bus"),
        Detection("d.wav", decoded_s=4.0),
    ]
    rows[1] = replace(rows[1], status=NIGHT[3].status)
    FORMATS.get("raven")().write(rows, tmp_path / "t.txt")
    begins = [line.split("\t")[3] for line in (tmp_path / "t.txt").read_text().splitlines()]
    assert begins == ["Begin Time (s)", "11.000000", "16.000000"]
    rows.append(replace(rows[3], path="e.wav"))
    with pytest.raises(InputError, match=r"cannot count the times of e\.wav on"):
        FORMATS.get("raven")().write(rows, tmp_path / "t.txt")


def test_a_folder_of_tables_mirrors_that_of_the_recordings(tmp_path: Path) -> None:
    def named(path: str) -> Detection:
        return Detection(str(tmp_path / "in" / path), begin_s=0.0, end_s=1.0, scientific_name="Aus bus")

    recordings = ["a.wav", "x/a.flac", "x/a.wav", "x/nothing.wav", "y/a.wav"]
    rows = [named(path) for path in recordings if "nothing" not in path]
    rows.insert(3, replace(named("x/nothing.wav"), scientific_name=""))
    out = tmp_path / "out"
    stale = out / "x" / "nothing.avianvox.labels.txt"
    stale.parent.mkdir(parents=True)
    stale.write_text("of an earlier run")
    write_table(rows, out, "audacity", root=tmp_path / "in")
    found = sorted(str(path.relative_to(out)) for path in out.rglob("*.txt"))
    assert found == [
        "a.avianvox.labels.txt",
        "x/a.avianvox.labels.txt",
        "x/a.wav.avianvox.labels.txt",
        "y/a.avianvox.labels.txt",
    ]
    back = [str(Path(row.path).relative_to(out)) for row in read_table(out)]
    assert back == ["a", "x/a", "x/a.wav", "y/a"]
    (out / "x" / "a.flac").touch()
    assert [Path(row.path).name for row in read_table(out)] == ["a", "a.flac", "a.wav", "a"]
    with pytest.raises(InputError, match="stand in two places; sort the table"):
        write_table([*rows, rows[0]], out, "audacity", root=tmp_path / "in")


def test_recordings_with_very_long_names_have_tables_of_their_own(tmp_path: Path) -> None:
    names = ["鳥" * 79 + ending for ending in ("a.wav", "b.wav", "a.mp3")]  # 238 bytes and an ending
    rows = [Detection(name, begin_s=0.0, end_s=1.0, scientific_name="Parus major") for name in names]
    write_table(rows, tmp_path / "out", "raven")
    tables = list((tmp_path / "out").iterdir())
    assert len(tables) == 3
    assert all(len(table.name.encode()) <= 230 for table in tables)
    assert {row.path for row in read_table(tmp_path / "out")} == set(names)


def test_a_recording_elsewhere_keeps_its_whole_path(tmp_path: Path) -> None:
    write_table(NIGHT[:1], tmp_path, "raven", root="/some/where/else")
    (table,) = tmp_path.rglob("*.txt")
    assert str(table.relative_to(tmp_path)) == f"{Path.cwd() / 'night/a'}.avianvox.selections.txt"[1:]


def test_a_folder_without_sound_stands_in_the_tables_by_its_name(tmp_path: Path) -> None:
    row = Detection(str(tmp_path / "night"), status=Status.EMPTY, message="no sound files in this folder")
    write_table([row], tmp_path / "out", "raven", root=tmp_path / "night")
    assert not list((tmp_path / "out").iterdir())
    write_folder([row], tmp_path / "out", "csv", root=tmp_path / "night")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["night.avianvox.csv"]


def test_a_time_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"night/a\.wav: begin_time 'noon' is no time of ISO 8601"):
        write_table([replace(NIGHT[0], begin_time="noon")], tmp_path / "t.csv", "kaleidoscope")


def test_a_table_of_one_recording_takes_no_second(tmp_path: Path) -> None:
    for name in OF_ONE:
        with pytest.raises(InputError, match=r"rows of night/a\.wav and night/b\.wav came; name a folder"):
            write_table(NIGHT, tmp_path / f"t{FORMATS.get(name).endings[0]}", name)


def test_a_folder_without_tables(tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text("no table")
    with pytest.raises(InputError, match="there is no table of raven, audacity, audacity_boxes, simple_seq"):
        list(read_table(tmp_path))
    with pytest.raises(InputError, match="no such table"):
        list(read_table(tmp_path / "x.csv"))


@pytest.mark.parametrize(
    ("table", "recording"),
    [
        ("a.Table.1.selections.txt", "a"),
        ("a.b.avianvox.selections.txt", "a.b"),
        ("a.wav.avianvox.simple-seq.csv", "a.wav"),
        ("a.BirdNET.results.csv", "a"),
        ("20201206_100619.audacity.txt", "20201206_100619"),
        ("labels.txt", "labels"),
    ],
)
def test_names_of_tables(table: str, recording: str) -> None:
    assert recording_of(Path("x") / table) == f"x/{recording}"


def test_recordings_are_found_by_what_tables_call_them() -> None:
    recordings = Recordings(["/r/x/a.wav", "/r/y/a.wav", "/r/y/B.WAV", "/r/z/c.wav", "/r/z/c.flac"])
    assert recordings.find("tables/y/a") == "/r/y/a.wav"
    assert recordings.find("D:\\field\\X\\A.wav") == "/r/x/a.wav"
    assert recordings.find("b.wav") == "/r/y/B.WAV"
    assert recordings.find("z/c.flac") == "/r/z/c.flac"
    assert recordings.find("a.wav") is None  # two of them
    assert recordings.find("c") is None
    assert recordings.find("") is None
    assert common_folder(["/r/x/a.wav", "/r/y/b/a.wav"]) == "/r"
