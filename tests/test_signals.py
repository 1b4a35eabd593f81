"""However a command is asked to end, and whenever: one line, exit code 1, and everything cleared away."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals of POSIX")

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
ONE_LINE = (1, "avianvox: interrupted\n")

AT_IMPORT = """
import os, signal, sys
from avianvox.__main__ import run

module, name, *sys.argv[1:] = sys.argv[1:]

class Interrupter:
    def find_spec(self, found, path, target=None):
        if found == module:
            os.kill(os.getpid(), getattr(signal, name))

sys.meta_path.insert(0, Interrupter())
run()
"""

AT_WORK = """
import os, signal, sys, time, weakref
from avianvox.signals import held, interruptible

def ask(number=signal.SIGTERM):
    os.kill(os.getpid(), number)
"""


def python(code: str, *arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("module", ["avianvox.cli.main", "click", "avianvox.cli.probe", "numpy", "soundfile"])
def test_an_interrupt_while_modules_are_imported_is_one_line(module: str, name: str) -> None:
    done = python(AT_IMPORT, module, name, "probe", "absent.wav")
    assert (done.returncode, done.stderr) == ONE_LINE


@pytest.mark.parametrize("name", SIGNALS)
def test_at_work_everything_is_closed(name: str) -> None:
    """Undisturbed by a second signal, and by the first one, which is repeated until it gets through."""
    code = f"""{AT_WORK}
try:
    with interruptible():
        try:
            ask(signal.{name})
            time.sleep(30)
        finally:
            ask()
            time.sleep(0.7)
            print("closed")
except KeyboardInterrupt:
    print("interrupted")
time.sleep(0.3)
"""
    done = python(code)
    assert (done.stdout, done.stderr, done.returncode) == ("closed\ninterrupted\n", "", 0)


def test_an_interrupt_that_was_swallowed_comes_again() -> None:
    """What is raised in the callback of a weak reference is lost; imports have one for each module."""
    code = f"""{AT_WORK}
class Thing: pass
thing = Thing()
reference = weakref.ref(thing, lambda _: ask())
try:
    with interruptible():
        del thing
        print("swallowed", flush=True)
        time.sleep(30)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = python(code)
    assert (done.stdout, done.stderr) == ("swallowed\ninterrupted\n", "")


def test_the_exit_code_is_kept_where_a_string_was_being_executed(tmp_path: Path) -> None:
    """As in the making of each dataclass: Python notes the interrupt there, and ends by SIGINT for it."""
    (tmp_path / "program.py").write_text("""
import os, sys, traceback
import avianvox.cli.probe
from avianvox.__main__ import run
avianvox.cli.probe.probe.callback = lambda **_: exec("os.kill(os.getpid(), 2)\\nwhile True: pass")
sys.argv = ["avianvox", "probe", "a.wav"]
run()
""")
    command = [sys.executable, "-m", "program"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stderr) == ONE_LINE


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_in_the_last_moment_changes_nothing(name: str, tmp_path: Path) -> None:
    """When the work is done, and Python is taking itself apart; other threads may still be there."""
    (tmp_path / "program.py").write_text(f"""
import os, signal, sys, threading, time
from avianvox.__main__ import run
threading.Thread(target=time.sleep, args=(30,), daemon=True).start()

class Last:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.{name}):
        kill(pid, number)

sys.last = Last()
sys.argv = ["avianvox", "--version"]
run()
""")
    command = [sys.executable, "-m", "program"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_repeated_waits_for_libsndfile() -> None:
    code = f"""{AT_WORK}
from avianvox.audio.interrupts import deferred_signals
class Thing: pass
thing = Thing()
reference = weakref.ref(thing, lambda _: ask())
try:
    with interruptible():
        del thing
        with deferred_signals():
            for _ in range(60):
                try:
                    time.sleep(0.01)
                except KeyboardInterrupt:
                    print("inside")
        time.sleep(30)
except KeyboardInterrupt:
    print("interrupted")
"""
    assert python(code).stdout == "interrupted\n"


def test_an_interrupt_waits_where_half_a_thing_would_be_worse() -> None:
    code = f"""{AT_WORK}
try:
    with interruptible():
        with held():
            with held():
                ask()
                ask(signal.SIGINT)
            print("whole")
        print("never")
except KeyboardInterrupt:
    print("interrupted")
"""
    assert python(code).stdout == "whole\ninterrupted\n"


def test_what_is_ignored_stays_ignored() -> None:
    """As under nohup."""
    code = f"""{AT_WORK}
from avianvox.signals import end_at_once
signal.signal(signal.SIGHUP, signal.SIG_IGN)
end_at_once()
with interruptible():
    ask(signal.SIGHUP)
    time.sleep(0.1)
print(signal.getsignal(signal.SIGHUP).name)
"""
    assert python(code).stdout == "SIG_IGN\n"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no list of child processes here")
@pytest.mark.parametrize("name", SIGNALS)
def test_workers_that_are_starting_say_nothing(name: str, synth_catalog_dir: Path, tmp_path: Path) -> None:
    """A terminal interrupts all processes of a command, also those that don't know yet what they are."""
    command = [sys.executable, "-m", "avianvox", "features", "build", str(synth_catalog_dir)]
    for n in (1, 2, 3):
        out = tmp_path / f"{n}"
        with subprocess.Popen(
            [*command, "--out", str(out), "--jobs", "2"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            while process.poll() is None and len(children(process.pid)) < n:
                time.sleep(0.002)
            assert process.poll() is None
            os.killpg(process.pid, getattr(signal, name))
            said = process.communicate(timeout=60)[1]
        going_on = "avianvox: interrupted; the same command goes on from what is finished\n"
        assert (process.returncode, said) == (1, going_on)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no list of child processes here")
def test_workers_end_with_a_command_that_is_killed(synth_catalog_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "avianvox", "features", "build", str(synth_catalog_dir)]
    options = ["--out", str(tmp_path / "store"), "--jobs", "2"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE) as process:
        while len(found := children(process.pid)) < 3:
            time.sleep(0.002)
            assert process.poll() is None
        process.kill()
    begin = time.monotonic()
    while any(is_alive(pid) for pid in found):
        assert time.monotonic() - begin < 30
        time.sleep(0.05)


def is_alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[str]:
    """The resource tracker, and then the workers."""
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
