"""Genus, family and order of classes, from the package's table and from one's own."""

from pathlib import Path

import pytest

from avianvox.dataset.taxonomy import BUNDLED_TABLE, Taxonomy
from avianvox.errors import CatalogError
from avianvox.types import NO_BIRD, LabelSet

BIRDS = LabelSet(
    (
        "Bufo bufo",
        "Melospiza melodia",
        "Setophaga angelae",
        "Todus mexicanus",
        "Zonotrichia leucophrys",
        NO_BIRD,
    ),
    ("Common toad", *("",) * 5),
)


def test_the_table_of_the_package() -> None:
    taxonomy = Taxonomy.of(BIRDS)
    assert taxonomy.genera == ("Bufo", "Melospiza", "Setophaga", "Todus", "Zonotrichia", "")
    assert taxonomy.families == ("", "Passerellidae", "Parulidae", "Todidae", "Passerellidae", "")
    assert taxonomy.orders == ("", "Passeriformes", "Passeriformes", "Coraciiformes", "Passeriformes", "")
    assert taxonomy.names("species") == BIRDS.names
    assert taxonomy.names("family") == taxonomy.families


def test_common_names_have_no_genus() -> None:
    labels = LabelSet(("Great bittern", "Great tit", "Parus major"), ("", "Great tit", "Great tit"))
    assert Taxonomy.of(labels).genera == ("", "", "Parus")


def test_taxonomic_sequence() -> None:
    """The tody before the songbirds, sparrows together and before warblers, the unknown, then no bird."""
    taxonomy = Taxonomy.of(BIRDS)
    names = [BIRDS.names[i] for i in taxonomy.order(BIRDS.names)]
    assert names == [
        "Todus mexicanus",
        "Zonotrichia leucophrys",
        "Melospiza melodia",
        "Setophaga angelae",
        "Bufo bufo",
        NO_BIRD,
    ]
    assert taxonomy.order(["Setophaga angelae", "Todus mexicanus"]).tolist() == [1, 0]


def test_ones_own_table_of_species_and_genera(tmp_path: Path) -> None:
    table = tmp_path / "frogs.csv"
    table.write_text(
        "scientific_name,genus,family,order\n"
        "Rana temporaria,,Ranidae,Anura\n,Bufo,Bufonidae,Anura\nRana luteiventris,,Elsewhere,\n"
    )
    labels = LabelSet(("Bufo bufo", "Rana dalmatina", "Rana luteiventris", "Rana temporaria"))
    taxonomy = Taxonomy.of(labels, table)
    assert taxonomy.families == ("Bufonidae", "", "Elsewhere", "Ranidae")
    assert taxonomy.orders == ("Anura", "", "", "Anura")
    assert taxonomy.order(labels.names).tolist() == [3, 0, 2, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("genus,family\nRana,Ranidae\n", "order"),
        ("family,order\nRanidae,Anura\n", "row 2: expected a name"),
        ("genus,family,order\nRana,A,B\nRana,C,B\n", "row 3: Rana is in A and C"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(CatalogError, match=message):
        Taxonomy.of(BIRDS, tmp_path / "table.csv")


def test_each_genus_has_one_family_and_each_family_one_order() -> None:
    rows = [line.split(",") for line in BUNDLED_TABLE.read_text(encoding="utf-8").splitlines()[1:]]
    assert len({genus for genus, _, _ in rows}) == len(rows)
    assert len({(family, order) for _, family, order in rows}) == len({family for _, family, _ in rows})
    assert all(family.endswith("idae") and order.endswith("iformes") for _, family, order in rows)


@pytest.mark.recordings
def test_every_real_class_is_known(real_data: Path) -> None:
    from avianvox.dataset.catalog import read_catalog

    for name in ("puerto_rico", "california10", "xenocanto_ca_nv"):
        taxonomy = Taxonomy.of(read_catalog(real_data / name).labels)
        assert all(taxonomy.families)
        assert all(taxonomy.orders)


def test_a_name_of_another_checklist_is_placed_by_its_newer_one() -> None:
    labels = LabelSet(("Accipiter cooperii", "Dendroica angelae"), ("Cooper's Hawk", "Elfin Woods Warbler"))
    taxonomy = Taxonomy.of(labels)
    assert taxonomy.families == ("Accipitridae", "Parulidae")
    assert taxonomy.genera == ("Accipiter", "Dendroica")


def test_the_table_of_the_package_holds_all_birds() -> None:
    """Genera, families and orders of AviList 2025, as its authors count them."""
    rows = BUNDLED_TABLE.read_text().splitlines()[1:]
    columns = [set(column) for column in zip(*(row.split(",") for row in rows), strict=True)]
    assert list(map(len, columns)) == [2376, 252, 46]
    assert BUNDLED_TABLE.stat().st_size < 100_000
    assert "Attribution 4.0" in (BUNDLED_TABLE.parent / "LICENSE-TAXONOMY").read_text()
