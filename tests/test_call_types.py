"""Call types, sexes and stages are read from the texts of catalogs, in closed vocabularies."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from avianvox.cli.main import cli
from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.labels.animals import SEXES, STAGES
from avianvox.dataset.labels.call_types import CALL_TYPES, CALLS, SONGS
from avianvox.dataset.labels.columns import column_number, column_value, column_values, known_columns
from avianvox.dataset.labels.described import describe, sex_and_stage_in, summary
from avianvox.dataset.labels.vocabulary import words_of
from avianvox.dataset.sources.kaggle import free_remarks
from avianvox.dataset.sources.plain_csv import write_plain_csv
from avianvox.errors import InputError
from avianvox.evaluation.run_folder import CATALOG, RunFolder, read_recordings
from avianvox.runfolder import catalog_hash
from avianvox.types import Recording


def of(call_type: str, sex: str = "", stage: str = "") -> tuple[tuple[str, ...], str, str]:
    said = describe(Recording("a", Path("a.wav"), call_type=call_type, sex=sex, stage=stage))
    return said.call_types, said.sex, said.stage


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("song, male", (("song",), "male", "")),
        ("begging call, call, female, juvenile", (("call", "begging call"), "female", "juvenile")),
        ("SONG; Flight Calls", (("song", "flight call"), "", "")),
        ("'seet' call", (("call",), "", "")),
        ("song, 'dawn' song", (("song", "dawn song"), "", "")),
        ("call, calls (two kinds)", (("call",), "", "")),
        ("call and flight calls, juvenile", (("call", "flight call"), "", "juvenile")),
        ("alarm call, female alarm call", (("alarm call",), "female", "")),
        ("call, female, male", (("call",), "several", "")),
        ("Contact and Agonistic Calls", (("social call", "agonistic call"), "", "")),
        ("female song", (("female song",), "female", "")),
        ("Wing flapping, call", (("call", "mechanical sound"), "", "")),
        ("Gesang, Männchen", (("song",), "male", "")),
        ("cri d'alarme, mâle", (("alarm call",), "male", "")),
        ("canto, hembra", (("song",), "female", "")),
        ("llamada de vuelo / jovens", (("flight call",), "", "")),
        ("позывка; самец", (("call",), "male", "")),
        ("?", ((), "", "")),
        ("uncertain", ((), "", "")),
        ("song?", ((), "", "")),
        ("call, probably male", (("call",), "", "")),
        ("song or call", ((), "", "")),
        ("call, male in background", (("call",), "", "")),
        ("flies buzzing by the m", ((), "", "")),
        ("several", ((), "several", "several")),
        ("", ((), "", "")),
    ],
)  # fmt: skip
def test_types_are_read_however_they_are_written(
    written: str, expected: tuple[tuple[str, ...], str, str]
) -> None:
    assert of(written) == expected


def test_fields_of_their_own_go_before_the_type() -> None:
    assert of("song, male", "Female", "Adult, juvenile") == (("song",), "female", "several")
    assert of("song, male", "uncertain", "M") == (("song",), "male", "")  # what isn't known changes nothing
    assert of("call", "M", "juv.") == (("call",), "male", "juvenile")
    assert of("call", "♀", "Küken") == (("call",), "female", "nestling")


def test_what_is_not_understood_is_kept_and_counted() -> None:
    said = describe(Recording("a", Path("a.wav"), call_type="call?, trill, Display  dive, song"))
    assert (said.call_types, said.unread, said.doubted) == (("song",), ("trill", "Display  dive"), True)
    rows = [
        Recording(name, Path(name), call_type=text)
        for name, text in {"a": "trill, song, male", "b": "trill", "c": "?", "d": "", "e": "Trill  "}.items()
    ]
    assert summary(rows) == {
        "recordings": 5,
        "stated": 4,
        "understood": 1,
        "unknown": 1,
        "call_types": {"song": 1},
        "sexes": {"male": 1},
        "stages": {},
        "unread": {"trill": 2, "Trill": 1},
    }


def test_each_spelling_stands_for_one_value() -> None:
    for vocabulary in (CALL_TYPES, SEXES, STAGES):
        spellings = [
            s for texts in vocabulary.spellings.values() for s in dict.fromkeys(texts.split("|")) if s
        ]
        assert len(set(spellings)) == len(spellings), vocabulary.name
        for value, texts in vocabulary.spellings.items():
            for spelling in filter(None, texts.split("|")):
                assert vocabulary.find(words_of(spelling)) == (value,), spelling
    assert set(CALL_TYPES.values) > SONGS | CALLS


def test_remarks_count_where_they_say_it_plainly() -> None:
    assert sex_and_stage_in("Natural song from a male unseen in trees (at dawn).") == ("male", "")
    assert sex_and_stage_in("Several birds. Juveniles begging.") == ("", "juvenile")
    for doubtful in (
        "Sounds like male song",
        "Presumed female singing",
        "Male (?) singing",
        "Song of a bird. Adult male plumage.",
        "The call was a response to a male.",
        "Calls of several birds",
        "On a dead tree calling with male right next to it",
    ):
        assert sex_and_stage_in(doubtful) == ("", ""), doubtful
    index = "XC1 © A // Wood // 150m // ?h, 2014-04-28 // call // Male calling. /  / bird-seen:yes // also: B"
    assert free_remarks(index) == "Male calling."


def test_xeno_canto_gives_sex_and_stage(tmp_path: Path) -> None:
    shared = {"gen": "Parus", "sp": "major", "type": "song"}
    rows = [
        {**shared, "id": "1", "sex": "male", "stage": "adult", "rmk": "A female calling."},
        {**shared, "id": "2", "type": "call, female", "rmk": "A male calling."},
        {**shared, "id": "3", "sex": "uncertain", "rmk": "A male calling."},
        {**shared, "id": "4", "rmk": "A male calling."},
    ]
    page = {"numPages": 1, "page": 1, "recordings": rows}
    (tmp_path / "recordings.json").write_text(json.dumps(page))
    catalog = read_catalog(tmp_path)
    assert [r.sex for r in catalog] == ["male", "", "uncertain", "male"]
    assert [describe(r).sex for r in catalog] == ["male", "female", "", "male"]
    assert [describe(r).stage for r in catalog] == ["adult", "", "", ""]


def test_a_table_keeps_columns_of_its_own(tmp_path: Path) -> None:
    index = tmp_path / "recordings.csv"
    index.write_text(
        "path,label,type,sex,stage,count,distance_m\n"
        "a.wav,Parus major,Song,M,ad,3,\nb.wav,Parus major,,,,11-50,2.5\n"
    )
    first, second = catalog = read_catalog(tmp_path)
    assert (first.call_type, first.sex, first.stage, first.count) == ("Song", "M", "ad", 3)
    assert [column_value(r, "count") for r in catalog] == [3, "11-50"]
    assert [column_number(r, "distance_m") for r in catalog] == [None, 2.5]
    assert column_number(second, "count") is None
    assert column_value(first, "sex") == "male"
    copy = tmp_path / "copy.csv"
    write_plain_csv(copy, catalog.recordings)
    assert [(r.sex, r.stage, r.more) for r in read_catalog(copy)] == [
        (r.sex, r.stage, r.more) for r in catalog
    ]


def test_columns_have_a_value_or_none() -> None:
    row = Recording(
        "a", Path("a.wav"), "Parus major", background=("Turdus merula",), call_type="dawn song, duet"
    )
    assert column_value(row, "call_type") == ("dawn song", "duet")
    assert column_value(row, "voice") == ("song",)
    assert column_value(row, "song_or_call") == "song"
    assert column_value(row, "background") == ("Turdus merula",)
    assert column_value(row, "species") == ("Parus major", "Turdus merula")
    assert column_value(row, "duration_s") is None
    both = Recording("b", Path("b.wav"), call_type="song, call")
    assert [column_value(both, name) for name in ("song_or_call", "label", "species")] == [
        None,
        None,
        None,
    ]
    assert "distance_m" not in known_columns([row, both])
    with pytest.raises(
        InputError, match=r"^the catalog has no column 'call_typ'; did you mean 'call_type'\?$"
    ):
        column_values([row], "call_typ")


def test_older_catalogs_open_and_keep_their_bytes(tmp_path: Path) -> None:
    old = Recording("a", tmp_path / "a.wav", "Parus major", call_type="song")
    new = Recording("b", tmp_path / "b.wav", "Parus major", sex="male", more=(("colour", "red"),))
    folder = RunFolder(tmp_path / "run", {"models": []})
    folder.write_catalog([old, new])
    first, second = json.loads((folder.path / CATALOG).read_text())
    assert not {"sex", "stage", "more"} & set(first)
    assert {"sex", "more"} < set(second)
    assert "stage" not in second
    assert read_recordings(folder.path) == (old, new)
    assert catalog_hash([old]) == catalog_hash([replace(old, sex="male")])
    write_plain_csv(tmp_path / "old.csv", [old])
    assert (tmp_path / "old.csv").read_text().splitlines()[0].endswith("licence,url,background")


def test_voices_are_shown(tmp_path: Path) -> None:
    (tmp_path / "recordings.csv").write_text(
        'path,label,call_type\na.wav,Parus major,"song, male"\n'
        'b.wav,Parus major,"trill, call"\nc.wav,Parus major,\n'
    )
    result = CliRunner().invoke(cli, ["data", "voices", str(tmp_path)])
    assert result.exit_code == 0
    assert result.stdout == (
        "call type  recordings\nsong                1\ncall                1\nnot known           1\n\n"
        "sex        recordings\nmale                1\nnot known           2\n\n"
        "stage      recordings\nnot known           3\n\n"
        "spellings not understood (recordings):\n  trill (1)\n"
    )
    found = CliRunner().invoke(cli, ["audit", str(tmp_path), "--folds", "2", "--json"])
    findings = {f["kind"]: f for f in json.loads(found.stdout)["findings"]}
    assert findings["unread spelling"]["detail"].startswith("'trill' (1). A call type is known of 2 of 2")


@pytest.mark.parametrize(
    ("name", "known", "of_all"), [("puerto_rico", 269, 274), ("xenocanto_ca_nv", 2724, 2730)]
)
def test_real_catalogs_are_understood(name: str, known: int, of_all: int, real_data: Path) -> None:
    counts = summary(read_catalog(real_data / name).recordings)
    assert (counts["understood"], counts["recordings"]) == (known, of_all)
