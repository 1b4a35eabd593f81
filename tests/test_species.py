"""Species lists: names as people and other programs write them."""

import os
import threading
from pathlib import Path

import pytest

from avianvox.errors import InputError
from avianvox.inference.species import read_species
from avianvox.types import LabelSet

LABELS = LabelSet(
    ("Astur cooperii", "Coccyzus vieilloti", "Setophaga adelaidae", "Tyrannus dominicensis", "no bird"),
    ("Cooper's Hawk", "Puerto Rican Lizard Cuckoo", "Adelaide's Warbler", "Grey Kingbird", ""),
)


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("Setophaga adelaidae", (2,)),
        ("SETOPHAGA  ADELAIDAE , tyrannus dominicensis", (2, 3)),
        ("Setophaga_adelaidae", (2,)),  # a folder's name
        ("puerto rican lizard-cuckoo", (1,)),  # eBird's spelling
        ("Gray Kingbird", (3,)),
        ("Adelaide’s warbler,Adelaides Warbler", (2,)),
        ("Setophaga adelaidae_Adelaide's Warbler", (2,)),  # BirdNET's labels
        ("Setophaga adelaidae_Reinita mariposera", (2,)),  # in its other languages
        ("no bird", (4,)),
        ("Corvus corax, Setophaga adelaidae", (2,)),
    ],
)
def test_names_are_found_however_they_are_written(text: str, indices: tuple[int, ...]) -> None:
    choice = read_species(text, LABELS)
    assert choice.indices == indices
    assert choice.unknown == (("Corvus corax",) if "corax" in text else ())
    assert choice.renamed == ()


def test_a_file_has_comments_and_one_name_a_line(tmp_path: Path) -> None:
    path = tmp_path / "list, with a comma.txt"
    path.write_bytes(
        b"\xef\xbb\xbf# hawks\r\nAccipiter cooperii_Cooper's Hawk\r\n\r\n"
        b"Grey Kingbird  # common\r\nCoccyzus viellioti\r\nGrey Kingbird\r\n"
    )
    choice = read_species(str(path), LABELS)
    assert choice.indices == (0, 3)
    assert choice.renamed == (("Accipiter cooperii", "Astur cooperii"),)
    assert choice.notes(LABELS) == [
        "'Accipiter cooperii' is 'Astur cooperii' here, by a change of name",
        "the model doesn't know 'Coccyzus viellioti'; did you mean 'Coccyzus vieilloti'?",
    ]


def test_many_unknown_names_are_counted() -> None:
    choice = read_species(",".join(["no bird", *(f"Genus species{i}" for i in range(7))]), LABELS)
    shown = ", ".join(f"'Genus species{i}'" for i in range(5))
    assert choice.notes(LABELS) == [f"not among the species of the model: {shown} and 2 more"]


def test_a_list_without_a_known_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file 'Setophaga adelaide', and .*mean 'Setophaga adela"):
        read_species("Setophaga adelaide", LABELS)
    (tmp_path / "none.txt").write_text("Corvus corax\n")
    with pytest.raises(InputError, match=r"none\.txt: the model doesn't know 'Corvus corax' \("):
        read_species(str(tmp_path / "none.txt"), LABELS)
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(InputError, match=r"empty\.txt has no species"):
        read_species(str(tmp_path / "empty.txt"), LABELS)
    with pytest.raises(InputError, match="has no species"):
        read_species(" , ", LABELS)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig", "utf-16"])
def test_a_list_in_the_encoding_of_another_program(encoding: str, tmp_path: Path) -> None:
    labels = LabelSet(("Tyrannus dominicensis", "Turdus plumbeus"), ("Pitirre abejón", "Zorzal"))
    (tmp_path / "list.txt").write_bytes("Tyrannus old_Pitirre abejón\n".encode(encoding))
    assert read_species(str(tmp_path / "list.txt"), labels).indices == (0,)


@pytest.mark.parametrize("minus", ["-", "\u2013 ", "\u2212"])
def test_a_minus_before_a_name_does_not_mean_the_name(minus: str) -> None:
    name = f"{minus}{LABELS.names[0]}"
    with pytest.raises(InputError, match=r"begins with a minus; write the name alone.* --exclude"):
        read_species(f"{LABELS.names[1]}, {name}", LABELS)


def test_species_that_share_a_common_name_are_all_meant() -> None:
    labels = LabelSet(("Strix one", "Strix two"), ("Owl", "Owl"))
    assert read_species("owl", labels).indices == (0, 1)
    assert read_species("Strix old_Owl", labels).renamed == (
        ("Strix old", "Strix one"),
        ("Strix old", "Strix two"),
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_list_may_come_through_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    writer = threading.Thread(target=lambda: pipe.write_text("Setophaga adelaidae\n"), daemon=True)
    writer.start()
    assert read_species(str(pipe), LABELS).indices == (2,)
