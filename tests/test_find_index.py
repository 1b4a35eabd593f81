"""An index finds what an exact search finds, says which store it is of, and can be done without."""

import importlib.util
import json
import os
from pathlib import Path

import pytest
import soundfile
from test_find import RATE, folder, run, tone

from avianvox.errors import InputError
from avianvox.features.store import FeatureStore
from avianvox.find.index import is_current
from avianvox.find.windows import Windows

__all__ = ["folder"]

needs_usearch = pytest.mark.skipif(
    importlib.util.find_spec("usearch") is None, reason="usearch is not installed"
)


def query(folder: Path, *options: object) -> list[object]:
    sound = folder / "birds" / "tone 2" / "20.wav#0-2"
    done = run("search", sound, "--in", folder / "store", "--json", "--n", 10, *options)
    assert done.exit_code == 0, done.output
    return list(json.loads(done.stdout))


@needs_usearch
def test_an_index_finds_what_an_exact_search_finds(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "windows.index"
    exact = query(folder)
    assert query(folder, "--index", index) == exact
    made = index.stat().st_mtime_ns
    assert query(folder, "--index", index) == exact
    assert index.stat().st_mtime_ns == made


@needs_usearch
def test_an_index_of_an_older_store_is_built_anew(tmp_path: Path) -> None:
    sounds = tmp_path / "birds" / "a"
    sounds.mkdir(parents=True)
    build = ["features", "build", tmp_path / "birds", "--out", tmp_path / "store", "--jobs", 1]
    search = ["search", sounds / "2.wav", "--in", tmp_path / "store", "--index", tmp_path / "i", "--n", 1]
    for k in range(3):
        soundfile.write(sounds / f"{k}.wav", tone(700 * (k + 1), 80_000, k), RATE)
        assert run(*build).exit_code == 0
        if k:
            done = run(*search[:1], sounds / f"{k}.wav", *search[2:])
            assert done.exit_code == 0, done.output
            assert f"a/{k}.wav" in done.stdout
            assert f"index of {2 * (k + 1)} windows" in done.stderr


@needs_usearch
@pytest.mark.parametrize("content", [b"", b"name,label\n", b"x" * 1000])
def test_a_file_that_is_no_index_stays_as_it_is(folder: Path, tmp_path: Path, content: bytes) -> None:
    index = tmp_path / "names.csv"
    index.write_bytes(content)
    sound = folder / "birds" / "tone 2" / "20.wav"
    done = run("search", sound, "--in", folder / "store", "--index", index)
    assert done.exit_code == 1
    assert "expected an index of a store, got another file" in str(done.exception)
    assert index.read_bytes() == content


@needs_usearch
def test_a_damaged_index_is_one_line(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "windows.index"
    query(folder, "--index", index)
    whole = index.read_bytes()
    index.write_bytes(whole[:500] + whole[-80:])
    sound = folder / "birds" / "tone 2" / "20.wav"
    done = run("search", sound, "--in", folder / "store", "--index", index)
    assert done.exit_code == 1
    assert "the index is damaged" in str(done.exception)
    assert "\n" not in str(done.exception)


def test_without_the_package_all_windows_are_compared(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "usearch" else found(name))
    sound = folder / "birds" / "tone 2" / "20.wav#0-2"
    done = run("search", sound, "--in", folder / "store", "--index", tmp_path / "windows.index", "--n", 1)
    assert done.exit_code == 0, done.output
    assert "all windows are compared: the package 'usearch' is not installed" in done.stderr
    assert not (tmp_path / "windows.index").exists()


@pytest.mark.skipif(os.name != "posix", reason="there is no such device elsewhere")
def test_a_device_is_no_index(folder: Path) -> None:
    windows = Windows.of(FeatureStore.open(folder / "store"))
    with pytest.raises(InputError, match="/dev/null: the index can't be read: not a regular file"):
        is_current(Path("/dev/null"), windows)
