"""Finding files: folders, globs, hidden files, names with every character, and a stable order."""

from pathlib import Path

import pytest

from avianvox.audio.find import find_audio
from avianvox.errors import InputError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.wav", "a b'ø.MP3", "notes.txt", ".hidden.wav", "sub/c.flac", ".git/d.wav", "[x].ogg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("", ["[x].ogg", "a b'ø.MP3", "b.wav", "sub/c.flac"]),
        ("*.wav", ["b.wav"]),
        ("**/*", ["[x].ogg", "a b'ø.MP3", "b.wav", "sub/c.flac"]),
        ("notes.txt", ["notes.txt"]),
        ("[x].ogg", ["[x].ogg"]),
        ("absent.wav", ["absent.wav"]),
    ],
)
def test_what_an_argument_stands_for(tree: Path, argument: str, expected: list[str]) -> None:
    assert list(find_audio([tree / argument])) == [tree / name for name in expected]


@pytest.mark.parametrize(
    ("argument", "words"), [("empty", "no audio in this folder"), ("*.aac", "no file fits")]
)
def test_an_argument_that_stands_for_nothing(tree: Path, argument: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(find_audio([tree / argument]))


def test_files_are_found_lazily(tree: Path) -> None:
    found = find_audio([tree / "b.wav", tree / "empty"])
    assert next(found) == tree / "b.wav"
