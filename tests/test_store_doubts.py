"""Stores of an earlier version, in which an interrupt stood for the end of a healthy file, are mended."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_revision import age
from test_store import SPEC, contents, write_noise

from avianvox.cli.main import cli
from avianvox.dataset.catalog import read_catalog
from avianvox.features.build import build_store
from avianvox.features.store import count_doubtful
from avianvox.types import Recording, Status


@pytest.fixture
def recordings(tmp_path: Path) -> list[Recording]:
    (tmp_path / "sounds/aa").mkdir(parents=True)
    paths = [tmp_path / "sounds/aa" / f"{name}.wav" for name in "abc"]
    for seed, path in enumerate(paths):
        write_noise(path, 4.0, seed)
    return [Recording(f"aa/{path.name}", path) for path in paths]


def interrupted(
    recordings: list[Recording], out: Path, patch: pytest.MonkeyPatch, end: Callable[[int, int], None]
) -> None:
    """Build as before, with an interrupt in the midst of the second file."""
    from avianvox.audio.sndfile import _Bytes

    readinto, left = _Bytes.readinto, 650_000  # each file has some 350,000 bytes, read in two pieces

    def swallowed(self: _Bytes, buffer: memoryview) -> int:
        nonlocal left
        n = readinto(self, buffer)
        before, left = left, left - n
        return 0 if left <= 0 < before else n

    with patch.context() as then:
        then.setattr(_Bytes, "readinto", swallowed)
        then.setattr("avianvox.features.worker.reader_of", lambda _status: 0)
        report = build_store(recordings, SPEC, out, jobs=1, progress=end)
    assert [entry.status for entry in report.entries] == [Status.OK, Status.TRUNCATED, Status.OK]


def go_on(_done: int, _total: int) -> None:
    pass


def stop(done: int, _total: int) -> None:
    if done == 2:
        raise KeyboardInterrupt


def test_a_finished_store_is_mended(
    recordings: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_store(recordings, SPEC, tmp_path / "sound", jobs=1)
    interrupted(recordings, tmp_path / "store", monkeypatch, go_on)
    assert count_doubtful(tmp_path / "store") == 1
    report = build_store(recordings, SPEC, tmp_path / "store", jobs=1)
    assert (report.n_extracted, report.n_doubted, report.failed) == (1, 1, ())
    assert contents(tmp_path / "store") == contents(tmp_path / "sound")
    again = build_store(recordings, SPEC, tmp_path / "store", jobs=1)
    assert (again.n_extracted, again.n_doubted) == (0, 0)


def test_an_unfinished_store_is_mended(
    recordings: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_store(recordings, SPEC, tmp_path / "sound", jobs=1)
    with pytest.raises(KeyboardInterrupt):
        interrupted(recordings, tmp_path / "store", monkeypatch, stop)
    report = build_store(recordings, SPEC, tmp_path / "store", jobs=1)
    assert (report.n_extracted, report.failed) == (2, ())
    assert contents(tmp_path / "store") == contents(tmp_path / "sound")


def test_the_commands_say_so(
    recordings: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds, store = read_catalog(tmp_path / "sounds").recordings, tmp_path / "store"
    interrupted(list(sounds), store, monkeypatch, go_on)
    verified = CliRunner().invoke(cli, ["features", "verify", str(store)])
    assert verified.exit_code == 0
    assert "1 recordings stand as damaged by an earlier version" in verified.stderr
    command = ["features", "build", str(tmp_path / "sounds"), "--out", str(store), "--jobs", "1"]
    built = CliRunner().invoke(cli, command)
    assert (built.exit_code, "1 read, 2 taken over" in built.stdout) == (0, True)
    assert "1 recordings stood as damaged in a store of an earlier version" in built.stderr


def test_what_is_damaged_is_read_again_once(
    recordings: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = Path(recordings[1].path)
    cut.write_bytes(cut.read_bytes()[:100_000])
    with monkeypatch.context() as then:
        then.setattr("avianvox.features.worker.reader_of", lambda _status: 0)
        build_store(recordings, SPEC, tmp_path / "store", jobs=1)
    for n_doubted in (1, 0):
        report = build_store(recordings, SPEC, tmp_path / "store", jobs=1)
        assert (report.n_extracted, report.n_doubted) == (n_doubted, n_doubted)
        assert [entry.id for entry in report.failed] == [recordings[1].id]


def test_a_store_of_another_revision_is_left_as_it_is_and_the_command_says_so(
    recordings: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    interrupted(list(read_catalog(tmp_path / "sounds").recordings), store, monkeypatch, go_on)
    before = age(store)
    command = ["features", "build", str(tmp_path / "sounds"), "--out", str(store), "--jobs", "1"]
    built = CliRunner().invoke(cli, command)
    assert (built.exit_code, "0 read, 3 taken over" in built.stdout) == (3, True)
    assert "1 recordings stand as damaged by an earlier version" in built.stderr
    assert {name: (store / name).read_bytes() for name in before} == before
