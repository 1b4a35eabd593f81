"""Builds that are killed, meet a full disk, or meet each other."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest
from test_store import SPEC, contents, write_noise

from avianvox.errors import OutputError, StoreError
from avianvox.features import partial
from avianvox.features.build import build_store
from avianvox.features.layout import LEDGER, LOCK, ROWS, SUMS
from avianvox.features.store import FeatureStore, verify_store
from avianvox.lock import exclusive_lock
from avianvox.types import Recording

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")

KILLED_BUILDS = """
import os, random, signal, sys
from pathlib import Path
from avianvox.features import partial
from avianvox.features.build import build_store
from avianvox.features.spec import FeatureSpec
from avianvox.types import Recording

partial._SYNC_S = 0.0
audio, out, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
recordings = [Recording(path.stem, path) for path in sorted(audio.iterdir())]
random.seed(seed)
EVENTS = 4000

def build(kill_at):
    left = kill_at
    def count(frame, event, arg):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(count)
    build_store(recordings, FeatureSpec(), out, jobs=1)

for _ in range(6):
    child = os.fork()
    if not child:
        build(random.randrange(1, EVENTS))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print("killed" if os.WIFSIGNALED(status) else "finished")
    if not os.WIFSIGNALED(status):
        break
"""

PARALLEL_BUILD = """
import sys
from pathlib import Path
from avianvox.features import partial
from avianvox.features.build import build_store
from avianvox.features.spec import FeatureSpec
from avianvox.types import Recording

if __name__ == "__main__":
    partial._SYNC_S = 0.0
    recordings = [Recording(path.stem, path) for path in sorted(Path(sys.argv[1]).iterdir())]
    say = lambda *_: print("x", flush=True)
    build_store(recordings, FeatureSpec(), Path(sys.argv[2]), jobs=2, progress=say)
"""


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audio")
    for i in range(8):
        write_noise(folder / f"{i}.wav", 0.2 + 0.3 * (i % 4), i)
    return folder


@pytest.fixture(scope="module")
def recordings(audio: Path) -> list[Recording]:
    return [Recording(path.stem, path) for path in sorted(audio.iterdir())]


@pytest.fixture(scope="module")
def uninterrupted(recordings: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    store = tmp_path_factory.mktemp("uninterrupted")
    build_store(recordings, SPEC, store, jobs=1)
    return contents(store)


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_random_moments(
    audio: Path, recordings: list[Recording], uninterrupted: dict[str, str], tmp_path: Path, seed: int
) -> None:
    command = [sys.executable, "-c", KILLED_BUILDS, str(audio), str(tmp_path), str(seed)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "killed" in said
    build_store(recordings, SPEC, tmp_path, jobs=1)
    assert contents(tmp_path) == uninterrupted


def test_killed_with_workers(
    audio: Path, recordings: list[Recording], uninterrupted: dict[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "build.py"
    script.write_text(PARALLEL_BUILD)
    store = tmp_path / "store"
    with subprocess.Popen([sys.executable, script, audio, store], stdout=subprocess.PIPE, text=True) as build:
        assert build.stdout is not None
        for _ in range(3):  # recordings done
            build.stdout.readline()
        build.kill()
        build.stdout.read()  # ends when the last worker has gone, too
    report = build_store(recordings, SPEC, store, jobs=1)
    assert report.n_extracted < len(recordings)
    assert contents(store) == uninterrupted


def test_a_source_that_changes_between_two_attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "audio").mkdir()
    paths = [tmp_path / "audio" / f"{i}.wav" for i in range(4)]
    for i, path in enumerate(paths):
        write_noise(path, 0.5, i)
    recordings = [Recording(path.stem, path) for path in paths]
    stop_after(monkeypatch, recordings, tmp_path / "store", 3)
    write_noise(paths[1], 0.7, 10)
    report = build_store(recordings, SPEC, tmp_path / "store", jobs=1)
    assert report.n_extracted == 2  # the changed one, and the one that was never reached
    build_store(recordings, SPEC, tmp_path / "fresh", jobs=1)
    assert contents(tmp_path / "store") == contents(tmp_path / "fresh")


def stop_after(
    monkeypatch: pytest.MonkeyPatch, recordings: list[Recording], store: Path, n_done: int
) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done == n_done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_store(recordings, SPEC, store, jobs=1, progress=interrupt)


def test_a_full_disk_loses_nothing_that_was_complete(
    recordings: list[Recording],
    uninterrupted: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = 80_000
    write = partial._write

    def write_until_full(stream: BinaryIO, data: bytes) -> None:
        nonlocal free
        if len(data) > free:
            write(stream, data[:free])
            free = 10_000  # what a build that ends leaves behind for its ledger
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        free -= len(data)
        write(stream, data)

    build_store(recordings[:1], SPEC, tmp_path, jobs=1)
    with monkeypatch.context() as context:
        context.setattr(partial, "_write", write_until_full)
        with pytest.raises(OutputError, match=r"cannot write .*: the disk is full; free some space"):
            build_store(recordings, SPEC, tmp_path, jobs=1)
    assert len(FeatureStore.open(tmp_path)) == 1
    assert verify_store(tmp_path) == []
    report = build_store(recordings, SPEC, tmp_path, jobs=1)
    assert 0 < report.n_extracted < len(recordings) - 1
    assert contents(tmp_path) == uninterrupted


def test_torn_ends_are_cut_off(
    recordings: list[Recording],
    uninterrupted: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop_after(monkeypatch, recordings, tmp_path, 5)
    (folder,) = tmp_path.glob(".partial-*")
    with open(folder / "ledger.jsonl", "ab") as ledger:
        ledger.write(b'{"id": "5", "sta')
    os.truncate(folder / ROWS, (folder / ROWS).stat().st_size - 1)
    report = build_store(recordings, SPEC, tmp_path, jobs=1)
    assert report.n_extracted == len(recordings) - 4
    assert contents(tmp_path) == uninterrupted


def test_two_builders(recordings: list[Recording], uninterrupted: dict[str, str], tmp_path: Path) -> None:
    running = pytest.raises(StoreError, match=r"another build is running in .*; wait until it has finished")
    with exclusive_lock(tmp_path / LOCK, busy="busy"), running:
        build_store(recordings, SPEC, tmp_path, jobs=1)
    build_store(recordings, SPEC, tmp_path, jobs=1)
    assert contents(tmp_path) == uninterrupted


def test_two_builders_in_two_processes(
    audio: Path, recordings: list[Recording], uninterrupted: dict[str, str], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from avianvox.lock import exclusive_lock\n"
            "with exclusive_lock(Path(sys.argv[1]), busy=''): print('held', flush=True); time.sleep(60)",
            str(tmp_path / LOCK),
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="another build is running"):
            build_store(recordings, SPEC, tmp_path, jobs=1)
        holder.kill()  # the system lets go of the lock of a dead process
    build_store(recordings, SPEC, tmp_path, jobs=1)
    assert contents(tmp_path) == uninterrupted


def test_rows_are_on_the_disk_before_the_ledger_names_them(
    recordings: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a loss of power could leave lines that speak of rows which never came."""
    calls: list[tuple[str, str]] = []
    write, sync = partial._write, os.fsync

    def noted(stream: BinaryIO, data: bytes) -> None:
        calls.append(("write", Path(os.readlink(f"/proc/self/fd/{stream.fileno()}")).name))
        write(stream, data)

    def fsync(descriptor: int) -> None:
        calls.append(("fsync", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))
        sync(descriptor)

    monkeypatch.setattr(partial, "_SYNC_S", 0.0)
    monkeypatch.setattr(partial, "_write", noted)
    monkeypatch.setattr(os, "fsync", fsync)
    build_store(recordings[:1], SPEC, tmp_path, jobs=1)
    first = [call for call in calls if call[1] in (ROWS, SUMS, LEDGER)][:6]
    assert first[-4:] == [("fsync", ROWS), ("fsync", SUMS), ("write", LEDGER), ("fsync", LEDGER)]
    assert first[:2] == [("write", ROWS), ("write", SUMS)]
