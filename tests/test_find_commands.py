"""From groups and suggestions to labels and back, by the command line."""

import csv
import io
from pathlib import Path

import pytest
from test_find import N_EACH, TONES_HZ, folder, run

from avianvox.dataset.catalog import read_catalog
from avianvox.features.store import FeatureStore

__all__ = ["folder"]


def table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def grouped(folder: Path, tmp_path: Path) -> Path:
    """Groups, and the names that somebody gave them after listening: the tone's, and none of the last."""
    options = ["--catalog", folder / "birds", "--n", len(TONES_HZ), "--per-cluster", 2]
    out = ["--out", tmp_path / "clusters.csv", "--names", tmp_path / "names.csv"]
    done = run("cluster", folder / "store", *options, *out)
    assert done.exit_code == 0, done.output
    assert f"in {len(TONES_HZ)} clusters; 60 quiet windows left out" in done.stderr
    rows = table(tmp_path / "names.csv")
    for row in rows:
        row["label"] = Path(row["examples"].split("#")[0]).parent.name
    rows[-1]["label"] = ""
    write(tmp_path / "names.csv", rows)
    return tmp_path


def test_the_table_says_where_and_which(folder: Path, grouped: Path) -> None:
    rows = table(grouped / "clusters.csv")
    assert len(rows) == 2 * len(TONES_HZ) * N_EACH
    assert {row["scientific_name"] for row in rows} == {f"cluster {k}" for k in range(1, 5)}
    assert all(Path(row["path"]).is_file() for row in rows)
    assert [row["message"] for row in rows].count("example") == 2 * len(TONES_HZ)
    assert all(0.5 < float(row["score"]) <= 1 for row in rows if row["message"])
    names = table(grouped / "names.csv")
    assert list(names[0]) == ["name", "label", "n_windows", "n_recordings", "likeness", "examples"]
    assert [(row["n_windows"], row["n_recordings"]) for row in names] == [("10", "5")] * 4


def test_names_of_groups_make_labels_that_train_and_suggest_take(folder: Path, grouped: Path) -> None:
    labels = grouped / "labels.csv"
    done = run("convert", grouped / "clusters.csv", labels, "--names", grouped / "names.csv")
    assert done.exit_code == 0, done.output
    named = {row["label"] for row in table(grouped / "names.csv")} - {""}
    catalog = read_catalog(labels)
    assert set(catalog.labels.names) == named
    assert all(r.path.parent.name == r.label and r.span is not None for r in catalog.recordings)
    missing = ({f"tone {k}" for k in range(4)} - named).pop()
    options = ["--catalog", folder / "birds", "--by", "window", "--n", 100, "--out", grouped / "next.csv"]
    done = run("suggest", folder / "store", "--labels", labels, *options)
    assert (done.exit_code, done.stderr) == (0, "10 windows of 40; 30 labels used\n")
    assert {Path(row["path"]).parent.name for row in table(grouped / "next.csv")} == {missing}


def test_labels_are_not_written_over(folder: Path, grouped: Path) -> None:
    before = (grouped / "names.csv").read_bytes()
    out = ["--out", grouped / "again.csv", "--names", grouped / "names.csv"]
    done = run("cluster", folder / "store", "--n", 4, *out)
    assert done.exit_code == 1
    assert "it is there and may hold your labels" in str(done.exception)
    assert (grouped / "names.csv").read_bytes() == before
    assert not (grouped / "again.csv").exists()


def test_examples_are_cut(folder: Path, tmp_path: Path) -> None:
    options = ["--n", 4, "--per-cluster", 2, "--no-pictures", "--out", tmp_path / "clusters.csv"]
    done = run(
        "cluster", folder / "store", *options, "--catalog", folder / "birds", "--examples", tmp_path / "e"
    )
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "e").rglob("*.wav"))) == 8
    assert {path.name for path in (tmp_path / "e").iterdir() if path.is_dir()} == {
        f"cluster {k}" for k in range(1, 5)
    }
    done = run("cluster", folder / "store", *options, "--examples", tmp_path / "f")
    assert done.exit_code == 2
    assert "--examples needs --catalog" in done.stderr


def test_the_page_holds_pictures_and_sounds(folder: Path, tmp_path: Path) -> None:
    options = [
        "--n",
        4,
        "--per-cluster",
        2,
        "--out",
        tmp_path / "clusters.csv",
        "--page",
        tmp_path / "p.html",
    ]
    done = run("cluster", folder / "store", *options, "--catalog", folder / "birds")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert page.count("<audio") == page.count("data:image/png;base64,") == 8
    assert "cluster 1: 10 windows of 5 recordings" in page
    assert run("cluster", folder / "store", *options).exit_code == 2


def test_suggestions_that_were_labelled_do_not_come_again(folder: Path, tmp_path: Path) -> None:
    """Label, suggest, label: the output with its column filled in is the input."""
    suggested: list[set[str]] = []
    labels: list[object] = []
    for turn in range(3):
        out = tmp_path / f"{turn}.csv"
        call = ["suggest", folder / "store", "--n", 4, "--catalog", folder / "birds", "--out", out, *labels]
        done = run(*call)
        assert done.exit_code == 0, done.output
        rows = table(out)
        assert all(bool(row["guess"]) == bool(turn) for row in rows)
        assert all((row["begin_s"], row["end_s"], row["label"]) == ("", "", "") for row in rows)
        suggested.append({row["path"] for row in rows})
        for row in rows:
            row["label"] = Path(row["path"]).parent.name
        write(out, rows)
        labels += ["--labels", out]
    assert len(set.union(*suggested)) == 12
    assert len({Path(path).parent.name for path in suggested[0]}) == 4
    assert set(read_catalog(tmp_path / "0.csv").labels.names) == {f"tone {k}" for k in range(4)}


def test_suggestions_that_somebody_labelled_are_not_written_over(folder: Path, tmp_path: Path) -> None:
    """The first command, given again, would end an hour of listening; unlabelled rows are made anew."""
    out = tmp_path / "first.csv"
    call = ["suggest", folder / "store", "--n", 4, "--catalog", folder / "birds", "--out", out]
    for _ in range(2):
        assert run(*call).exit_code == 0
    rows = table(out)
    rows[1]["label"] = "?"
    write(out, rows)
    before = out.read_bytes()
    done = run(*call)
    assert (done.exit_code, out.read_bytes()) == (1, before)
    assert "may hold your labels; name a new file" in str(done.exception)


def test_bad_labels_are_one_line_each(folder: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("path,label\n00.wav,a\nno.wav,b\n10.wav,b\nneither.wav,b\n,b\n")
    done = run("suggest", folder / "store", "--labels", labels, "--n", 2)
    assert done.exit_code == 3
    assert done.stderr.splitlines() == [
        "2 recordings of 20; 2 labels used",
        f"failed: {labels}, line 6: the label 'b' has no file; name a file or a recording",
        f"failed: {labels}, line 3: no.wav: the store has no such recording",
        f"failed: {labels}, line 5: neither.wav: the store has no such recording",
    ]
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == ["path", "begin_s", "end_s", "label", "guess", "score", "id"]
    assert len(rows) == 2


def test_the_same_call_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in "ab":
        options = ["--n", 5, "--seed", 4]
        assert run("suggest", folder / "store", *options, "--out", tmp_path / f"{name}.csv").exit_code == 0
        assert run("cluster", folder / "store", *options, "--out", tmp_path / f"c{name}.csv").exit_code == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (tmp_path / "ca.csv").read_bytes() == (tmp_path / "cb.csv").read_bytes()
    assert table(tmp_path / "a.csv")[0]["path"] in FeatureStore.open(folder / "store").ids


def test_a_catalog_of_other_recordings_is_refused(folder: Path, synth_catalog_dir: Path) -> None:
    done = run("suggest", folder / "store", "--catalog", synth_catalog_dir)
    assert done.exit_code == 1
    assert "none of the store's recordings is in the catalog" in str(done.exception)


NAMES = "name;label\nOld name;New name\nNoise;\n"


def test_convert_gives_other_names(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        "path,begin_s,end_s,scientific_name,common_name\na.wav,0,1,Old name,Old\na.wav,1,2,Noise,\n"
        "a.wav,2,3,Kept name,Kept\n"
    )
    (tmp_path / "names.csv").write_text(NAMES)
    done = run("convert", tmp_path / "in.csv", tmp_path / "out.csv", "--names", tmp_path / "names.csv")
    assert done.exit_code == 0, done.output
    rows = table(tmp_path / "out.csv")
    assert [(row["scientific_name"], row["common_name"]) for row in rows] == [
        ("New name", ""),
        ("Kept name", "Kept"),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("old,new\na,b\n", "expected a table with the columns 'name' and 'label'"),
        ("name,label\na,b\na,c\n", "line 3: 'a' is 'c' here and 'b' above"),
    ],
)
def test_names_that_are_none_are_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "in.csv").write_text("path,begin_s,end_s,scientific_name\na.wav,0,1,a\n")
    (tmp_path / "names.csv").write_text(text)
    done = run("convert", tmp_path / "in.csv", tmp_path / "out.csv", "--names", tmp_path / "names.csv")
    assert done.exit_code == 1
    assert why in str(done.exception)
    assert not (tmp_path / "out.csv").exists()


def test_names_are_written_last_so_that_a_command_that_failed_can_run_again(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "listen").mkdir()
    (tmp_path / "listen" / "mine.txt").write_text("mine")
    call = ("cluster", folder / "store", "--catalog", folder / "birds", "--n", 2, "--no-pictures")
    out = ("--out", tmp_path / "c.csv", "--names", tmp_path / "names.csv")
    assert run(*call, *out, "--examples", tmp_path / "listen").exit_code == 1
    assert run(*call, *out, "--examples", tmp_path / "other").exit_code == 0
    assert len(table(tmp_path / "names.csv")) == 2


def test_suggestions_go_into_a_known_format(folder: Path, tmp_path: Path) -> None:
    done = run("suggest", folder / "store", "--out", tmp_path / "next.xyz")
    assert done.exit_code == 1
    assert str(done.exception) == (
        f"{tmp_path / 'next.xyz'}: expected a table that ends in .csv, .jsonl, .parquet, .xlsx, "
        "got 'next.xyz'; name another"
    )


@pytest.mark.parametrize(
    ("ending", "why"), [("jsonl", "none of its 20 rows names a species"), ("xlsx", "save the sheet as CSV")]
)
def test_labels_that_are_no_csv_are_not_passed_over(
    folder: Path, tmp_path: Path, ending: str, why: str
) -> None:
    labels = tmp_path / f"labels.{ending}"
    assert run("suggest", folder / "store", "--out", labels).exit_code == 0
    done = run("suggest", folder / "store", "--labels", labels)
    assert done.exit_code == 1
    assert why in str(done.exception)
    assert str(labels) in str(done.exception)


def test_a_question_mark_is_no_class(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,begin_s,end_s,label\na.wav,0,1,Turdus merula\na.wav,1,2,?\n")
    catalog = read_catalog(tmp_path / "labels.csv")
    assert [recording.label for recording in catalog.recordings] == ["Turdus merula", ""]
    assert catalog.labels.names == ("Turdus merula",)
