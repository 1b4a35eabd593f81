"""Boxes in recordings: tables of annotations whose files stay whole."""

import os
from pathlib import Path

import pytest
from test_annotations import messages, raven, sound

from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.sources.annotations import read_boxes
from avianvox.errors import CatalogError, ConfigError
from avianvox.types import Box

BOOBOOK = Path(os.environ.get("AVIANVOX_DATA", "../shared/data"), "boobook")


def test_spans_are_boxes_in_recordings_where_the_settings_say_so(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        sound(tmp_path / f"SITE_20240601_0{ord(name) - 97}0000.wav")
    raven(tmp_path / "SITE_20240601_000000.selections.txt", (2, 3, "Parus major"), (1, 3.5, "Turdus merula"))
    raven(tmp_path / "SITE_20240601_010000.selections.txt")  # somebody looked, and heard nothing
    settings = tmp_path / "annotations.toml"
    settings.write_text("")
    assert [r.boxes for r in read_catalog(tmp_path)] == [None, None]  # spans are recordings, as ever
    settings.write_text('[annotations]\nspans = "boxes"\n')
    catalog = read_catalog(tmp_path)
    assert catalog.problems == ()
    assert [r.boxes for r in catalog] == [
        (Box(1, 3.5, 500, 3000, "Turdus merula"), Box(2, 3, 500, 3000, "Parus major")),
        (),
        (),
    ]
    assert {(r.site, r.date, r.begin_s, r.duration_s) for r in catalog} == {
        ("SITE", "2024-06-01", None, 10.0)
    }
    settings.write_text('[annotations]\nspans = "boxes"\nwithout_table = "left out"\n')
    assert [r.id[-10:] for r in read_catalog(tmp_path)] == ["000000.wav", "010000.wav"]


def test_boxes_come_by_one_call_and_those_without_a_name_get_one(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    raven(tmp_path / "a.selections.txt", (1, 2, ""), (1, 2, ""), (4, 5, "Parus major"), (6, 7, "no bird"))
    (recording,) = read_boxes(tmp_path, label="Ninox boobook")
    assert [(box.begin_s, box.label) for box in recording.boxes or ()] == [
        (1, "Ninox boobook"),
        (4, "Parus major"),
    ]
    with pytest.raises(CatalogError, match="no table of annotations"):
        read_boxes(sound(tmp_path / "other" / "a.wav").parent)


@pytest.mark.parametrize(
    ("span", "band", "says"),
    [
        ((5, 12), (500, 3000), "expected times within the file, 0 to 10 s, got 5 to 12 s; left out"),
        ((20, 21), (500, 3000), "expected times within the file, 0 to 10 s, got 20 to 21 s; left out"),
        ((1, 2), (500, 4600), "from 0 to half the sample rate, 4000 Hz, got 500 to 4600 Hz; left out"),
        ((1, 2), (3000, 500), "a top above its bottom, got 1 to 2 s and 3000 to 500 Hz; left out"),
        ((1, 2), (500, 500), "a top above its bottom, got 1 to 2 s and 500 to 500 Hz; left out"),
        ((2, 1), (500, 3000), "expected a begin from 0 s and an end after it, found 2.0 to 1.0 s; left out"),
        ((2, 2), (500, 3000), "expected a begin from 0 s and an end after it, found 2.0 to 2.0 s; left out"),
    ],
)
def test_a_bad_box_is_left_out_with_one_line(
    tmp_path: Path, span: tuple[float, float], band: tuple[float, float], says: str
) -> None:
    sound(tmp_path / "a.wav")
    raven(tmp_path / "a.selections.txt", (*span, "Parus major"), low=band[0], high=band[1])
    catalog = read_boxes(tmp_path)
    assert [r.boxes for r in catalog] == [()]
    (problem,) = catalog.problems
    assert says in problem.message
    assert "a.wav" in problem.message
    assert "\n" not in problem.message


def test_edges_a_rounding_beyond_the_file_or_half_the_rate_are_drawn_in(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    raven(tmp_path / "a.selections.txt", (9, 10.02, "Parus major"), low=0, high=4000.5)
    (recording,) = read_boxes(tmp_path)
    assert recording.boxes == (Box(9, 10.0, 0, 4000, "Parus major"),)


def test_a_span_without_frequencies_reaches_over_all_of_them(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "a.labels.txt").write_text("1.0\t1.5\tWren\n")
    (recording,) = read_boxes(tmp_path)
    assert recording.boxes == (Box(1, 1.5, 0, 4000, "Wren"),)


def test_settings_of_boxes_that_are_wrong(tmp_path: Path) -> None:
    file = tmp_path / "annotations.toml"
    for text, says in (
        ("spans = 'files'", 'annotations.toml: spans: expected "recordings" or "boxes", got \'files\''),
        ("without_table = ''", 'without_table: expected "empty" or "left out"'),
        ("spans = 'boxes'\nno_bird_s = 2", "no_bird_s: boxes have no gaps"),
    ):
        file.write_text(f"[annotations]\n{text}")
        with pytest.raises(ConfigError, match=says):
            read_catalog(tmp_path)


@pytest.mark.skipif(not BOOBOOK.is_dir(), reason="the development recordings are not here")
def test_the_boobook_recordings_load_with_boxes_recorders_and_sessions() -> None:
    catalog = read_boxes(BOOBOOK, label="Ninox boobook")
    assert len(catalog) == 27
    assert [bool(r.boxes) for r in catalog].count(True) == 10
    assert sum(len(r.boxes or ()) for r in catalog) == 49
    assert "17.104 to 17.104 s; left out" in messages(catalog)  # the fiftieth is empty
    assert len(catalog.problems) == 1
    assert len({r.site for r in catalog}) == 6
    assert catalog[0].session == " | 2020-12-22 | dalby_bush_01_2980"
