"""What is different on Windows, as far as it can be played here: files that are open stay where they are."""

import errno
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import avianvox
from avianvox import files
from avianvox.cli import main as command_line
from avianvox.cli.main import main
from avianvox.errors import OutputError
from avianvox.files import atomic_write, move_into_place, reader_is_gone, sweep
from avianvox.lock import exclusive_lock
from avianvox.verdicts.table import Said, Verdict
from avianvox.verdicts.writing import Writer
from avianvox.workers import processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which files are open")


def in_use(path: str) -> PermissionError:
    error = PermissionError(errno.EACCES, "it is in use", path)
    error.winerror = 32  # type: ignore[attr-defined]
    return error


def opened() -> set[str]:
    """The files that this process has open or mapped."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as lines:
        return found | {line[73:].rstrip("\n") for line in lines if len(line) > 73}


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Nothing of ours that is open here can be renamed, replaced or removed. Gives what was refused."""
    refused: list[str] = []

    def guarded(act: Callable[..., object], *which: int) -> Callable[..., object]:
        def acts(*paths: str, dir_fd: int | None = None, **options: object) -> object:
            if dir_fd is not None:
                options["dir_fd"] = dir_fd
            base = "" if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
            there = {path for path in opened() if path.startswith(str(tmp_path))}
            for i in which:
                path = os.path.join(base or os.getcwd(), os.fspath(paths[i]))
                path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
                if any(one == path or one.startswith(f"{path}/") for one in there):
                    refused.append(path)
                    raise in_use(path)
            return act(*paths, **options)

        return acts

    for name, which in {"replace": (0, 1), "rename": (0, 1), "unlink": (0,), "remove": (0,)}.items():
        monkeypatch.setattr(os, name, guarded(getattr(os, name), *which))
    monkeypatch.setattr(files, "OPEN_FILES_STAY", True)
    monkeypatch.setattr(files, "_PATIENCE_S", 0.1)
    return refused


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    return int(end.value.code or 0)


def test_the_play_refuses_what_windows_refuses(windows: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    with open(path, "rb"), pytest.raises(PermissionError):
        path.unlink()
    with open(path, "rb"), pytest.raises(PermissionError):
        tmp_path.rename(tmp_path.with_name("b"))
    path.unlink()
    assert windows == [str(path), str(tmp_path)]


def test_a_file_appears_and_leftovers_go(windows: list[str], tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    for number in range(3):
        (tmp_path / f".table.csv.avianvox-{number}.partial").touch()
    with atomic_write(target) as stream:
        stream.write("1")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    (tmp_path / ".table.csv.avianvox-0.partial").write_text("left")
    sweep(target)
    with pytest.raises(ZeroDivisionError), atomic_write(target) as stream:
        stream.write(str(1 / 0))
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert target.read_text() == "1"
    assert windows == []


def test_a_table_that_another_program_has_open_is_one_line(windows: list[str], tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    refusal = pytest.raises(OutputError, match="another program has it open")
    with open(target), refusal as said, atomic_write(target) as stream:
        stream.write("new")
    assert "\n" not in str(said.value)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_who_looks_at_a_new_file_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    replace, refusals = os.replace, [in_use("a"), in_use("a")]

    def busy(source: str, target: str) -> None:
        if refusals:
            raise refusals.pop()
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    move_into_place(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "a"


def test_what_is_not_allowed_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", forbidden)
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    with pytest.raises(PermissionError):
        move_into_place(tmp_path / "a", tmp_path / "b")


def test_a_lock_that_cannot_be_made_names_the_folder(tmp_path: Path) -> None:
    expected = f"cannot write {tmp_path / 'none'}: the folder does not exist; create it first"
    with (
        pytest.raises(OutputError, match=f"^{re.escape(expected)}$"),
        exclusive_lock(tmp_path / "none" / ".events.csv.lock", busy="busy"),
    ):
        pass


def test_a_lock_file_goes(windows: list[str], tmp_path: Path) -> None:
    with exclusive_lock(tmp_path / "lock", busy="busy", remove=True):
        assert (tmp_path / "lock").exists()
    assert list(tmp_path.iterdir()) == []
    assert windows == []


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    folder = tmp_path / "recordings"
    for label in ("Parus major", "Parus minor"):
        (folder / label).mkdir(parents=True)
        for i in range(2):
            sound = 0.1 * rng.standard_normal(22_050 * 7)
            soundfile.write(folder / label / f"{i}.wav", sound.astype(np.float32), 22_050)
    return folder


def test_classify_and_take_it_up_again(windows: list[str], recordings: Path, tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    ask = ("classify", str(recordings), "--by", "window", "--jobs", "1", "-q", "--output", str(table))
    assert run(*ask) == 0
    first = table.read_bytes()
    os.truncate(recordings / "Parus major" / "0.wav", 22_050 * 4)
    shutil.copy(recordings / "Parus minor" / "0.wav", recordings / "Parus minor" / "2.wav")
    assert run(*ask, "--resume") == 3
    assert table.read_bytes() != first
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "events.csv",
        "events.csv.ledger.jsonl",
        "recordings",
    ]
    assert windows == []


@pytest.mark.parametrize("ending", ["xlsx", "parquet", "jsonl"])
def test_other_tables(windows: list[str], recordings: Path, tmp_path: Path, ending: str) -> None:
    for _ in range(2):
        table = tmp_path / f"answers.{ending}"
        assert run("classify", str(recordings), "--jobs", "1", "-q", "--output", str(table), "--resume") == 0
    assert windows == []


def test_stores_grow(windows: list[str], recordings: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    build = ("features", "build", str(recordings), "--jobs", "1", "--out", str(store))
    assert run(*build) == 0
    shutil.copy(recordings / "Parus minor" / "0.wav", recordings / "Parus minor" / "2.wav")
    assert run(*build) == 0
    assert len([path for path in store.iterdir() if path.is_dir()]) == 1
    assert windows == []


def test_tables_are_converted_and_cut(windows: list[str], tmp_path: Path) -> None:
    table, sound = tmp_path / "a.csv", Path(avianvox.__file__).parent / "bundled" / "sample.ogg"
    ask = ("classify", str(sound), "--by", "event", "--min-score", "0.2", "-q", "--output", str(table))
    assert run(*ask, "--jobs", "1") == 0
    for form in ("raven", "audacity", "kaleidoscope", "birdnet"):
        assert run("convert", str(table), str(tmp_path / form), "--to", form, "-q") == 0
    assert run("segments", str(table), "--out", str(tmp_path / "cut"), "--no-pictures") == 0
    assert windows == []


def test_verdicts_are_kept(windows: list[str], recordings: Path, tmp_path: Path) -> None:
    table = tmp_path / "events.verdicts.csv"
    verdict = Verdict(id="1", time="2026-05-01T04:30:00Z", file="a.wav", verdict=Said.NOISE)
    for _ in range(2):
        with Writer(table) as verdicts:
            verdicts.add(verdict)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.verdicts.csv", "recordings"]
    assert windows == []


@pytest.mark.slow
def test_a_model_is_trained_exported_and_judged(windows: list[str], recordings: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    place, model = tmp_path / "run", tmp_path / "model.tflite"
    train = (
        "train",
        str(recordings),
        "--model",
        "logreg_windows",
        "--validation",
        "0",
        "-q",
        "--out",
        str(place),
    )
    assert run(*train) == 0
    assert run(*train, "--fresh") == 0
    for _ in range(2):
        assert run("export", str(place), "--out", str(model), "--no-verify") == 0
    assert run("evaluate", str(model), str(recordings), "--out", str(tmp_path / "judged")) == 0
    assert windows == []


def test_a_reader_that_has_gone_is_an_invalid_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    invalid = OSError(errno.EINVAL, "Invalid argument")
    assert not reader_is_gone(invalid)
    assert reader_is_gone(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    monkeypatch.setattr(files, "OPEN_FILES_STAY", True)
    assert reader_is_gone(invalid)
    assert not reader_is_gone(OSError(errno.EINVAL, "Invalid argument", "table.csv"))


def test_what_goes_to_a_file_is_utf8_with_plain_line_ends() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252", newline="\r\n")
    command_line._write_utf8(stream, io.StringIO(), None)
    stream.write("ʻApapane\n")
    stream.flush()
    assert raw.getvalue() == "ʻApapane\n".encode()


def test_no_more_processes_than_windows_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_MOST_PROCESSES", 2)
    with processes._processes(90) as executor:
        assert executor._max_workers == 2


def test_a_closed_window_is_a_signal() -> None:
    """Where there is a SIGBREAK, it ends the command as Ctrl-C does."""
    lines = [
        "import signal",
        "signal.SIGBREAK = signal.SIGUSR1",
        "from avianvox import signals",
        "signals.end_at_once()",
        "signal.raise_signal(signal.SIGUSR1)",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "avianvox: interrupted\n")
    assert signal.SIGUSR1
