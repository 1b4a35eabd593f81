"""Files that appear whole or not at all, and what is read of others."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from avianvox.errors import (
    OutputError,
)
from avianvox.files import (
    atomic_write,
    holdings,
    open_regular,
    read_regular,
    scratch_folder,
    sha256_file,
    take_lock,
)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """To open a pipe into which nobody writes would wait for ever."""
    os.mkfifo(pipe := tmp_path / "a.json")
    (tmp_path / "link.json").symlink_to(pipe)
    for path in (pipe, tmp_path / "link.json", Path(os.devnull)):
        for read in (open_regular, read_regular, sha256_file):
            with pytest.raises(OSError, match="not a regular file"):
                read(path)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)


def test_no_more_is_read_of_a_file_than_was_said(tmp_path: Path) -> None:
    (path := tmp_path / "a.json").write_bytes(bytes(11))
    assert read_regular(path, most_bytes=11) == bytes(11)
    with pytest.raises(OSError, match="larger than the 10 bytes"):
        read_regular(path, most_bytes=10)


def test_atomic_write_leaves_the_old_file_on_failure(tmp_path: Path) -> None:
    path = tmp_path / "answer.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as stream:
        stream.write(f"half {1 / 0}")
    assert path.read_text() == "old"
    with atomic_write(path, "wb") as stream:
        stream.write(b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
    assert sha256_file(path).startswith("11507a0e")


def test_atomic_write_is_on_the_disk_before_it_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    sync, move = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        calls.append(("fsync", os.fstat(descriptor).st_size))
        sync(descriptor)

    def replace(source: Path, target: Path) -> None:
        calls.append(("replace", os.stat(source).st_size))
        move(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    with atomic_write(tmp_path / "answer.csv") as stream:
        stream.write("whole")
    assert calls == [("fsync", 5), ("replace", 5)]


KILLED_WRITER = """
import os, signal, sys
from avianvox.files import atomic_write, scratch_folder
with scratch_folder() as folder, atomic_write(sys.argv[1]) as stream:
    stream.write("half " * 1000)
    stream.flush()
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_writer_left_is_taken_over_and_a_living_one_let_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    path, other = tmp_path / "answer.csv", tmp_path / "other.csv"
    command = [sys.executable, "-c", KILLED_WRITER, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as two:  # type: ignore[call-overload]
        scratch = [Path(process.stdout.readline().strip()) for process in (one, two)]
        long_ago = 1_000_000_000
        for folder in scratch:
            os.utime(folder, (long_ago, long_ago))
        with atomic_write(path) as stream:
            stream.write("mine")
        left = sorted(file.name for file in tmp_path.glob(".*"))
        assert left == [".answer.csv.avianvox-0.partial", ".answer.csv.avianvox-1.partial"]
        one.kill()
        one.wait()
        with scratch_folder():
            pass
        assert [folder.exists() for folder in scratch] == [False, True]
        with atomic_write(path) as stream:
            stream.write("mine, again")
        assert path.read_text() == "mine, again"
        assert len(list(tmp_path.glob(".*"))) == 1
        two.kill()
        two.wait()
    with atomic_write(other) as stream:
        stream.write("of another name")
    assert len(list(tmp_path.glob(".*"))) == 1
    with atomic_write(path) as stream:
        stream.write("alone")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["answer.csv", "other.csv", "tmp"]
    assert holdings(tmp_path / "absent") == []


def test_a_file_that_was_moved_into_place_meanwhile_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the opening and the lock, its writer may finish: then what was opened is the finished file."""
    sibling, finished = tmp_path / ".answer.csv.avianvox-0.partial", tmp_path / "finished.csv"
    sibling.write_text("theirs")
    lock = take_lock

    def late(descriptor: int) -> None:
        if sibling.exists() and not finished.exists():
            sibling.rename(finished)
        lock(descriptor)

    monkeypatch.setattr("avianvox.files.take_lock", late)
    with atomic_write(tmp_path / "answer.csv") as stream:
        stream.write("mine")
    assert ((tmp_path / "answer.csv").read_text(), finished.read_text()) == ("mine", "theirs")


def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / ".answer.csv.avianvox-0.partial").symlink_to(mine)
    with atomic_write(tmp_path / "answer.csv") as stream:
        stream.write("whole")
    assert ((tmp_path / "answer.csv").read_text(), mine.read_text()) == ("whole", "mine")


def test_where_no_locks_are_known_age_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_descriptor: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("avianvox.files.take_lock", unknown)
    left, long_ago = tmp_path / ".answer.csv.avianvox-0.partial", 1_000_000_000
    left.write_text("half")
    for there in (True, False):
        with atomic_write(tmp_path / "answer.csv") as stream:
            stream.write("whole")
        assert left.exists() is there
        if there:
            os.utime(left, (long_ago, long_ago))


def test_atomic_write_goes_through_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    with atomic_write(link) as stream:
        stream.write("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_atomic_write_never_replaces_standard_output(tmp_path: Path) -> None:
    code = "from avianvox.files import atomic_write\nwith atomic_write('/dev/stdout') as s: s.write('kept')"
    before = os.readlink("/dev/stdout")
    with open(tmp_path / "out.txt", "w") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert os.readlink("/dev/stdout") == before
    assert (tmp_path / "out.txt").read_text() == "kept"


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "no permission"), (errno.EIO, "error")],
)
def test_atomic_write_names_the_reason(tmp_path: Path, code: int, words: str) -> None:
    with pytest.raises(OutputError, match=words), atomic_write(tmp_path / "x"):
        raise OSError(code, "Input/output error")
    with pytest.raises(OutputError, match="folder does not exist"), atomic_write(tmp_path / "no" / "x"):
        pass
