"""Finding files: folders, globs, hidden files, names with every character, and a stable order."""

import os
import sys
from pathlib import Path

import pytest

from avianvox.audio.find import fault_of_folder, find_audio, find_inputs
from avianvox.audio.probe import probe
from avianvox.errors import InputError
from avianvox.types import Status


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
        (f"{'long' * 99}.wav", [f"{'long' * 99}.wav"]),
        ("sub*", ["sub/c.flac"]),
        ("**/sub", ["sub/c.flac"]),
    ],
)
def test_what_an_argument_stands_for(tree: Path, argument: str, expected: list[str]) -> None:
    assert list(find_audio([tree / argument])) == [tree / name for name in expected]


@pytest.mark.parametrize(
    ("argument", "words"), [("empty", "no sound files in this folder"), ("*.aac", "no file fits")]
)
def test_an_argument_that_stands_for_nothing(tree: Path, argument: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(find_audio([tree / argument]))


def test_files_are_found_lazily(tree: Path) -> None:
    found = find_audio([tree / "b.wav", tree / "empty"])
    assert next(found) == tree / "b.wav"


def test_inputs_that_stand_for_nothing_stay(tree: Path) -> None:
    arguments = [tree / "empty", tree / "*.aac", tree / "sub"]
    assert list(find_inputs(arguments)) == [tree / "empty", tree / "*.aac", tree / "sub" / "c.flac"]


def test_an_input_comes_once_whatever_leads_to_it(tree: Path) -> None:
    file, absent = tree / "sub" / "c.flac", tree / "absent.wav"
    assert list(find_inputs([file, tree / "sub", file, absent, absent])) == [file, absent]
    assert list(find_inputs([tree / "sub", tree / "s*b", tree / "." / "sub/c.flac"])) == [file]
    assert list(find_inputs([tree / "b.wav", tree / "notes.txt"])) == [tree / "b.wav", tree / "notes.txt"]


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of this name are refused; played, for the tests' user may be allowed to read everything."""
    for function in ("scandir", "stat"):
        real = getattr(os, function)

        def refuse(path: str | Path, real=real, function=function, **options: object):  # type: ignore[no-untyped-def]
            if "locked" in str(path) and (function == "scandir" or not str(path).endswith("locked")):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, **options)

        monkeypatch.setattr(os, function, refuse)


@pytest.mark.usefixtures("locked")
def test_what_may_not_be_read_stays_as_it_is(tree: Path) -> None:
    locked = tree / "locked"
    locked.mkdir()
    assert list(find_audio([locked / "a.wav"])) == [locked / "a.wav"]
    assert list(find_audio([locked])) == [locked]
    assert locked in list(find_audio([tree]))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes and links are not for everyone")
def test_links_are_followed_and_pipes_are_left_alone(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "e.wav").touch()
    (tree / "gone.wav").symlink_to("nowhere")
    (tree / "other").symlink_to(other)
    (tree / "sub" / "circle").symlink_to(tree)
    os.mkfifo(tree / "pipe.wav")
    names = ["[x].ogg", "a b'ø.MP3", "b.wav", "gone.wav", "other/e.wav", "sub/c.flac"]
    assert list(find_audio([tree])) == [tree / name for name in names]


def test_a_folder_in_place_of_a_file_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    assert fault_of_folder(tmp_path) == (Status.EMPTY, "no sound files in this folder")
    (tmp_path / "sub" / "a.wav").touch()
    assert fault_of_folder(tmp_path) == (Status.MISSING, "this is a folder, not a file")
    answer = probe(tmp_path)
    assert (answer.status, answer.message) == (Status.MISSING, "this is a folder, not a file")
    monkeypatch.setattr("os.access", lambda *_: False)  # root may read everything
    assert fault_of_folder(tmp_path) == (Status.MISSING, "no permission to read this folder")
