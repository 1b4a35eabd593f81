"""The overview of the season that is reviewed, drawn by its command as it is asked for."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from types import TracebackType

from avianvox.errors import InputError

PAGE = "overview.html"
_LISTEN_H = "1"
"""Hours of sound for the spectrogram of the season: somebody waits for it."""


class SeasonPage:
    """Draws a table's overview into a folder of its own, again where verdicts have come since.

    A context manager: at its end the drawing is stopped, and the folder goes.

    Parameters
    ----------
    options : sequence of str
        Of ``avianvox overview``: the table, and how it is read.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self._options = options
        self._folder = TemporaryDirectory(prefix="avianvox-review-", ignore_cleanup_errors=True)
        self._lock = Lock()
        self._drawn_at: object = None
        self._process: subprocess.Popen[str] | None = None
        self._ended = False

    def __enter__(self) -> "SeasonPage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        if self._process is not None:
            with suppress(OSError):
                self._process.kill()
        self._folder.cleanup()

    @property
    def folder(self) -> Path:
        """Where the page, its pictures and its tables lie."""
        return Path(self._folder.name, "overview")

    def draw(self, state: object) -> None:
        """Draw it, unless that was done in this ``state`` of the verdicts.

        Raises
        ------
        InputError
            The command says why not.
        """
        with self._lock:
            if self._drawn_at == state or self._ended:
                return
            command = [sys.executable, "-m", "avianvox", "overview", *self._options, "--no-png"]
            command += ["--listen", _LISTEN_H, "--out", str(self.folder)]
            with subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
            ) as process:
                self._process = process
                said = process.communicate()[1]
            if process.returncode not in (0, 3):
                last = (said.strip().splitlines() or ["the overview could not be drawn"])[-1]
                raise InputError(last.removeprefix("avianvox: "))
            self._drawn_at = state
