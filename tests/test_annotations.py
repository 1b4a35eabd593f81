"""Tables of annotations become catalogs: which spans, which labels, which files, and what is wrong."""

import json
import re
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from test_parts import TONES_HZ, band_of, write_tones
from test_store import SPEC

from avianvox.audit.duplicates import find_duplicates
from avianvox.audit.sound import sound_findings
from avianvox.cli.main import cli
from avianvox.dataset.catalog import Catalog, read_catalog, read_catalogs
from avianvox.dataset.splits import make_split
from avianvox.errors import CatalogError, ConfigError
from avianvox.features.build import build_store
from avianvox.features.store import FeatureStore
from avianvox.pages.clips import cut_clip
from avianvox.tables.formats import write_table
from avianvox.types import NO_BIRD, Detection, Recording

RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies"
RATE = 8000


def raven(path: Path, *rows: tuple[float, float, str], low: float = 500, high: float = 3000) -> Path:
    """A selection table as Raven writes it, with two views of each selection."""
    lines = [RAVEN]
    for number, (begin, end, species) in enumerate(rows, start=1):
        for view in ("Waveform 1", "Spectrogram 1"):
            lines.append(f"{number}\t{view}\t1\t{begin}\t{end}\t{low}\t{high}\t{species}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\r\n".join(lines) + "\r\n")
    return path


def sound(path: Path, seconds: float = 10.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    soundfile.write(path, 0.1 * rng.standard_normal(int(seconds * RATE)), RATE)
    return path


def summary(catalog: Catalog) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(r.id, r.label, r.background) for r in catalog.recordings]


def messages(catalog: Catalog) -> str:
    return "\n".join(problem.message for problem in catalog.problems)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


def test_each_selection_is_a_recording_and_overlaps_are_background(tmp_path: Path) -> None:
    path = sound(tmp_path / "night" / "a.wav")
    table = raven(
        tmp_path / "night" / "a.Table.1.selections.txt",
        (6.0, 8.0, "Parus major"),
        (1.0, 3.5, "Turdus merula"),
        (3.0, 4.0, "Parus major"),
        (3.5, 5.0, "Coereba flaveola"),
        (6.0, 8.0, "Coereba flaveola"),
    )
    catalog = read_catalog(tmp_path)
    assert catalog.source == "annotations"
    assert catalog.problems == ()
    assert summary(catalog) == [
        ("night/a.wav#1.000-3.500", "Turdus merula", ("Parus major",)),
        ("night/a.wav#3.000-4.000", "Parus major", ("Coereba flaveola", "Turdus merula")),
        ("night/a.wav#3.500-5.000", "Coereba flaveola", ("Parus major",)),
        ("night/a.wav#6.000-8.000", "Coereba flaveola", ("Parus major",)),
        ("night/a.wav#6.000-8.000+2", "Parus major", ("Coereba flaveola",)),
    ]
    first = catalog.recordings[0]
    assert (first.path, first.span, first.duration_s) == (path, (1.0, 3.5), 2.5)
    assert (first.low_hz, first.high_hz, first.file_id) == (500.0, 3000.0, "night/a.wav")
    assert len({r.session for r in catalog.recordings}) == 1
    assert read_catalog(table).recordings[0] == replace(first, id="a.wav#1.000-3.500")


def test_the_same_from_every_format(tmp_path: Path) -> None:
    rows = [(1.0, 3.5, "Turdus merula"), (3.0, 4.0, "Parus major")]
    for name, out in (
        ("raven", "a.selections.txt"),
        ("audacity", "a.labels.txt"),
        ("audacity_boxes", "a.boxes.txt"),
        ("simple_seq", "a.simple-seq.csv"),
        ("generic_seq", "all.csv"),
        ("csv", "all.csv"),
        ("jsonl", "all.jsonl"),
    ):
        path = sound(tmp_path / name / "a.wav")
        table = tmp_path / name / out
        spans = [
            Detection(str(path), begin_s=b, end_s=e, scientific_name=s, decoded_s=10.0) for b, e, s in rows
        ]
        write_table(spans, table, name)
        assert summary(read_catalog(table)) == [
            ("a.wav#1.000-3.500", "Turdus merula", ("Parus major",)),
            ("a.wav#3.000-4.000", "Parus major", ("Turdus merula",)),
        ], name


def test_what_an_index_says_of_the_file_is_known_of_its_parts(tmp_path: Path) -> None:
    sound(tmp_path / "XC7.wav")
    row = {"id": "7", "gen": "Turdus", "sp": "merula", "en": "Blackbird", "rec": "R", "loc": "Wood"}
    row |= {"date": "2020-05-06", "also": ["Parus ater"], "lic": "//creativecommons.org/licenses/by/4.0/"}
    (tmp_path / "recordings.json").write_text(json.dumps({"recordings": [row]}))
    raven(tmp_path / "XC7.selections.txt", (1, 2, "blackbird"), (4, 5, "turdus Merula"), (7, 8, "Parus ater"))
    assert read_catalog(tmp_path).source == "xeno_canto"  # tables beside an index don't take its place
    catalog = read_catalog(tmp_path, source="annotations")
    assert summary(catalog) == [
        ("XC7#1.000-2.000", "Turdus merula", ("Parus ater",)),
        ("XC7#4.000-5.000", "Turdus merula", ("Parus ater",)),
        ("XC7#7.000-8.000", "Parus ater", ()),
    ]
    first = catalog.recordings[0]
    assert (first.session, first.common_name, first.licence) == (
        "R | 2020-05-06 | Wood",
        "Blackbird",
        "CC BY 4.0",
    )
    assert (
        run("data", "credits", tmp_path, "--source", "annotations").stdout == "R, XC7, CC BY 4.0\n"
    )  # once for all parts
    (tmp_path / "annotations.toml").write_text("")
    assert read_catalog(tmp_path).recordings == catalog.recordings
    assert read_catalog(tmp_path / "annotations.toml").recordings == catalog.recordings
    assert read_catalog(tmp_path, source="xeno_canto").recordings[0].span is None


def test_settings_name_the_sound_the_names_and_the_gaps(tmp_path: Path) -> None:
    for name in ("north", "south"):
        sound(tmp_path / "sound" / name / "20201206_100619.WAV")
        raven(
            tmp_path / "work" / "tables" / name / "20201206_100619.selections.txt",
            (3.0, 4.0, "houfin"),
            (4.5, 5.0, "?"),
            (5.5, 5.9, "noise"),
        )
    raven(tmp_path / "work" / "tables" / "silent.txt")  # somebody looked, and heard nothing
    sound(tmp_path / "sound" / "silent.wav", 4.0)
    sound(tmp_path / "sound" / "never opened.wav")
    (tmp_path / "work" / "annotations.toml").write_text(
        '[annotations]\naudio = "../sound"\ntables = "tables"\nno_bird_s = 2.0\n'
        '[names]\nHOUFIN = "Haemorhous mexicanus_House Finch"\n"?" = ""\n'
    )
    catalog = read_catalog(tmp_path / "work")
    assert catalog.problems == ()
    here = [(r.id, r.label) for r in catalog.recordings]
    for name in ("north", "south"):
        file = f"{name}/20201206_100619.WAV"
        assert [each for each in here if name in each[0]] == [
            (f"{file}#0.000-3.000", NO_BIRD),
            (f"{file}#3.000-4.000", "Haemorhous mexicanus"),
            (f"{file}#5.500-5.900", NO_BIRD),
            (f"{file}#5.900-end", NO_BIRD),
        ]
    assert here[0] == ("silent.wav#0.000-end", NO_BIRD)
    assert len(here) == 9
    tail = catalog.recordings[4]
    assert (tail.span, tail.duration_s) == ((5.9, None), pytest.approx(4.1))
    assert (tail.date, tail.time) == ("2020-12-06", "10:06")  # from the file's name


def test_gaps_end_with_the_file(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav", 10.0)
    raven(
        tmp_path / "a.selections.txt", (1, 4, "Parus major"), (30, 40, "Parus major"), (60, 61, "Parus major")
    )
    (tmp_path / "annotations.toml").write_text("[annotations]\nno_bird_s = 2\n")
    gaps = [(r.begin_s, r.end_s) for r in read_catalog(tmp_path).recordings if r.label == "no bird"]
    assert gaps == [(4.0, None)]


def test_doubtful_rows_are_listed(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    raven(
        tmp_path / "a.selections.txt",
        (1, 2, "Turdus plumbeus"),
        (2, 3, "Turdus plumbeus"),
        (2.5, 3, "Turdus plumbeus"),
        (3, 4, "Turdus plumbues"),
        (4, 5, "Crotofaga ani"),
        (5, 5, "Parus major"),
        (6, 7, ""),
    )
    raven(tmp_path / "gone.selections.txt", (1, 2, "Parus major"))
    catalog = read_catalog(tmp_path)
    said = messages(catalog)
    assert "'Turdus plumbues' (1 annotated) is not a known name; if 'Turdus plumbeus' is meant" in said
    assert 'if \'Crotophaga\' is meant, write "Crotofaga ani" = "..." under [names]' in said
    assert (
        "a.selections.txt: a.wav: expected a begin from 0 s and an end after it, found 5.0 to 5.0 s; left out"
        in said
    )
    assert "a.wav#6.000-7.000: the source names no species" in said
    assert f"gone#1.000-2.000: no sound file at {tmp_path / 'gone'}" in said
    assert len(catalog.problems) == 5
    assert len(catalog) == 7
    assert run("data", "check", tmp_path).exit_code == 3


def test_a_label_that_begins_just_before_the_file_begins_with_it(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "a.labels.txt").write_text("-0.010\t1.500\tWren\n-1.0\t1.5\tWren\n")
    catalog = read_catalog(tmp_path)
    assert [r.span for r in catalog.recordings] == [(0.0, 1.5)]
    assert "a.wav: expected a begin from 0 s and an end after it, found -1.0 to 1.5 s; left out" in messages(
        catalog
    )


def test_names_in_either_form_of_unicode_are_given_and_known(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    one, two = (normalize(form, "Pájaro") for form in ("NFC", "NFD"))
    (tmp_path / "a.labels.txt").write_text(f"1\t2\t{one}\n3\t4\t{two}\n5\t6\t{one}s\n7\t8\t{two}s\n")
    (tmp_path / "annotations.toml").write_text(f'[names]\n"{two}" = "Aus bus"\n')
    assert [r.label for r in read_catalog(tmp_path).recordings] == [
        "Aus bus",
        "Aus bus",
        f"{one}s",
        f"{one}s",
    ]


def test_files_of_one_name_elsewhere_are_two(tmp_path: Path) -> None:
    rows = []
    for name in ("north", "south"):
        rows += [Detection(str(sound(tmp_path / name / "a.wav")), begin_s=1, end_s=2, scientific_name="A b")]
    (tmp_path / "tables").mkdir()
    write_table(rows, tmp_path / "tables" / "all.csv", "csv")
    catalog = read_catalog(tmp_path / "tables" / "all.csv")
    assert [r.id for r in catalog.recordings] == [f"{r.path}#1.000-2.000" for r in rows]
    assert len({r.session for r in catalog.recordings}) == 2


def test_a_table_that_is_damaged_is_one_clear_error(tmp_path: Path) -> None:
    table = raven(tmp_path / "a.selections.txt", (1, 2, "Parus major"))
    table.write_text(table.read_text().replace("\t2\t500", "\ttwo\t500"))
    with pytest.raises(CatalogError, match=r"a.selections.txt, line 2, column 'end time \(s\)'.*'two'"):
        read_catalog(tmp_path)


def test_answers_of_a_model_are_no_labels_unless_they_are_asked_for(tmp_path: Path) -> None:
    path = sound(tmp_path / "Parus major" / "a.wav")
    rows = [Detection(str(path), begin_s=1.0, end_s=2.0, scientific_name="Parus ater", score=0.4)]
    write_table(rows, tmp_path, "raven", root=tmp_path)
    assert (tmp_path / "Parus major" / "a.avianvox.selections.txt").is_file()
    write_table(rows, tmp_path / "birdnet.csv", "birdnet")
    write_table(rows, tmp_path / "detections.csv", "csv")
    assert read_catalog(tmp_path).source == "folders"
    assert [r.label for r in read_catalog(tmp_path / "detections.csv").recordings] == ["Parus ater"]
    (tmp_path / "annotations.toml").write_text('[annotations]\ntables = "Parus major"')
    assert [r.id for r in read_catalog(tmp_path).recordings] == ["Parus major/a.wav#1.000-2.000"]


def test_settings_that_are_wrong(tmp_path: Path) -> None:
    file = tmp_path / "annotations.toml"
    for text, error, says in (
        ("[annotation]", ConfigError, r"has no table \[annotation\]; did you mean 'annotations'"),
        ("[annotations]\nsound = 'x'", ConfigError, r"annotations.toml: \[annotations\] has no key 'sound'"),
        ("[annotations]\nno_bird_s = -1", ConfigError, "annotations.toml: no_bird_s: expected seconds"),
        ("[annotations]\nno_bird_s = nan", ConfigError, "no_bird_s: expected seconds, 0 or more, got nan"),
        ("[names]\nx = 3", ConfigError, "expected a text for each name"),
        ("[annotations]\naudio = 'x'", CatalogError, r"names .*x, but no such file or folder exists"),
        ("", CatalogError, "holds no table of annotations"),
        ("a = ", ConfigError, "is not a TOML file"),
    ):
        file.write_text(text)
        with pytest.raises(error, match=says):
            read_catalog(tmp_path)


def test_imported_annotations_stay_parts(tmp_path: Path) -> None:
    write_tones(tmp_path / "a.wav", seconds=1.0)
    raven(tmp_path / "a.selections.txt", *((i + 0.2, i + 0.8, "AB"[i % 2] + " b") for i in range(4)))
    catalog = read_catalog(tmp_path)
    assert run("data", "import", tmp_path, "--out", tmp_path / "imported").exit_code == 0
    imported = read_catalog(tmp_path / "imported").recordings
    assert [(r.id, r.span, r.low_hz) for r in imported] == [
        (r.id, r.span, r.low_hz) for r in catalog.recordings
    ]
    build_store(imported, SPEC, tmp_path / "store", jobs=1)
    store = FeatureStore.open(tmp_path / "store")
    for i, hz in enumerate(TONES_HZ):
        assert set(store.features(i)[:, : SPEC.n_mels].argmax(axis=1)) == {band_of(hz)}
    (tmp_path / "imported" / "recordings.csv").write_text("path,begin_s,end_s\na.wav,2,1\n")
    with pytest.raises(
        CatalogError, match=r"row 2: expected a begin from 0 s and an end after it, found 2.0 to 1.0 s"
    ):
        read_catalog(tmp_path / "imported")


def test_tables_named_one_by_one_make_one_catalog(tmp_path: Path) -> None:
    tables = []
    for name in ("a", "b"):
        sound(tmp_path / f"{name}.wav")
        tables.append(raven(tmp_path / f"{name}.selections.txt", (1, 2, "Parus major"), (3, 4, "Parus ater")))
    assert [r.id for r in read_catalogs(tables).recordings] == [
        f"{name}.wav#{span}" for name in "ab" for span in ("1.000-2.000", "3.000-4.000")
    ]


def test_a_clip_shows_the_part_and_where_it_lies(tmp_path: Path) -> None:
    tones = write_tones(tmp_path / "a.wav", seconds=4.0)
    long, short = (Recording("a.wav#1", tones, begin_s=b, end_s=e) for b, e in ((4.5, 11.5), (8.5, 9.0)))
    clip = cut_clip(long, SPEC, hop_frames=128, window=1, n_windows=3)  # of 302 frames: at 0, 128 and 174
    assert (clip.begin_s, *clip.window_s, clip.end_s) == pytest.approx((6.48, 7.48, 10.45, 11.45), abs=0.03)
    assert clip.exact
    clip = cut_clip(short, SPEC, hop_frames=128, window=0, n_windows=1)
    assert (clip.begin_s, *clip.window_s, clip.end_s) == pytest.approx((7.5, 8.5, 9.0, 10.0), abs=0.03)
    peak = np.abs(np.fft.rfft(clip.samples)).argmax() * SPEC.sample_rate / len(clip.samples)
    assert peak == pytest.approx(TONES_HZ[2], abs=1)


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    """Eight files, in each of which two species call by turns, a low one and a high one."""
    rng = np.random.default_rng(0)
    for i in range(8):
        t = np.arange(8 * 22050) / 22050
        low, high = ((0.2 * np.sin(2 * np.pi * hz * t)) for hz in (1000 + 20 * i, 5000 + 50 * i))
        samples = 0.01 * rng.standard_normal(len(t)) + np.where(t % 4 < 2, low, high)
        soundfile.write(tmp_path / f"{i}.wav", samples, 22050)
        rows = [(s + 0.1, s + 1.9, ("Parus major", "Parus ater")[s // 2 % 2]) for s in range(0, 8, 2)]
        raven(tmp_path / f"{i}.selections.txt", *rows)
    return tmp_path


def test_overlapping_parts_of_a_file_are_no_duplicates(synth_catalog_dir: Path, tmp_path: Path) -> None:
    parts = [
        replace(r, id=f"{r.id}#{begin}", begin_s=begin, end_s=begin + 2.5)
        for r in read_catalog(synth_catalog_dir).recordings[:6]
        for begin in (0.0, 1.0)
    ]
    build_store(parts, SPEC, tmp_path / "store", jobs=1)
    store = FeatureStore.open(tmp_path / "store")
    targets = np.arange(len(parts)) // 2 % 2
    splits = {"session": make_split(parts, n_folds=2)}
    assert len(find_duplicates(store, np.arange(len(parts)))) == 6
    assert sound_findings(parts, targets, splits, store)[1]["duplicates"] == []


def test_audit_and_cross_validation_of_parts(annotated: Path) -> None:
    listed = json.loads(run("data", "list", annotated, "--json").stdout)
    assert listed["total"] == {"recordings": 32, "minutes": 0.96, "sessions": 8, "recordists": 0}
    out = annotated / "run"
    result = run("crossval", annotated, "--models", "gnb_mfcc", "--folds", "2", "--out", out)
    assert result.exit_code == 0, result.output
    catalog = {
        r["id"]: Recording(**{**r, "path": Path(r["path"])})
        for r in json.loads((out / "catalog.json").read_text())
    }
    assert len(catalog) == 32
    for grouping in ("random", "session"):
        for fold in json.loads((out / "splits" / f"{grouping}.json").read_text())["folds"]:
            train, test = ({catalog[name].file_id for name in fold[side]} for side in ("train", "test"))
            assert not train & test
    accuracy = re.search(r"gnb_mfcc +\| ([0-9.]+)", result.output)
    assert accuracy is not None
    assert float(accuracy[1]) > 0.95
