"""Commands on a terminal of their own, as a person sees them."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Seen:
    """Exit code, and what stood on the terminal, with its control sequences."""

    code: int
    output: str


def on_a_terminal(arguments: list[str], *, columns: int, folder: Path | None = None) -> Seen:
    """Run ``avianvox`` with its three streams on a terminal."""
    child, master = os.forkpty()
    if child == 0:
        os.environ.update(COLUMNS=str(columns), TERM="xterm")
        if folder is not None:
            os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-m", "avianvox", *arguments])
    chunks = []
    try:
        while chunk := os.read(master, 1 << 16):
            chunks.append(chunk)
    except OSError:  # the other end is closed
        pass
    os.close(master)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Seen(code, b"".join(chunks).decode().replace("\r\n", "\n"))
