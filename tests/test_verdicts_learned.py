"""What reviewers said as labels: the majority of them, for training, comparing, suggesting and cutting."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from test_verdicts import said

from avianvox.cli.main import cli
from avianvox.dataset.catalog import Catalog, read_catalog, read_catalogs
from avianvox.dataset.splits import make_split
from avianvox.errors import CatalogError, InputError, OutputError
from avianvox.find.labels import read_labels
from avianvox.tables.formats import format_of, read_table, write_table
from avianvox.types import NO_BIRD
from avianvox.verdicts.consensus import opinions
from avianvox.verdicts.standing import standing
from avianvox.verdicts.table import Said, Verdict
from avianvox.verdicts.writing import Writer


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def write(path: Path, verdicts: Sequence[Verdict]) -> Path:
    with Writer(path) as table:
        for verdict in verdicts:
            table.add(verdict)
    return path


def by(reviewer: str, verdict: Said, **changes: object) -> Verdict:
    number = f"{reviewer}-{verdict}-{sorted(changes.items())}"
    return said(number, verdict, reviewer=reviewer, **{"note": "", **changes})


@pytest.mark.parametrize(
    ("words", "names", "noise", "right"),
    [
        ([("Ana", Said.ACCEPTED, ())], ["Turdus merula"], False, True),
        ([("Ana", Said.OTHER, ("Turdus merula", "Pica pica"))], ["Turdus merula", "Pica pica"], False, True),
        ([("Ana", Said.ACCEPTED, ()), ("Bo", Said.OTHER, ("Pica pica",))], [], False, None),
        ([("Ana", Said.ACCEPTED, ("Pica pica",)), ("Bo", Said.ACCEPTED, ())], ["Turdus merula"], False, True),
        ([("Ana", Said.NOISE, ()), ("Bo", Said.NOISE, ()), ("Cy", Said.ACCEPTED, ())], [], True, False),
        ([("Ana", Said.UNSURE, ()), ("Bo", Said.OTHER, ("Pica pica",))], ["Pica pica"], False, False),
        ([("Ana", Said.UNSURE, ()), ("Bo", Said.SKIPPED, ())], [], False, None),
    ],
)
def test_the_majority_of_those_who_answered(words, names, noise, right) -> None:  # type: ignore[no-untyped-def]
    (opinion,) = opinions(standing([by(who, verdict, species=heard) for who, verdict, heard in words]))
    assert (list(opinion.names), opinion.is_noise, opinion.is_right) == (names, noise, right)
    assert opinion.is_disputed == (len(opinion.answers) > 0 and right is None)
    assert opinion.is_unsure == (not opinion.answers)


def test_names_of_two_checklists_are_one_species() -> None:
    verdict = by("Ana", Said.OTHER, suggested="Accipiter cooperii", species=("Astur cooperii",))
    (opinion,) = opinions(standing([verdict]))
    assert opinion.is_right


SPANS = [
    by("Ana", Said.ACCEPTED, start_s=0.0, end_s=2.0),
    by(
        "Ana",
        Said.OTHER,
        start_s=2.0,
        end_s=4.0,
        species=("Pica pica", "Parus major"),
        low_hz=None,
        high_hz=None,
    ),
    by("Ana", Said.NOISE, start_s=3.0, end_s=5.0),
    by("Ana", Said.NOISE, start_s=6.0, end_s=8.0),
    by("Ana", Said.UNSURE, start_s=8.0, end_s=9.0),
    by("Ana", Said.SKIPPED, start_s=9.0, end_s=10.0),
]


def test_a_table_of_verdicts_is_read_as_what_is_heard(tmp_path: Path) -> None:
    table = write(tmp_path / "night.verdicts.csv", SPANS)
    assert format_of(table) == "verdicts"
    rows = [(r.begin_s, r.scientific_name, r.score, r.low_hz) for r in read_table(table)]
    assert rows == [
        (0.0, "Turdus merula", 0.875, 2000.0),
        (2.0, "Pica pica", None, None),
        (2.0, "Parus major", None, None),
        (3.0, NO_BIRD, None, 2000.0),
        (6.0, NO_BIRD, None, 2000.0),
        (8.0, "?", None, 2000.0),
    ]
    with pytest.raises(InputError, match="it holds what people said"):
        write_table([], table, "verdicts")
    done = run("convert", table, tmp_path / "other.verdicts.csv")
    assert "it holds what people said" in str(done.exception)
    assert not (tmp_path / "other.verdicts.csv").exists()


def test_classify_writes_no_detections_over_verdicts(tmp_path: Path) -> None:
    table = write(tmp_path / "night.verdicts.csv", SPANS)
    before = table.read_bytes()
    done = run("classify", tmp_path, "--output", table)
    assert isinstance(done.exception, InputError | OutputError)
    assert table.read_bytes() == before


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Six recordings of ten seconds by three people, of one species."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    rows = ["path,id,label,recordist,date,site"]
    for n in range(6):
        noise = 0.1 * np.random.default_rng(n).standard_normal(10 * 8000)
        soundfile.write(folder / f"{n}.wav", noise, 8000)
        rows.append(f"{n}.wav,XC{n},Turdus merula,R{n % 3},2026-05-0{n % 3 + 1},wood")
    (folder / "recordings.csv").write_text("\n".join(rows) + "\n")
    return folder


def spans_of(recordings: Path, n: int) -> list[Verdict]:
    file = str(recordings / f"{n}.wav")
    return [said(f"{n}.{k}", s.verdict, **_of(s), file=file) for k, s in enumerate(SPANS)]


def _of(verdict: Verdict) -> dict[str, object]:
    return {name: getattr(verdict, name) for name in ("start_s", "end_s", "low_hz", "high_hz", "species")}


def parts(catalog: Catalog) -> list[tuple[str, str]]:
    return [(r.id, r.label) for r in catalog.recordings if r.begin_s is not None]


def test_verdicts_become_parts_of_the_recordings_of_a_catalog(recordings: Path, tmp_path: Path) -> None:
    table = write(tmp_path / "night.verdicts.csv", spans_of(recordings, 0))
    catalog = read_catalogs([recordings, table])
    assert parts(catalog) == [
        ("XC0#0.000-2.000", "Turdus merula"),
        ("XC0#2.000-4.000", "Parus major"),
        ("XC0#2.000-4.000+2", "Pica pica"),
        ("XC0#6.000-8.000", NO_BIRD),
    ], "noise while a bird calls is not 'no bird', and neither is what nobody knows"
    added = [r for r in catalog.recordings if r.begin_s is not None]
    assert {r.session for r in added} == {"R0 | 2026-05-01 | wood"}
    assert added[0].low_hz == 2000.0
    assert added[1].background == ("Pica pica",)


def test_all_parts_of_a_session_stay_on_one_side(recordings: Path, tmp_path: Path) -> None:
    table = write(tmp_path / "t.verdicts.csv", [v for n in range(6) for v in spans_of(recordings, n)])
    rows = read_catalogs([recordings, table]).recordings
    split = make_split(rows, grouping="session", n_folds=3, seed=0)
    for fold in split.folds:
        train, test = ({rows[i].session for i in part} for part in (fold.train, fold.test))
        assert test
        assert not train & test


def test_a_moved_folder_and_a_catalog_of_parts_are_found_too(recordings: Path, tmp_path: Path) -> None:
    moved = [said(str(n), start_s=0.0, end_s=2.0, file=f"/other/disk/{n}.wav") for n in range(2)]
    table = write(tmp_path / "x.verdicts.csv", moved)
    assert parts(read_catalogs([recordings, table]))[0] == ("XC0#0.000-2.000", "Turdus merula")
    index = recordings / "recordings.csv"
    text = index.read_text().splitlines()
    index.write_text(f"{text[0]},begin_s,end_s\n{text[1].replace('XC0', 'XC0#5.000-7.000')},5,7\n")
    found = read_catalogs([recordings, table])
    assert parts(found)[1] == ("XC0#0.000-2.000", "Turdus merula")
    assert found.recordings[1].recordist == "R0"


def test_a_recording_without_a_label_gets_that_of_a_verdict_on_all_of_it(
    recordings: Path, tmp_path: Path
) -> None:
    index = recordings / "recordings.csv"
    index.write_text(index.read_text().replace("XC1,Turdus merula", "XC1,"))
    whole = {"start_s": None, "end_s": None, "low_hz": None, "high_hz": None}
    verdicts = [said(str(n), Said.OTHER, file=str(recordings / f"{n}.wav"), **whole) for n in (1, 2)]
    catalog = read_catalogs([recordings, write(tmp_path / "x.verdicts.csv", verdicts)])
    assert [r.label for r in catalog.recordings[:3]] == ["Turdus merula", "Pica pica", "Turdus merula"]
    assert len(catalog) == 6
    assert [p.kind for p in catalog.problems] == ["duplicate id"], "of XC2, which the catalog names otherwise"


def test_several_reviewers_teach_what_most_of_them_hear(recordings: Path, tmp_path: Path) -> None:
    file = str(recordings / "0.wav")
    words = {
        "Ana": [Said.ACCEPTED, Said.ACCEPTED, Said.NOISE],
        "Bo": [Said.OTHER, Said.OTHER, Said.NOISE],
        "Cy": [Said.OTHER, Said.NOISE, Said.ACCEPTED],
    }
    tables = [
        write(
            tmp_path / f"{who}.verdicts.csv",
            [by(who, s, file=file, start_s=2.0 * n, end_s=2.0 * n + 1) for n, s in enumerate(answers)],
        )
        for who, answers in words.items()
    ]
    catalog = read_catalogs([recordings, *tables])
    assert parts(catalog) == [("XC0#0.000-1.000", "Pica pica"), ("XC0#4.000-5.000", NO_BIRD)]
    assert read_catalogs([recordings, *tables[::-1]]).recordings[6:] == catalog.recordings[6:]


def test_a_table_of_verdicts_alone_is_a_catalog_and_beside_folders_is_none(
    recordings: Path, tmp_path: Path
) -> None:
    table = write(recordings / "t.verdicts.csv", spans_of(recordings, 0))
    assert [r.label for r in read_catalog(table).recordings] == [
        "Turdus merula",
        "Parus major",
        "Pica pica",
        NO_BIRD,
    ]
    classes = tmp_path / "classes"
    (classes / "Turdus merula").mkdir(parents=True)
    (recordings / "0.wav").rename(classes / "Turdus merula" / "0.wav")
    table.rename(classes / "t.verdicts.csv")
    assert read_catalog(classes).source == "folders"


def test_labels_of_a_search_are_read_from_verdicts_as_from_the_old_table(tmp_path: Path) -> None:
    table = write(tmp_path / "t.verdicts.csv", SPANS)
    labels, problems = read_labels(table)
    assert [(v.begin_s, v.label) for v in labels] == [
        (0.0, "Turdus merula"),
        (2.0, "Pica pica"),
        (2.0, "Parus major"),
        (3.0, NO_BIRD),
        (6.0, NO_BIRD),
        (8.0, "?"),
    ]
    assert problems == []
    old = tmp_path / "old.csv"
    old.write_text("path,begin_s,end_s,label\na.wav,0,2,Turdus merula\na.wav,2,4,?\n")
    assert [v.label for v in read_labels(old)[0]] == ["Turdus merula", "?"]


def test_segments_are_cut_of_what_reviewers_heard(recordings: Path, tmp_path: Path) -> None:
    table = write(tmp_path / "t.verdicts.csv", spans_of(recordings, 0))
    done = run("segments", table, "--out", tmp_path / "cut", "--no-pictures")
    assert done.exit_code == 0, done.output
    with open(tmp_path / "cut" / "index.csv", newline="") as file:
        names = sorted(row["scientific_name"] for row in csv.DictReader(file))
    assert names == ["?", "Parus major", "Pica pica", "Turdus merula", NO_BIRD, NO_BIRD]


@pytest.mark.parametrize("command", ["train", "crossval", "features"])
def test_commands_learn_from_verdicts(command: str, recordings: Path, tmp_path: Path) -> None:
    table = write(tmp_path / "t.verdicts.csv", [v for n in range(6) for v in spans_of(recordings, n)])
    out = tmp_path / "out"
    options = {
        "train": ["train", recordings, "--model", "gnb_mfcc", "--validation", 0, "--json"],
        "crossval": ["crossval", recordings, "--models", "gnb_mfcc", "--groupings", "session", "--json"],
        "features": ["features", "build", recordings],
    }[command]
    done = run(*options, "--out", out, "--add-labels", table)
    assert done.exit_code == 0, (done.output, done.exception)
    if command == "train":
        config = json.loads((out / "config.json").read_text())
        assert config["n_recordings"] == 6 + 6 * 4
        assert config["labels"] == sorted([NO_BIRD, "Parus major", "Pica pica", "Turdus merula"])
        assert config["catalogs"] == [str(recordings), str(table)]


def test_what_is_no_table_of_verdicts_is_refused(recordings: Path, tmp_path: Path) -> None:
    table = tmp_path / "a.labels.txt"
    table.write_text("0\t1\tPica pica\n")
    done = run("train", recordings, "--out", tmp_path / "out", "--add-labels", table)
    assert "expected a table of verdicts, got one of the format 'audacity'" in str(done.exception)
    torn = write(tmp_path / "t.verdicts.csv", SPANS)
    torn.write_text(torn.read_text().replace(",accepted,", ",acepted,"))
    with pytest.raises(CatalogError, match=r"t\.verdicts\.csv, line 2: verdict: expected one of accepted"):
        read_catalogs([recordings, torn])
