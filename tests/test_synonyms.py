"""Names of one species in several checklists."""

import csv
import re

import pytest

from avianvox.dataset.synonyms import TABLE, canonical, same_species, species_key
from avianvox.inference.species import read_species
from avianvox.types import LabelSet


def rows() -> list[dict[str, str]]:
    with open(TABLE, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(line for line in stream if not line.startswith("#")))


def test_the_table_is_in_order() -> None:
    older = [row["older"] for row in rows()]
    assert older == sorted(set(older)), "one row for each older name, by alphabet"
    for row in rows():
        assert re.fullmatch(r"[A-Z][a-z]+ [a-z]+", row["older"]), row
        assert re.fullmatch(r"[A-Z][a-z]+ [a-z]+", row["newer"]), row
        assert row["checklist"], row
        assert row["older"] != row["newer"], row


def test_every_chain_of_names_ends() -> None:
    newer = {row["older"]: row["newer"] for row in rows()}
    for name in newer:
        seen = {name}
        while name in newer:
            name = newer[name]
            assert name not in seen, f"{name} comes back to itself"
            seen.add(name)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Accipiter cooperii", "Astur cooperii"),
        ("Accipiter gentilis", "Astur gentilis"),
        ("Dendroica angelae", "Setophaga angelae"),
        ("Picoides villosus", "Leuconotopicus villosus"),
        ("Piculus rubiginosus", "Colaptes rubiginosus"),
        ("Vestiaria coccinea", "DREPANIS COCCINEA"),
        ("Parus major", "Parus major"),
    ],
)
def test_one_species_under_two_names(a: str, b: str) -> None:
    assert same_species(a, b)
    assert same_species(b, a)
    assert species_key(a) == species_key(b)


def test_what_the_table_does_not_know_stays_as_it_is() -> None:
    assert canonical("no bird") == "no bird"
    assert canonical("") == ""
    assert not same_species("Accipiter cooperii", "Accipiter nisus")


def test_a_list_finds_the_label_under_its_other_name() -> None:
    labels = LabelSet(("Accipiter cooperii", "Parus major"), ("Cooper's Hawk", "Great Tit"))
    choice = read_species("Astur cooperii", labels)
    assert choice.indices == (0,)
    assert not choice.unknown
    assert choice.notes(labels) == ["'Astur cooperii' is 'Accipiter cooperii' here, by a change of name"]
    assert read_species("Astur cooperii_Nameless, Parus major", labels).indices == (0, 1)
    by_common_name = read_species("Astur old_Great Tit", labels)
    assert by_common_name.notes(labels) == ["'Astur old' is 'Parus major' here, by its common name"]


def test_a_list_finds_the_newer_label_by_the_older_name() -> None:
    labels = LabelSet(("Astur cooperii",))
    assert read_species("accipiter cooperii", labels).indices == (0,)
