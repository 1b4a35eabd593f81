"""Runs are begun, paused, gone on with. Each is the very command in a process of its own (`child`)."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from avianvox.desk.gui.progress import is_trained
from avianvox.desk.gui.records import CLASSIFY, Run
from avianvox.errors import InputError
from avianvox.files import output_error
from avianvox.modelfolder import own_models

_GONE_WELL = (0, 3)  # done; done, but some inputs failed
_PATIENCE_S = 60.0
_LAST_BYTES = 20_000


class Job:
    """Some commands, one after the other, in a thread that waits for them.

    Attributes
    ----------
    phase : str
        The command that runs, or ran last.
    error : str
        One line of it, where it failed.
    """

    def __init__(self, steps: Sequence[Sequence[str]], log: Path) -> None:
        self.steps, self.log = steps, log
        self.phase, self.error, self.code = steps[0][0], "", 0
        self.pausing = False
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def pause(self) -> None:
        """Ask the command to end; what it has finished stays. Returns at once."""
        with self._lock:
            self.pausing = True
            if self._process is not None and self._process.stdin is not None:
                with suppress(OSError):
                    self._process.stdin.close()

    def wait(self, timeout_s: float) -> bool:
        """Whether it came to its end in that time."""
        self._thread.join(timeout_s)
        return not self.running

    def end(self) -> None:
        """Pause, wait, and after a minute end it by force, as a power cut would."""
        self.pause()
        if not self.wait(_PATIENCE_S) and self._process is not None:
            self._process.kill()

    def _work(self) -> None:
        for step in self.steps:
            with self._lock:
                if self.pausing:
                    return
                self.phase = step[0]
                try:
                    self._process = self._start(step)
                except OSError as error:
                    self.error = f"cannot start {sys.executable}: {error.strerror or error}"
                    return
            self.code = self._process.wait()
            if self.code not in _GONE_WELL:
                self.error = "" if self.pausing else self._told()
                return

    def _start(self, step: Sequence[str]) -> "subprocess.Popen[bytes]":
        with open(self.log, "wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "avianvox.desk.gui.child", *step],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )

    def told(self) -> list[str]:
        """The last lines that the command said."""
        try:
            with open(self.log, "rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - _LAST_BYTES))
                return log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return []

    def _told(self) -> str:
        lines = [line.strip() for line in self.told() if line.strip()]
        marked = [line for line in lines if line.startswith(("avianvox: ", "Error: "))]
        line = (marked or lines or [f"the command ended with code {self.code}"])[-1]
        return line.removeprefix("avianvox: ").removeprefix("Error: ")


class Work:
    """All jobs of a server. A context manager: at its end they are paused."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="avianvox-gui-", ignore_cleanup_errors=True)
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._n = 0

    @property
    def scratch(self) -> Path:
        """A folder that goes with the server."""
        return Path(self._folder.name)

    def __enter__(self) -> "Work":
        return self

    def __exit__(self, *_: object) -> None:
        jobs = list(self._jobs.values())
        for job in jobs:
            job.pause()
        for job in jobs:
            job.end()
        self._folder.cleanup()

    def job(self, name: str) -> Job | None:
        """The last job of this name, whether or not it runs."""
        return self._jobs.get(name)

    def running(self, name: str) -> bool:
        job = self._jobs.get(name)
        return job is not None and job.running

    def begin(self, name: str, steps: Sequence[Sequence[str]]) -> Job:
        """Begin a job; raises `InputError` where the last one of this name still runs."""
        with self._lock:
            if self.running(name):
                raise InputError("it is running already; pause it first")
            self._n += 1
            job = self._jobs[name] = Job(steps, self.scratch / f"{self._n}.log")
            return job

    def begin_run(self, run: Run, *, name: str = "") -> Job:
        """Begin a run, or go on with it: steps that are finished are left out."""
        steps = remaining(run)
        if not steps:
            raise InputError("it is finished already")
        try:
            os.makedirs(run.folder, exist_ok=True)
        except OSError as error:
            raise output_error(error, run.folder) from error
        return self.begin(name or run.id, steps)

    def pause(self, name: str) -> None:
        """Pause what runs under this name; nothing happens where nothing does."""
        if (job := self._jobs.get(name)) is not None:
            job.pause()


def remaining(run: Run) -> list[tuple[str, ...]]:
    """The steps that have not come to their end. A classification goes on from its ledger by itself."""
    if run.kind == CLASSIFY:
        return list(run.steps)
    train, export, add = run.steps
    steps = [] if is_trained(run.folder) else [train]
    if steps or not os.path.isfile(export[-1]):
        steps.append(export)
    if steps or run.model not in own_models():
        steps.append(add)
    return steps


def refused_at_once(job: Job, *, sign: Path, within_s: float = 4.0) -> str:
    """The line by which a command refuses what it was asked for; empty where it is at work.

    Parameters
    ----------
    job : Job
    sign : Path
        What it writes as it begins; once it is there, nothing is waited for.
    within_s : float
        The longest wait.
    """
    end, before = time.monotonic() + within_s, changed_ns(sign)
    while time.monotonic() < end and changed_ns(sign) == before:
        if job.wait(0.05):
            break
    return "" if job.running else job.error


def changed_ns(path: Path) -> int:
    """When a file was last changed; 0 where there is none."""
    with suppress(OSError):
        return path.stat().st_mtime_ns
    return 0
