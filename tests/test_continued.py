"""Raven tables over several recordings, and how the recordings of a table are found."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from test_audio_decode import without_frame_count

from avianvox.audio.locate import exact_length_s, recordings_in
from avianvox.audio.probe import probe
from avianvox.cli.main import cli, main
from avianvox.dataset.catalog import read_catalog
from avianvox.errors import CatalogError, InputError
from avianvox.tables.formats import read_table, write_table
from avianvox.types import Detection

RATE = 8000
LENGTHS_S = {"a.wav": 10.0, "b.wav": 20.0, "c.wav": 5.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recordings, in second n of each a tone of n + 1 hundred Hz."""
    for name, seconds in LENGTHS_S.items():
        t = np.arange(int(seconds * RATE)) / RATE
        soundfile.write(tmp_path / name, 0.5 * np.sin(2 * np.pi * 100 * (np.floor(t) + 1) * t), RATE)
    return tmp_path


def raven(folder: Path, *rows: tuple[float, str], column: str = "Begin File") -> Path:
    lines = [f"Selection\tBegin Time (s)\tEnd Time (s)\tSpecies\t{column}"]
    lines += [f"{n}\t{begin}\t{begin + 1}\tWren\t{file}" for n, (begin, file) in enumerate(rows, start=1)]
    (folder / "all.selections.txt").write_text("\n".join(lines) + "\n")
    return folder / "all.selections.txt"


def begins(table: Path, sounds: Path | None = None) -> list[tuple[str, float | None]]:
    rows = read_table(table, recordings=recordings_in(sounds or table.parent))
    return [(Path(row.path).name, row.begin_s) for row in rows]


def test_times_that_count_on_are_those_of_the_recordings(folder: Path) -> None:
    table = raven(folder, (1.5, "a.wav"), (12.0, "b.wav"), (29.0, "b.wav"), (31.25, "c.wav"))
    expected = [("a.wav", 1.5), ("b.wav", 2.0), ("b.wav", 19.0), ("c.wav", 1.25)]
    assert begins(table) == expected
    table = raven(folder, (31.25, "c.wav"), (1.5, "a.wav"), (12.0, "b.wav"))  # selected in another order
    assert begins(table) == [("c.wav", 1.25), ("a.wav", 1.5), ("b.wav", 2.0)]
    table = raven(folder, (25.5, "a.wav"), (21.0, "c.wav"), (1.5, "b.wav"))  # and opened in another order
    assert begins(table) == [("a.wav", 0.5), ("c.wav", 1.0), ("b.wav", 1.5)]


def test_they_are_right_in_catalogs_and_in_what_is_converted_and_cut(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = raven(folder, (1.5, "a.wav"), (12.0, "b.wav"))
    assert [(r.id, r.begin_s) for r in read_catalog(table).recordings] == [
        ("a.wav#1.500-2.500", 1.5),
        ("b.wav#2.000-3.000", 2.0),
    ]
    with pytest.raises(SystemExit):
        main(["convert", str(table), str(folder / "out.csv")])
    assert [row.begin_s for row in read_table(folder / "out.csv")] == [1.5, 2.0]
    tables = folder / "elsewhere"
    tables.mkdir()
    table = table.rename(tables / table.name)
    arguments = [
        str(table),
        "--audio",
        str(folder),
        "--out",
        str(folder / "cut"),
        "--no-pictures",
        "--pad",
        "0",
    ]
    with pytest.raises(SystemExit) as ended:
        main(["segments", *arguments])
    assert ended.value.code == 0, capsys.readouterr().err
    (cut,) = (folder / "cut").rglob("*_b_2.000s.wav")
    samples, _ = soundfile.read(cut)
    assert np.abs(np.fft.rfft(samples)).argmax() == 300  # the third second of b.wav


def test_files_without_a_selection_count_where_the_times_say_so(folder: Path) -> None:
    assert begins(raven(folder, (1.5, "a.wav"), (34.5, "c.wav"))) == [("a.wav", 1.5), ("c.wav", 4.5)]
    soundfile.write(folder / "b.wav", np.zeros(2 * RATE), RATE)
    table = raven(folder, (1.5, "a.wav"), (13.0, "c.wav"))  # 3 s into c.wav, or 1 s behind b.wav
    with pytest.raises(InputError, match="holds recordings that may or may not have been opened before"):
        begins(table)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(1.5, "a.wav"), (2.0, "b.wav")], "the times do not fit the lengths of the recordings"),
        ([(1.5, "a.wav"), (12.0, "gone.wav")], r"gone.wav is not found, whose length is needed"),
    ],
)
def test_what_nobody_can_say_is_refused_in_one_line(
    rows: list[tuple[float, str]], words: str, folder: Path
) -> None:
    table = raven(folder, *rows)
    with pytest.raises(InputError, match=f"{words}.* 'File Offset") as raised:
        begins(table)
    assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="'File Offset"):
        list(read_table(table))  # without any recordings
    with pytest.raises(CatalogError, match=words):
        read_catalog(table)
    result = CliRunner().invoke(cli, ["convert", str(table), str(folder / "o.csv")])
    assert isinstance(result.exception, InputError)


def test_a_table_of_one_recording_needs_no_sound(tmp_path: Path) -> None:
    table = raven(tmp_path, (1.5, "gone.wav"), (700.0, "gone.wav"))
    assert [row.begin_s for row in read_table(table)] == [1.5, 700.0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/field/a.wav", "/field/a.wav"),
        ("/field", "/field/a.wav"),
        ("D:\\field", "D:\\field\\a.wav"),
        ("", "a.wav"),
    ],
)
def test_begin_path_is_the_file_or_its_folder(path: str, expected: str, tmp_path: Path) -> None:
    table = raven(tmp_path, (1.0, f"a.wav\t{path}"), column="Begin File\tBegin Path")
    (row,) = read_table(table)
    assert row.path == expected if path else str(tmp_path / expected)


def test_begin_path_and_begin_file_that_differ_are_refused(tmp_path: Path) -> None:
    table = raven(tmp_path, (1.0, "a.wav\t/field/b.wav"), column="Begin File\tBegin Path")
    with pytest.raises(InputError, match=r"line 2: 'Begin Path' says b\.wav and 'Begin File' a\.wav"):
        list(read_table(table))


def test_lengths_are_exact_where_a_header_guesses(folder: Path) -> None:
    assert exact_length_s(str(folder / "b.wav")) == 20.0
    t = np.arange(60 * 16000) / 16000
    samples = np.where(t < 30, 0.5, 0.0) * np.random.default_rng(0).standard_normal(len(t)).clip(-1, 1)
    soundfile.write(folder / "x.mp3", samples, 16000, bitrate_mode="VARIABLE")
    bare = without_frame_count(folder / "x.mp3", "bare.mp3")
    guessed = probe(bare, decode=False).header_s
    assert guessed is not None
    assert abs(guessed - 60) > 5  # half of it is silence, which takes fewer bytes
    assert exact_length_s(str(bare)) == pytest.approx(60.0, abs=0.2)
    (folder / "text.wav").write_text("no sound")
    assert exact_length_s(str(folder / "text.wav")) is None


def test_segments_finds_what_convert_finds(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    for night in ("one", "two"):
        Path("sounds", night).mkdir(parents=True)
        soundfile.write(f"sounds/{night}/a.wav", np.zeros(RATE * 4), RATE)
    soundfile.write("sounds/a.wav", np.zeros(RATE * 4), RATE)
    paths = ["sounds/a.wav", "sounds/one/a.wav", "sounds/two/a.wav"]
    rows = [Detection(path, begin_s=1.0, end_s=2.0, scientific_name="Wren") for path in paths]
    write_table(rows, "events.csv", "csv")
    for command in (
        ["convert", "events.csv", "labels", "--to", "audacity", "--audio", "sounds"],
        ["convert", "labels", "back.csv", "--audio", "sounds"],
        ["segments", "labels", "--audio", "sounds", "--out", "cut", "--no-pictures"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 0, capsys.readouterr().err
    assert [row.path for row in read_table("back.csv")] == paths
    assert len(list(Path("cut", "Wren").iterdir())) == 3
    with pytest.raises(SystemExit) as ended:
        main(["segments", "labels", "--out", "none", "--no-pictures"])
    assert ended.value.code == 3
    assert "recordings are missing: name their folder with --audio\n" in capsys.readouterr().err


def test_names_are_found_in_either_form_of_unicode(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "p\u00e1jaro.wav", np.zeros(RATE), RATE)
    found = recordings_in(tmp_path).find("x/pa\u0301jaro.wav")
    assert found == str(tmp_path / "p\u00e1jaro.wav")
