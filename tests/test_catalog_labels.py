"""Labels of any catalog: one name in two spellings, doubtful ones, classes without sound."""

import unicodedata
from pathlib import Path

from avianvox.dataset.catalog import read_catalog


def write_csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_names_in_two_forms_of_unicode_are_one(tmp_path: Path) -> None:
    one, two = (unicodedata.normalize(form, "Pájaro ñandú") for form in ("NFC", "NFD"))
    write_csv(tmp_path / "recordings.csv", "path,label,recordist", f"a.wav,{one},{two}", f"b.wav,{two},{one}")
    catalog = read_catalog(tmp_path)
    assert catalog.labels.names == (one,)
    assert {r.recordist for r in catalog.recordings} == {one}
    for n, label in enumerate((one, two)):
        (tmp_path / "folders" / label).mkdir(parents=True)
        (tmp_path / "folders" / label / f"{n}.wav").write_bytes(b"sound")
    assert read_catalog(tmp_path / "folders").labels.names == (one,)


def test_doubtful_labels_get_a_remark(tmp_path: Path) -> None:
    labels = (
        "Parus major",
        "Parus major",
        "Parus Major",
        "parus-major",
        "Aus bus, Cus dus",
        "Crow, American",
        "A, B",
        "-Turdus merula",
    )
    rows = [f'{n}.wav,"{label}"' for n, label in enumerate(labels)]
    catalog = read_catalog(write_csv(tmp_path / "a.csv", "path,label", *rows))
    said = [line.removeprefix("doubtful label: ") for line in catalog.problem_lines()]
    assert said.pop(2).startswith("'Crow, American' and 1 more: a comma stands in the label; if")
    assert said.pop() == "'-Turdus merula' (1 recording) begins with '-'; is it the name of a species?"
    assert [line.partition(" (1 recording)")[0] for line in said] == [
        "'Parus Major'",
        "'parus-major'",
        "'Aus bus, Cus dus'",
    ]
    assert "and 'Parus major' (2) are two classes; if they are one, write them alike" in said[0]
    assert "is one class and looks like several species" in said[2]
    other = read_catalog(write_csv(tmp_path / "b.csv", "path,label", "x.wav,crow american"))
    assert len(other.problem_lines()) == 0
    merged = catalog.merged(other, name="b").problem_lines()
    assert len(merged) == 6
    assert "'crow american' (1 recording) and 'Crow, American' (1)" in "\n".join(merged)


def test_an_empty_class_is_said(tmp_path: Path) -> None:
    for folder in ("Parus major", "Parus ater", ".cache"):
        (tmp_path / folder).mkdir()
    (tmp_path / "Parus major" / "1.wav").write_bytes(b"sound")
    (tmp_path / "Parus ater" / "notes.txt").write_bytes(b"text")
    (line,) = read_catalog(tmp_path).problem_lines()
    assert (
        line
        == f"empty class: the folder {tmp_path / 'Parus ater'} holds no sound files; its class is left out"
    )
