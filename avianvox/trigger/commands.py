"""A command of the user that is run for each event, beside listening and never in its way.

No shell is asked. The event comes as one JSON object on standard input and as variables of the environment;
what the command prints goes to standard error, since standard output is the table's. Each run has a time
limit, and a process group of its own, which ends as a whole.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from avianvox.errors import InputError
from avianvox.evaluation.plain import counted
from avianvox.tables.columns import COLUMNS, cells
from avianvox.tables.native import TYPED_COLUMNS, typed_rows
from avianvox.tables.rows import json_lines
from avianvox.types import Detection

MOST_WAITING = 64
"""Events whose command has not begun; the next ones are dropped."""

_SILENT_S = 1.0  # that nobody has to be told of
_GRACE_S = 2.0  # between the request to end and the end


def read_command(text: str) -> list[str] | str:
    """The words of a command line; on Windows the line itself, which its programs take apart.

    Raises
    ------
    InputError
        It is no command line, or there is no such program.
    """
    try:
        words = shlex.split(text, posix=os.name != "nt")
    except ValueError as error:
        raise InputError(f"expected a command line, got '{text}': {error}") from error
    if not words:
        raise InputError("expected a command line, got an empty one")
    if shutil.which(words[0].strip('"')) is None:
        raise InputError(f"no program '{words[0]}'; give its whole path, and for a shell: sh -c '...'")
    return text if os.name == "nt" else words


def environment_of(row: Detection, clip: Path | None) -> dict[str, str]:
    """Variables of an event: ``AVIANVOX_`` and the name of a column, as CSV has the value; and the clip.

    Examples
    --------
    >>> environment_of(Detection("-", scientific_name="Parus major", score=0.5), None)["AVIANVOX_SCORE"]
    '0.5000'
    """
    named = {f"AVIANVOX_{name.upper()}": cell for name, cell in zip(COLUMNS, cells(row), strict=True)}
    named["AVIANVOX_CLIP"] = "" if clip is None else os.path.abspath(clip)
    return {name: text.replace("\0", "") for name, text in named.items()}


def event_json(row: Detection, clip: Path | None) -> str:
    """One line of JSON: the columns of the table, and the clip or null."""
    values: dict[str, Any] = json.loads(json_lines(TYPED_COLUMNS, typed_rows([row])))
    values["clip"] = None if clip is None else os.path.abspath(clip)
    return json.dumps(values, ensure_ascii=False) + "\n"


class Commands:
    """Runs a command for each event that is put in.

    Parameters
    ----------
    command : str or sequence of str
        As `read_command` gives it.
    say : callable
        Tells the user one line; called from any thread.
    timeout_s : float
        Of one run; also of all that run and wait at the end.
    at_once : int
        Runs at the same time.

    Attributes
    ----------
    n_done, n_failed, n_dropped : int
        Runs that ended well and the others; events that found no room.
    """

    def __init__(
        self,
        command: str | Sequence[str],
        say: Callable[[str], None],
        *,
        timeout_s: float = 30.0,
        at_once: int = 2,
    ) -> None:
        self._command, self._say, self._timeout_s = command, say, timeout_s
        self.n_done = self.n_failed = self.n_dropped = 0
        self._waiting: deque[tuple[Detection, Path | None]] = deque()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ending = self._killed = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(at_once)]
        for thread in self._threads:
            thread.start()

    def put(self, row: Detection, clip: Path | None = None) -> None:
        """Run it for an event as soon as it is its turn; where too many wait, the event is dropped."""
        with self._changed:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append((row, clip))
                self._changed.notify()
                return
            self.n_dropped += 1
        if self.n_dropped == 1:
            self._say(f"--on-event is too slow: {MOST_WAITING} events wait; no command for the next ones")

    def close(self) -> None:
        """Wait for what runs and waits, one time limit at most; then kill what runs and drop the rest."""
        end = monotonic() + self._timeout_s
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._join(min(end, monotonic() + _SILENT_S))
        with self._changed:
            left = len(self._waiting) + len(self._running)
        if left:
            runs = counted(left, "command")
            self._say(f"waiting for {runs} of --on-event, {self._timeout_s:g} s at most")
        if not self._join(end):
            self.kill()
            self._join(monotonic() + 2 * _GRACE_S)

    def _join(self, end: float) -> bool:
        """Whether all threads have ended by then."""
        for thread in self._threads:
            thread.join(max(0.0, end - monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def kill(self) -> None:
        """End what runs at once, and begin nothing more. May be called in a handler of signals."""
        self._killed = True
        for process in list(self._running):
            _signal(process, hard=True)

    def summary(self) -> list[str]:
        """Parts of a line: how often it ran, failed, and was dropped."""
        parts = [f"{counted(self.n_done + self.n_failed, 'command')} run"]
        parts += [f"{self.n_failed} of them failed"] if self.n_failed else []
        parts += [f"{counted(self.n_dropped, 'event')} without a command"] if self.n_dropped else []
        return parts

    def _work(self) -> None:
        while (item := self._next()) is not None:
            why = self._run(*item)
            with self._changed:
                self.n_failed += bool(why)
                self.n_done += not why
            if why:
                row = item[0]
                self._say(f"--on-event failed for {row.scientific_name} at {row.begin_time}: {why}")

    def _next(self) -> "tuple[Detection, Path | None] | None":
        """The next event, as soon as there is one; None where there will be none."""
        with self._changed:
            while not self._waiting and not self._ending:
                self._changed.wait()
            if self._killed:
                self.n_dropped += len(self._waiting)
                self._waiting.clear()
            return self._waiting.popleft() if self._waiting else None

    def _run(self, row: Detection, clip: Path | None) -> str:
        """Run it once; why it failed, or nothing."""
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=2,  # standard error
                env=os.environ | environment_of(row, clip),
                **_GROUP,
            )
        except OSError as error:
            return f"it cannot be run: {error.strerror or error}"
        self._running.add(process)
        if self._killed:  # between the look at the queue and here
            _signal(process, hard=True)
        try:
            process.communicate(event_json(row, clip).encode(), timeout=self._timeout_s)
        except subprocess.TimeoutExpired:
            _end(process)
            return f"it took longer than {self._timeout_s:g} s and was killed"
        finally:
            self._running.discard(process)
        code = process.returncode
        if self._killed and code:
            return "killed at the end of listening"
        if code < 0:
            return f"ended by signal {-code} ({signal.Signals(-code).name})"
        return f"exit code {code}" if code else ""


_GROUP: dict[str, Any] = (
    {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    if os.name == "nt"
    else {"start_new_session": True}
)


def _signal(process: "subprocess.Popen[bytes]", *, hard: bool) -> None:
    """Ask a process and all that it has begun to end, or end them."""
    with suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL if hard else signal.SIGTERM)


def _end(process: "subprocess.Popen[bytes]") -> None:
    _signal(process, hard=False)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    _signal(process, hard=True)  # what it began may live on
    process.wait()
