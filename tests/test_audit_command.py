"""``avianvox audit``: a table, ranked findings, JSON for scripts."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from published_layout import copy_without_sound, make_layout

from avianvox.cli.main import cli

HEADER = "path,id,label,recordist,date,site,duration_s"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["audit", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixteen sessions of one species each."""
    lines = [HEADER]
    for i in range(64):
        label = ("Parus major", "Turdus merula")[i % 2]
        lines.append(f"{i}.wav,r{i:02d},{label},person {i % 16},2020-01-01,wood,{5 + i % 7}")
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "recordings.csv").write_text("\n".join([*lines, "x.wav,r99,,,,,"]) + "\n")
    return tmp_path / "sounds"


def test_random_and_session_folds_side_by_side(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "audit.json"
    result = run(folder, "--out", kept)
    assert result.exit_code == 0
    assert "left out: 1 recording without a label" in result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "64 recordings, 2 classes"
    assert lines[2].split() == ["random", "session"]
    shared = next(line for line in lines if line.startswith("  session "))
    assert shared.split()[1:] == ["100.0%", "0.0%"]
    by_session = next(line for line in lines if "by session" in line).split()
    assert by_session[2] == "100.0%"
    assert "ALARM: random folds: 100% of the test recordings" in result.stdout
    assert max(map(len, lines)) <= 110
    assert json.loads(kept.read_text()) == json.loads(run(folder, "--json").stdout)


def test_a_split_from_a_file(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    command = ["data", "split", str(folder), "--grouping", "session", "--out", str(file)]
    assert CliRunner().invoke(cli, command).exit_code == 0
    assert list(json.loads(run(folder, "--splits", file, "--json").stdout)["figures"]["splits"]) == [
        "mine.json"
    ]
    document = json.loads(file.read_text())
    moved = document["folds"][0]["test"].pop()
    document["folds"][0]["train"].append(moved)
    file.write_text(json.dumps(document))
    found = json.loads(run(folder, "--splits", file, "--json").stdout)["findings"]
    assert (found[0]["level"], found[0]["kind"]) == ("alarm", "broken grouping")
    assert moved in found[0]["detail"]


def test_options_change_what_is_looked_at(folder: Path) -> None:
    site = json.loads(run(folder, "--groupings", "site", "--folds", "2", "--json").stdout)
    assert not site["figures"]["splits"]
    assert site["findings"][0]["title"] == "All recordings share one site: folds by site cannot be drawn"
    drawn = [json.loads(run(folder, "--seed", seed, "--json").stdout)["figures"]["splits"] for seed in (0, 1)]
    assert drawn[0]["random"]["rules"]["duration"] != drawn[1]["random"]["rules"]["duration"]
    two = json.loads(run(folder, "--groupings", "recordist", "--folds", "2", "--json").stdout)
    assert two["figures"]["splits"]["recordist"]["folds"] == 2


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--store", "x"], 2, "--store is for --sound"),
        (["--sound"], 1, "none of the catalog's 64 sound files is there"),
        (["--groupings", "sesion"], 1, "did you mean 'session'?"),
        (["--groupings", ","], 2, "--groupings names none"),
    ],
)
def test_mistakes(
    folder: Path, options: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from avianvox.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(["audit", str(folder), *options])
    assert ended.value.code == code
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "splits", "titles"),
    [
        (
            [(label, "ann", "2020-01-01") for label in "AB" * 6],
            ["random"],
            ["All recordings share one session: folds by session cannot be drawn"],
        ),
        (
            [(label, label, "2020-01-01") for label in "ABCDEFGH"],
            [],
            ["Random folds cannot be drawn"],
        ),
        (
            [("A", f"person {i % 5}", "2020-01-01") for i in range(15)],
            ["random", "session"],
            ["All recordings have one class, A"],
        ),
    ],
)
def test_what_cannot_be_judged_is_an_alarm_in_words(
    tmp_path: Path, rows: list[tuple[str, str, str]], splits: list[str], titles: list[str]
) -> None:
    lines = [HEADER, *(f"{i}.wav,{i},{','.join(row)},wood,{5 + i % 7}" for i, row in enumerate(rows))]
    (tmp_path / "recordings.csv").write_text("\n".join(lines) + "\n")
    found = json.loads(run(tmp_path, "--json").stdout)
    assert list(found["figures"]["splits"]) == splits
    alarms = [finding["title"] for finding in found["findings"] if finding["level"] == "alarm"]
    assert set(titles) <= set(alarms)
    assert run(tmp_path).stdout.count("ALARM: ") == len(alarms)


def test_a_catalog_without_a_label_is_named(tmp_path: Path) -> None:
    (tmp_path / "recordings.csv").write_text(f"{HEADER}\na.wav,,,,,,\n")
    result = run(tmp_path)
    wanted = "put those of each species in a folder of its name, or fill in the column label"
    assert str(result.exception) == f"{tmp_path}: no recording has a label; {wanted}"


def test_imported_features_are_heard_without_any_sound(tmp_path: Path) -> None:
    from avianvox.dataset.catalog import read_catalog

    layout, imported = make_layout(tmp_path / "layout", per_class=3), tmp_path / "imported"
    copy_without_sound(layout, tmp_path / "mute")
    assert CliRunner().invoke(cli, ["data", "import", str(tmp_path / "mute"), "--out", str(imported)])
    result = run(imported, "--sound", "--store", imported / "store", "--json")
    assert json.loads(result.stdout)["figures"]["sound"]["recordings"] == len(read_catalog(imported))
    assert "source" in json.loads(result.stdout)["figures"]["splits"]
