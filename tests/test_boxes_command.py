"""The commands of boxes, and the tables that they read and write."""

import json
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner, Result
from handmade_model import write_handmade
from test_annotations import raven
from test_box_segmenter import CALLS, RATE, tones

import avianvox as av
from avianvox.api.detecting import boxed_recordings
from avianvox.boxes.found import read_found, rows_of
from avianvox.boxes.tuning import Heard, fit_settings
from avianvox.cli.main import cli
from avianvox.dataset.sources.annotations import read_boxes
from avianvox.errors import CatalogError, InputError
from avianvox.tables.formats import read_table, write_table
from avianvox.types import Box


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings: with calls and a table, with one call, and with none."""
    folder = tmp_path_factory.mktemp("annotated")
    for name, calls in (("a", CALLS), ("b", CALLS[:1]), ("c", ())):
        samples = tones(calls)
        soundfile.write(folder / f"{name}.wav", samples, RATE)
    rows = [(call.begin_s, call.end_s, "Parus major") for call in CALLS if call.low_hz == 2900]
    raven(folder / "a.selections.txt", *rows, low=2600, high=3400)
    raven(folder / "b.selections.txt", rows[0], low=2600, high=3400)
    return folder


def test_find_writes_tables_and_judge_judges_them(annotated: Path, tmp_path: Path) -> None:
    found = run("boxes", "find", annotated, "--out", tmp_path / "found", "--low-hz", 2000, "--high-hz", 4000)
    assert found.exit_code == 0, found.output
    assert "3 boxes" in found.output
    tables = sorted(path.name for path in (tmp_path / "found").iterdir())
    assert tables == ["a.avianvox.selections.txt", "b.avianvox.selections.txt"]
    arguments = ("boxes", "judge", annotated, tmp_path / "found", "--out", tmp_path / "judged", "--no-png")
    judged = run(*arguments, "--iou", 0.3, "--thresholds", "choose", "--json")
    assert judged.exit_code == 0, judged.output
    values = json.loads((tmp_path / "judged" / "figures.json").read_text())
    assert json.loads(judged.stdout) == values
    assert (values["n_recordings"], values["n_empty"], values["n_drawn"], values["n_found"]) == (3, 1, 3, 3)
    assert values["precision"]["found"]["value"] == 1.0
    assert values["precision"]["named"]["value"] == 0.0  # the boxes have no name
    assert "Found and named over thresholds" in (tmp_path / "judged" / "boxes.html").read_text()
    assert (tmp_path / "judged" / "pictures" / "iou.svg").is_file()

    thresholds = tmp_path / "judged" / "thresholds.json"
    again = (*arguments[:5], tmp_path / "confirmed", "--no-png", "--thresholds", thresholds)
    other = run(*again, "--iou", 0.3)
    assert other.exit_code == 0, other.output
    assert "found it at 0.5" in other.output
    assert "average precision at IoU 0.30: 1.000" in other.output
    wrong = run(*again, "--iou", 0.7)
    assert wrong.exit_code == 1
    assert "chosen at IoU 0.3, asked is 0.7; use the same" in str(wrong.exception)


def test_a_model_names_the_boxes_and_another_source_is_compared(annotated: Path, tmp_path: Path) -> None:
    model = write_handmade(tmp_path / "m.tflite")
    for name, options in (("named", ("--model", model)), ("weak", ("--peak-db", 60))):
        done = run("boxes", "find", annotated / "a.wav", "--out", tmp_path / name, *options)
        assert done.exit_code == 0, done.output
    labels = {row.scientific_name for row in read_table(tmp_path / "named")}
    assert labels <= {"Columba bassa", "Parus medius", "Regulus altus"}
    assert not any((tmp_path / "weak").iterdir())
    raven(tmp_path / "a.selections.txt", (2.0, 2.5, "Parus major"), low=2600, high=3400)
    judged = run(
        *("boxes", "judge", annotated, tmp_path / "named", "--out", tmp_path / "judged", "--no-png"),
        *("--against", tmp_path / "a.selections.txt"),
    )
    assert judged.exit_code == 0, judged.output
    assert f"minus that of {tmp_path / 'a.selections.txt'}, at IoU 0.50" in judged.output


def test_what_cannot_be_read_is_one_line_and_the_rest_is_done(annotated: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    done = run("boxes", "find", annotated / "b.wav", tmp_path / "broken.wav", "--out", tmp_path / "found")
    assert done.exit_code == 3
    assert done.stderr.count("failed:") == 1
    assert list((tmp_path / "found").rglob("*.txt"))
    for options, says in (
        (
            ("--low-hz", 900, "--high-hz", 300),
            "--low-hz and --high-hz: expected the first below the second, got 900 and 300",
        ),
        (
            ("--shortest", 5, "--longest", 2),
            "--shortest and --longest: expected the first below the second, got 5 and 2",
        ),
    ):
        wrong = run("boxes", "find", annotated, "--out", tmp_path / "found", *options)
        assert wrong.exit_code == 2
        assert says.format("expected the first below the second") in wrong.stderr


def test_found_boxes_of_other_programs_are_drawn_in_or_left_out_with_a_line(
    annotated: Path, tmp_path: Path
) -> None:
    recordings = read_boxes(annotated).recordings
    table = raven(tmp_path / "a.selections.txt", (11.0, 15.0, "Parus major_Great Tit"), low=0, high=15000)
    (sound, *_), wrong = read_found([table], recordings)
    assert sound.found == (Box(11.0, 12.0, 0.0, RATE / 2, "Parus major", 1.0),)  # a program without scores
    assert wrong == []
    for rows, band, says in (
        ((20, 21, "x"), (0, 900), "a.wav: box: expected times within the file, 0 to 12 s, got 20 to 21 s"),
        ((2, 1, "x"), (0, 900), "a.wav: box: expected an end after its begin"),
        ((1, 2, "x"), (20000, 21000), "half the sample rate, 11025 Hz, got 20000 to 21000 Hz; left out"),
    ):
        raven(table, rows, low=band[0], high=band[1])
        (sound, *_), (line,) = read_found([table], recordings)
        assert sound.found == ()
        assert says in line
    write_table(rows_of("a.wav", [Box(1, 2, 0, 900, "x", 87), Box(1, 2, 0, 900, "x", 1)]), table, "raven")
    (sound, *_), (line,) = read_found([table], recordings)
    assert sound.found == (Box(1, 2, 0, 900, "x", 1),)
    assert line == "a.wav: box: expected a score from 0 to 1, got 87; left out"
    raven(tmp_path / "gone.selections.txt", (1, 2, "x"))
    assert (
        "1 files of the tables are not among"
        in read_found([tmp_path / "gone.selections.txt"], recordings)[1][0]
    )
    with pytest.raises(InputError, match="expected recordings with boxes, found none"):
        read_found([table], [])


def test_python_finds_and_judges_what_the_commands_do(annotated: Path, tmp_path: Path) -> None:
    found = av.find_boxes(annotated, low_hz=2000, high_hz=4000, out=tmp_path / "found")
    assert sorted(len(boxes) for boxes in found.boxes.values()) == [0, 1, 2]
    one, other = (av.judge_boxes(annotated, those, least_iou=0.3) for those in (found, tmp_path / "found"))
    assert one.precision.found == other.precision.found
    assert (one.n_drawn, one.n_found, other.n_found) == (3, 3, 3)
    assert [r.id for r in boxed_recordings(str(annotated))] == ["a.wav", "b.wav", "c.wav"]
    for options, says in (
        ({"min_score": 0.5}, "min_score needs a detector"),
        ({"pictures": 1}, "pictures needs a folder; give out"),
        ({"detector": "a.tflite", "peak_db": 3.0}, "peak_db: only without a detector"),
    ):
        with pytest.raises(InputError, match=says):
            av.find_boxes(annotated, **options)
    with pytest.raises(InputError, match="choose needs a folder; give out"):
        av.judge_boxes(annotated, found, choose="f1")


def test_boxes_survive_a_table(tmp_path: Path) -> None:
    boxes = (Box(1.0, 2.0, 100.0, 900.0, "Parus major", 0.75), Box(3.0, 4.0, 100.0, 900.0, "", 0.5))
    write_table(rows_of("a.wav", boxes), tmp_path / "a.txt", "raven")
    rows = list(read_table(tmp_path / "a.txt"))
    assert [(r.begin_s, r.low_hz, r.high_hz, r.score) for r in rows] == [
        (1, 100, 900, 0.75),
        (3, 100, 900, 0.5),
    ]
    assert [r.scientific_name for r in rows] == ["Parus major", "voice"]


def test_settings_are_fitted_to_drawn_boxes(annotated: Path) -> None:
    heard = Heard(read_boxes(annotated).recordings)
    settings, figure = fit_settings(heard)
    assert figure == 1.0
    assert 2000 < settings.low_hz < 2900
    assert 3100 < settings.high_hz < 4000
    assert settings.margin_hz > 0
    with pytest.raises(InputError, match="expected recordings with drawn boxes to fit settings to"):
        fit_settings(heard, lambda recording: not recording.boxes)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    found = run("boxes", "find", gone, "--out", tmp_path / "found")
    assert found.exit_code == 3
    assert f"failed: {gone}: missing: no such file" in found.stderr
    with pytest.raises(CatalogError, match=r"no recordings with boxes at .*gone: no such file or folder"):
        read_boxes(gone)
