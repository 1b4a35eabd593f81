"""Folds are disjoint, seeded, grouped, honest about what they cannot evaluate, and travel by id."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.splits import GROUPINGS, Split, make_split, report_split, source_split
from avianvox.errors import CatalogError, InputError
from avianvox.types import Recording


def recordings(n: int = 60) -> list[Recording]:
    """Three classes, fifteen sessions, ten recordists and six sites."""
    return [
        Recording(
            f"r{i:03d}",
            Path("none"),
            label="ABC"[i % 3],
            recordist=f"person {i % 10}",
            date="2020-01-01",
            site=f"site {i % 6}",
        )
        for i in range(n)
    ]


@pytest.mark.parametrize("grouping", list(GROUPINGS))
def test_folds_are_disjoint_seeded_and_independent_of_order(grouping: str) -> None:
    rows = [*recordings(), Recording("unlabelled", Path("none"))]
    split = make_split(rows, grouping=grouping, seed=3)
    assert len(split.folds) == 3
    for fold in split.folds:
        assert sorted([*fold.train, *fold.test]) == list(range(60))
    if grouping != "published":
        assert Counter(i for fold in split.folds for i in fold.test.tolist()) == dict.fromkeys(range(60), 1)
    backwards = rows[::-1]
    again = make_split(backwards, grouping=grouping, seed=3)
    other = make_split(rows, grouping=grouping, seed=4)
    assert [{rows[i].id for i in f.test} for f in split.folds] == [
        {backwards[i].id for i in f.test} for f in again.folds
    ]
    assert any((a.test.tolist() != b.test.tolist()) for a, b in zip(split.folds, other.folds, strict=True))


@pytest.mark.parametrize("grouping", ["session", "recordist", "site"])
def test_a_group_stands_on_one_side(grouping: str) -> None:
    rows = recordings()
    for fold in make_split(rows, grouping=grouping).folds:
        sides = [{getattr(rows[i], grouping) for i in part} for part in (fold.train, fold.test)]
        assert not sides[0] & sides[1]


def test_unknown_places_are_not_one_place() -> None:
    rows = [Recording(f"r{i}", Path("none"), label="AB"[i % 2]) for i in range(12)]
    for grouping in ("session", "recordist", "site"):
        split = make_split(rows, grouping=grouping)
        assert [len(fold.test) for fold in split.folds] == [4, 4, 4]


def test_the_published_draw_is_one_third_stratified() -> None:
    for fold in make_split(recordings(), grouping="published").folds:
        assert (len(fold.train), len(fold.test)) == (40, 20)


@pytest.mark.parametrize("grouping", list(GROUPINGS))
def test_a_class_with_fewer_recordings_than_folds_is_unevaluable(grouping: str) -> None:
    rare = [Recording(f"x{i}", Path("none"), label="Rare", site=f"s{i}", recordist=f"p{i}") for i in range(2)]
    rows = [*recordings(), *rare]
    split = make_split(rows, grouping=grouping)
    assert "Rare" in split.unevaluable
    assert "Rare" in report_split(split, rows).untested


def test_the_report_tells_what_the_sides_share() -> None:
    rows = [
        Recording("a", Path("none"), label="A", recordist="p", date="1", site="s"),
        Recording("b", Path("none"), label="A", recordist="p", date="1", site="s"),
        Recording("c", Path("none"), label="A", recordist="p", date="2", site="s"),
        Recording("d", Path("none"), label="B", recordist="p", date="3", site="s"),
    ]
    split = source_split(rows, {"a": "train", "b": "test", "c": "test", "d": "test"})
    report = report_split(split, rows)
    assert report.sizes == ((1, 3),)
    assert report.shared_session == pytest.approx(1 / 3)
    assert report.shared_recordist == pytest.approx(2 / 3)
    assert (report.untrained, report.untested) == (("B",), ())
    assert split.unevaluable == ("B",)


def test_a_split_travels_by_recording_id(tmp_path: Path) -> None:
    rows = recordings()
    split = make_split(rows, seed=5)
    split.save(tmp_path / "split.json", rows)
    back = Split.load(tmp_path / "split.json", rows[::-1])
    assert (back.grouping, back.seed, back.unevaluable) == (split.grouping, 5, split.unevaluable)
    for a, b in zip(split.folds, back.folds, strict=True):
        assert np.array_equal(a.test, np.sort(59 - b.test))
        assert np.array_equal(a.train, np.sort(59 - b.train))
    with pytest.raises(CatalogError, match=r"'r000' .* is not in the catalog"):
        Split.load(tmp_path / "split.json", rows[1:])


FOLDS = '{{"kind": "avianvox split", "version": 1, "folds": [{}]}}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[]", "is not a split"),
        ('{"kind": "avianvox split", "version": 9}', "version 9"),
        (FOLDS.format(""), "split.json: expected a list of folds under 'folds', got "),
        (FOLDS.format('"abc"'), "expected ids of recordings under 'train' of fold 1, got None"),
        (FOLDS.format('{"train": ["r000"]}'), "under 'test' of fold 1, got None"),
        (FOLDS.format('{"train": ["r000"], "test": []}'), r"split.json: .* under 'test' of fold 1, got \[\]"),
        (FOLDS.format('{"train": [1], "test": ["r000"]}'), r"under 'train' of fold 1, got \[1\]"),
    ],
)
def test_a_foreign_file_is_no_split(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(CatalogError, match=message):
        Split.load(tmp_path / "split.json", recordings())


def test_impossible_requests_say_why() -> None:
    rows = recordings()
    with pytest.raises(InputError, match="did you mean 'session'"):
        make_split(rows, grouping="sessions")
    with pytest.raises(InputError, match="only 6 groups by site"):
        make_split(rows, grouping="site", n_folds=7)
    with pytest.raises(InputError, match="only 20 recordings of any class"):
        make_split(rows, grouping="random", n_folds=21)
    alone = [replace(r, recordist="p", site="s") for r in rows]
    with pytest.raises(InputError, match="by session: all recordings stand in one group; ask for random"):
        make_split(alone)
    with pytest.raises(InputError, match="at least 2 folds"):
        make_split(rows, n_folds=1)
    with pytest.raises(InputError, match="no class has three"):
        make_split(rows[:3], grouping="published")
    with pytest.raises(InputError, match="defines no split"):
        source_split(rows, {})


@pytest.mark.recordings
def test_the_published_split_shares_recordists(real_data: Path) -> None:
    catalog = read_catalog(real_data / "xenocanto_ca_nv")
    report = report_split(source_split(catalog.recordings, catalog.split), catalog.recordings)
    assert report.sizes == ((1820, 910),)
    assert report.shared_recordist == pytest.approx(0.713, abs=0.001)
    assert report.shared_session == pytest.approx(0.5604, abs=0.0001)


@pytest.mark.parametrize("grouping", ["session", "recordist", "site"])
def test_a_grouping_without_its_key_is_said_to_flatter(grouping: str) -> None:
    rows = [replace(r, recordist="", date="", site="") for r in recordings()]
    report = report_split(make_split(rows, grouping=grouping), rows)
    assert report.alone == len(rows)
    assert report.caveat(grouping).startswith(f"{len(rows)} of {len(rows)} recordings have no ")
    known = report_split(make_split(recordings(), grouping=grouping), recordings())
    assert known.caveat(grouping) == ""
