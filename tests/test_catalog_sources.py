"""Each source reads its own layout, both spellings of a field, and lists what is wrong."""

import csv
import json
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from avianvox.dataset.catalog import Catalog, duplicate_audio, read_catalog
from avianvox.dataset.sources import SOURCES
from avianvox.errors import CatalogError, UnknownNameError
from avianvox.types import NO_BIRD, Recording


def kinds(catalog: Catalog) -> dict[str, int]:
    return dict(Counter(problem.kind for problem in catalog.problems))


def answer(*rows: dict[str, Any], page: int = 1, pages: int = 1) -> str:
    return json.dumps(
        {"numRecordings": str(len(rows)), "page": page, "numPages": pages, "recordings": list(rows)}
    )


def row(number: int, **changes: Any) -> dict[str, Any]:
    fields = {
        "id": str(number),
        "gen": "Parus",
        "sp": "major",
        "en": "Great Tit",
        "rec": "A. Recordist",
        "loc": " Some Wood ",
        "lat": "51.5",
        "lng": "-1.25",
        "group": "birds",
        "date": "2020-05-06",
        "time": "6:05",
        "length": "1:07",
        "q": "A",
        "type": "song",
        "lic": "//creativecommons.org/licenses/by-nc-sa/4.0/",
        "url": f"//xeno-canto.org/{number}",
        "also": ["Turdus merula", ""],
    }
    return {k: v for k, v in {**fields, **changes}.items() if v is not None}


def write_csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_xeno_canto_v2_and_v3_pages_give_the_same_fields(tmp_path: Path) -> None:
    v3 = row(2, lng=None, group=None, lon="-1.25", grp="birds")
    (tmp_path / "page1.json").write_text(answer(row(1), page=1, pages=2))
    (tmp_path / "page2.json").write_text(answer(v3, page=2, pages=2))
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "XC1.wav").write_bytes(b"1")
    (tmp_path / "XC2 - Great Tit.mp3").write_bytes(b"2")
    (tmp_path / "XC2.json.bak").write_bytes(b"sound")
    catalog = read_catalog(tmp_path)
    assert catalog.source == "xeno_canto"
    assert catalog.problems == ()
    first, second = catalog.recordings
    assert first == Recording(
        id="XC1",
        path=tmp_path / "audio" / "XC1.wav",
        label="Parus major",
        common_name="Great Tit",
        background=("Turdus merula",),
        recordist="A. Recordist",
        date="2020-05-06",
        time="06:05",
        site="Some Wood",
        latitude=51.5,
        longitude=-1.25,
        duration_s=67.0,
        quality="A",
        call_type="song",
        licence="CC BY-NC-SA 4.0",
        url="https://xeno-canto.org/1",
        source="xeno_canto",
    )
    assert first.attribution == "A. Recordist, XC1, https://xeno-canto.org/1, CC BY-NC-SA 4.0"
    assert (second.longitude, second.path.name) == (-1.25, "XC2 - Great Tit.mp3")


def test_xeno_canto_lists_problems_and_keeps_the_rows(tmp_path: Path) -> None:
    rows = (row(1), row(1, rec="Another"), row(2, length="0:00"), row(3, gen="Mystery", sp="mystery"))
    (tmp_path / "recordings.json").write_text(answer(*rows, page=1, pages=3))
    for name in ("XC1.mp3", "XC1.wav", "XC3.ogg", "XC23.mp3"):
        (tmp_path / name).write_bytes(b"sound")
    catalog = read_catalog(tmp_path / "recordings.json")
    assert [r.id for r in catalog.recordings] == ["XC1", "XC2", "XC3"]
    assert catalog.recordings[0].recordist == "A. Recordist"
    assert kinds(catalog) == {
        "inconsistent source": 2,  # pages 2 and 3; two files for XC1
        "duplicate id": 1,
        "missing file": 1,
        "zero duration": 1,
        "unknown label": 1,
    }
    missing = next(p for p in catalog.problems if p.kind == "missing file")
    assert missing.message == f"XC2: no sound file at {tmp_path / 'XC2.mp3'}"
    assert any("missing pages (of 3): 2, 3" in p.message for p in catalog.problems)
    assert catalog.labels.names == ("Parus major",)


def test_duplicate_audio_names_the_first(tmp_path: Path) -> None:
    for name, content in (
        ("a/1.wav", b"same"),
        ("a/2.wav", b"diff"),
        ("b/3.wav", b"same"),
        ("b/4.wav", b"5"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (problem,) = duplicate_audio(read_catalog(tmp_path).recordings)
    assert (problem.kind, problem.recording_id) == ("duplicate audio", "b/3.wav")
    assert "a/1.wav" in problem.message


def test_folders_name_the_classes(tmp_path: Path) -> None:
    for folder in ("Junco_hyemalis", "Parus major_Great Tit", "Noise", "no bird"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.WAV").write_bytes(b"sound")
        (tmp_path / folder / "notes.txt").write_bytes(b"sound")
    (tmp_path / "stray.mp3").write_bytes(b"sound")
    catalog = read_catalog(tmp_path)
    assert {r.id: (r.label, r.common_name) for r in catalog.recordings} == {
        "stray.mp3": ("", ""),
        "Junco_hyemalis/1.WAV": ("Junco hyemalis", ""),
        "Noise/1.WAV": (NO_BIRD, ""),
        "Parus major_Great Tit/1.WAV": ("Parus major", "Great Tit"),
        "no bird/1.WAV": (NO_BIRD, ""),
    }
    assert kinds(catalog) == {"unknown label": 1}
    assert len({r.session for r in catalog.recordings}) == 5


def test_folders_know_what_files_and_names_know(tmp_path: Path) -> None:
    """Recordings of one recorder and day are one session, so that folds keep them together."""
    for label, time in (("Parus major", "050000"), ("Parus ater", "050100"), ("Parus ater", "061500")):
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"MEADOW_20240601_{time}.wav").write_bytes(b"sound")
    (tmp_path / "Parus ater" / "pond.wav").write_bytes(wav_with_guano("2023-05-06T07:08:09"))
    known = {r.path.name: (r.date, r.time, r.site, r.latitude) for r in read_catalog(tmp_path).recordings}
    assert known == {
        "MEADOW_20240601_050000.wav": ("2024-06-01", "05:00", "MEADOW", None),
        "MEADOW_20240601_050100.wav": ("2024-06-01", "05:01", "MEADOW", None),
        "MEADOW_20240601_061500.wav": ("2024-06-01", "06:15", "MEADOW", None),
        "pond.wav": ("2023-05-06", "07:08", "POND1", 18.5),
    }
    assert len({r.session for r in read_catalog(tmp_path).recordings}) == 2


def wav_with_guano(time: str) -> bytes:
    notes = f"GUANO|Version: 1.0\nTimestamp: {time}\nSerial: POND1\nLoc Position: 18.5 -66.25\n".encode()
    notes += b" " * (len(notes) % 2)
    body = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    body += b"guan" + struct.pack("<I", len(notes)) + notes + b"data" + struct.pack("<I", 4) + b"\0" * 4
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_a_row_of_csv_without_a_date_asks_the_file_and_one_with_a_date_does_not(tmp_path: Path) -> None:
    name = "MEADOW_20240601_050000.wav"
    (tmp_path / name).write_bytes(wav_with_guano("2023-05-06T07:08:09"))
    write_csv(
        tmp_path / "recordings.csv",
        "path,id,date,time,site,recordist",
        f"{name},1,,,,",
        f"{name},2,2020-01-02,,,",
        f"{name},3,,03:04,Wood,Me",
    )
    known = [(r.date, r.time, r.site, r.recordist) for r in read_catalog(tmp_path).recordings]
    assert known == [
        ("2023-05-06", "07:08", "POND1", ""),
        ("2020-01-02", "", "", ""),
        ("2023-05-06", "03:04", "Wood", "Me"),
    ]


def test_a_part_that_begins_just_before_the_file_begins_with_it(tmp_path: Path) -> None:
    index = write_csv(tmp_path / "a.csv", "path,label,begin_s,end_s", "a.wav,x,-0.010,2")
    assert read_catalog(index).recordings[0].span == (0.0, 2.0)
    write_csv(index, "path,label,begin_s,end_s", "a.wav,x,-1,2")
    with pytest.raises(CatalogError, match=r"found -1\.0 to 2\.0 s"):
        read_catalog(index)


def test_a_flat_folder_has_no_labels_unless_its_name_says_no_bird(tmp_path: Path) -> None:
    for name in ("Background", "walk"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rain.ogg").write_bytes(b"sound")
    (recording,) = read_catalog(tmp_path / "walk").recordings
    assert (recording.id, recording.label) == ("rain.ogg", "")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogError, match="not a catalog"):
        read_catalog(tmp_path / "empty")
    (recording,) = read_catalog(tmp_path / "Background").recordings
    assert (recording.id, recording.label) == ("rain.ogg", NO_BIRD)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_csv_of_a_spreadsheet_with_semicolons(tmp_path: Path, mark: str) -> None:
    index = tmp_path / "recordings.csv"
    index.write_text(
        f"{mark}path;label;latitude;longitude;begin_s;end_s\nä.wav;A b;18,25;-66,1;1,5;2\n", "utf-8"
    )
    (recording,) = read_catalog(index).recordings
    assert (recording.label, recording.latitude, recording.longitude) == ("A b", 18.25, -66.1)
    assert (recording.begin_s, recording.end_s) == (1.5, 2.0)


def test_plain_csv_with_aliases_and_background(tmp_path: Path) -> None:
    index = write_csv(
        tmp_path / "metadata.csv",
        "path,xc_id,species,common,license,background,latitude,extra",
        "sub/a.mp3,17,Parus major,Great Tit,//creativecommons.org/publicdomain/zero/1.0/,A b; C d,1.5,x",
        "b.mp3,,noise,,own terms,,,",
        "c.mp3,18,,,,,north,",
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.mp3").write_bytes(b"sound")
    catalog = read_catalog(tmp_path)
    first, second, third = catalog.recordings
    assert (first.id, first.label, first.common_name, first.licence) == (
        "XC17",
        "Parus major",
        "Great Tit",
        "CC0 1.0",
    )
    assert (first.background, first.latitude, first.path) == (("A b", "C d"), 1.5, tmp_path / "sub/a.mp3")
    assert (second.id, second.label, second.licence) == ("b.mp3", NO_BIRD, "own terms")
    assert third.latitude is None
    assert kinds(catalog) == {"missing file": 2, "unknown label": 1}
    assert read_catalog(index).recordings == catalog.recordings


def test_kaggle_layout_reads_the_session_from_the_remarks(tmp_path: Path) -> None:
    columns = ["", "file_id", "file_name", "genus", "species", "english_cname", "recordist"]
    columns += [
        "location",
        "remarks",
        "duration_seconds",
        "license",
        "latitude",
        "longitude",
        "file_url",
        "type",
    ]
    with open(tmp_path / "set_index.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        for i, (genus, english) in enumerate((("Zeta", "Avocet"), ("Alpha", "Wren"), ("Zeta", "Avocet"))):
            when = f"07:30h, 2015-0{i + 1}-02"
            remarks = f"XC{i} © B // Place (1, 2), X // 150m // {when} // call // seen 2014-01-01"
            writer.writerow(
                [i, i, f"XC{i}.mp3", genus, "us", english, "B", "Place", remarks, i, "", 1, 2, "", ""]
            )
    write_csv(tmp_path / "train_file_ids.csv", "file_id,label", "0,0", "1,0")
    write_csv(tmp_path / "test_file_ids.csv", "file_id,label", "2,0", "9,1")
    (tmp_path / "xeno-canto-ca-nv").mkdir()
    (tmp_path / "xeno-canto-ca-nv" / "XC1.mp3").write_bytes(b"sound")
    catalog = read_catalog(tmp_path)
    assert catalog.source == "kaggle"
    assert [(r.id, r.label, r.date, r.time) for r in catalog.recordings] == [
        ("XC0", "Zeta us", "2015-01-02", "07:30"),
        ("XC1", "Alpha us", "2015-02-02", "07:30"),
        ("XC2", "Zeta us", "2015-03-02", "07:30"),
    ]
    assert dict(catalog.split) == {"XC0": "train", "XC1": "train", "XC2": "test", "XC9": "test"}
    assert kinds(catalog) == {
        "missing file": 2,
        "zero duration": 1,
        "unknown label": 1,  # XC1 is class 1 by the index
        "inconsistent source": 1,  # XC9 is not in it
    }


def test_an_alias_fills_only_what_is_empty(tmp_path: Path) -> None:
    write_csv(tmp_path / "recordings.csv", "path,label,species", "a,Parus major,", "b,,Parus ater", "c,x,y")
    assert [r.label for r in read_catalog(tmp_path).recordings] == ["Parus major", "Parus ater", "x"]


def test_a_name_that_is_too_long_is_a_missing_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "recordings.csv", "path,label", f"{'n' * 5000},A b", "nul\0,A b")
    catalog = read_catalog(tmp_path)
    assert kinds(catalog) == {"missing file": 2}
    assert duplicate_audio(catalog.recordings) == []
    with pytest.raises(CatalogError, match="no catalog at"):
        read_catalog("n" * 5000)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("recordings.csv", "label,id\nA b,1\n", "has no column 'path'"),
        ("recordings.csv", "path,label\n ,A b\n", "row 2: the column 'path' is empty"),
        ("recordings.csv", "path,label\n", "lists no recordings"),
        ("recordings.json", '{"recordings": [', "is not complete JSON"),
        ("recordings.json", '{"recordings": 3}', "is not a xeno-canto answer"),
        ("recordings.json", '{"recordings": [{"gen": "A"}]}', r"recordings.json, recording 1 has no 'id'"),
        (
            "recordings.json",
            '{"recordings": [{"id": 1}, 7]}',
            "json, recording 2: expected an object, found 7",
        ),
        (
            "recordings.json",
            '{"recordings": [{"id": 1, "also": 5}]}',
            "json, recording 1: .* 'also', found 5",
        ),
        ("recordings.json", '{"recordings": [{"id": 1, "also": [5]}]}', "json, recording 1: .*'also'"),
        ("recordings.json", '{"numPages": "x", "recordings": []}', "json: expected a number in 'numPages'"),
        ("recordings.json", '{"page": Infinity, "recordings": []}', "json: expected a number in 'page'"),
    ],
)
def test_a_broken_index_is_one_clear_error(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(CatalogError, match=message):
        read_catalog(tmp_path)


def test_unreadable_catalogs(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such file or folder exists"):
        read_catalog(tmp_path / "nowhere", source="csv")
    with pytest.raises(UnknownNameError, match="did you mean 'folders'"):
        read_catalog(tmp_path, source="folder")
    (tmp_path / "recordings.csv").write_bytes("path,site\na.mp3,Güánica\n".encode("latin-1"))
    assert read_catalog(tmp_path).recordings[0].site == "Güánica"
    (tmp_path / "recordings.csv").write_bytes(b"path,site\na.mp3,G\x81nica\n")
    with pytest.raises(CatalogError, match=r"csv, line 2: neither UTF-8 nor Windows-1252 \(byte 0x81\)"):
        read_catalog(tmp_path)


@pytest.mark.parametrize("name", list(SOURCES))
def test_every_source_keeps_the_contract(name: str, tmp_path: Path) -> None:
    reader = SOURCES.get(name)()
    assert not reader.recognises(tmp_path)
    with pytest.raises((CatalogError, OSError, ValueError)):
        reader.read(tmp_path)


@pytest.mark.recordings
def test_real_catalogs(real_data: Path) -> None:
    puerto_rico = read_catalog(real_data / "puerto_rico")
    assert (len(puerto_rico), len(puerto_rico.labels), puerto_rico.problems) == (274, 25, ())
    # 98 as written; one pair differs in a space at the end of the place
    assert len({r.session for r in puerto_rico.recordings}) == 97
    published = read_catalog(real_data / "xenocanto_ca_nv")
    assert (len(published), len(published.labels)) == (2730, 91)
    assert Counter(published.split.values()) == {"train": 1820, "test": 910}
    assert kinds(published) == {"missing file": 2730, "zero duration": 3}
    assert sum(not r.date for r in published.recordings) == 2
    california = read_catalog(real_data / "california10")
    assert (len(california), len(california.labels), california.problems) == (100, 10, ())
    background = read_catalog(real_data / "background")
    assert {r.label for r in background.recordings} == {NO_BIRD}


def test_an_empty_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "Parus major").mkdir()
    (tmp_path / "Parus major" / "1.wav").write_bytes(b"")
    (problem,) = read_catalog(tmp_path).problems
    assert (problem.kind, problem.message) == ("empty file", "Parus major/1.wav: the file is empty (0 bytes)")
