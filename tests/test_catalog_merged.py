"""Several catalogs in one: no recording is lost where ids meet."""

from pathlib import Path

import pytest

from avianvox.dataset.catalog import Catalog, read_catalogs
from avianvox.errors import CatalogError
from avianvox.types import Recording


def sounds(folder: Path, **contents: bytes) -> Path:
    """A catalog with one class."""
    (folder / "Parus major").mkdir(parents=True)
    for name, content in contents.items():
        (folder / "Parus major" / f"{name}.wav").write_bytes(content)
    return folder


def test_catalogs_whose_ids_meet(tmp_path: Path) -> None:
    one = sounds(tmp_path / "one", a=b"1", b=b"2")
    two = sounds(tmp_path / "x" / "two", a=b"1", b=b"3", c=b"4")
    merged = read_catalogs([one, two, one])
    assert {r.id: r.path.read_bytes() for r in merged.recordings} == {
        "Parus major/a.wav": b"1",
        "Parus major/b.wav": b"2",
        "two/Parus major/b.wav": b"3",
        "Parus major/c.wav": b"4",
    }
    there = one / "Parus major"
    here = two / "Parus major"
    assert merged.problem_lines() == [
        f"duplicate id: Parus major/a.wav: listed twice; kept {there}/a.wav and left out {here}/a.wav",
        f"duplicate id: Parus major/a.wav: listed twice; kept {there}/a.wav and left out {there}/a.wav",
        f"duplicate id: Parus major/b.wav: listed twice; kept {there}/b.wav and left out {there}/b.wav",
        f"renamed: Parus major/b.wav: also the id of {there}/b.wav; {here}/b.wav is now called "
        "two/Parus major/b.wav",
    ]
    assert len(read_catalogs([one, two, two])) == 4
    again = sounds(tmp_path / "y" / "two", b=b"5")
    with pytest.raises(CatalogError, match=r"the id .* is also that of .*one.*x/two.*; rename the"):
        read_catalogs([one, two, again])


def test_a_new_id_keeps_its_split_and_problems() -> None:
    def catalog(folder: str, part: str) -> Catalog:
        return Catalog.from_rows([Recording("1", Path(folder))], source="csv", split={"1": part})

    merged = catalog("a", "train").merged(catalog("b", "test"), name="b")
    assert merged.split == {"1": "train", "b/1": "test"}
    assert sorted(p.kind for p in merged.subset([1]).problems) == ["missing file", "renamed", "unknown label"]


def test_what_was_made_of_a_recording_follows_its_new_id() -> None:
    first = Catalog.from_rows(
        [Recording("1", Path("a"), "A b"), Recording("2", Path("a2"), "A b")], source="csv"
    )
    scene = Recording("s", Path("s"), "A b", origin="scene", made_of=("1", "3"))
    part = Recording("2#0-1", Path("p"), "A b", begin_s=0.0, end_s=1.0)
    cut = Recording("t", Path("t"), "A b", origin="scene", made_of=("2",))
    second = Catalog.from_rows([Recording("1", Path("b"), "A b"), scene, part, cut], source="csv")
    rows = {r.id: r for r in first.merged(second, name="b").recordings}
    assert rows["s"].made_of == ("b/1", "3")
    assert rows["t"].made_of == (rows["b/2#0-1"].file_id,) == ("b/2",)


def test_a_common_name_stays_where_one_catalog_has_it() -> None:
    first = Catalog.from_rows(
        [Recording("1", Path("a"), "Parus major", common_name="Great Tit")], source="csv"
    )
    second = Catalog.from_rows([Recording("2", Path("b"), "Parus major")], source="csv")
    for merged in (first.merged(second), second.merged(first)):
        assert merged.labels.common_names == ("Great Tit",)


def test_merged_and_subset_keep_problems_with_their_recordings() -> None:
    def catalog(*ids: str) -> Catalog:
        return Catalog.from_rows((Recording(i, Path("none"), label="A b") for i in ids), source="csv")

    merged = catalog("1", "2").merged(catalog("2", "3"))
    assert [r.id for r in merged.recordings] == ["1", "2", "3"]
    assert [p.kind for p in merged.problems].count("duplicate id") == 1
    part = merged.subset([2, 0])
    assert [r.id for r in part.recordings] == ["3", "1"]
    assert {p.recording_id for p in part.problems} == {"1", "3"}
