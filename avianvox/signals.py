"""How the program ends when a person or the system asks it to: Ctrl-C, SIGTERM, SIGHUP.

While modules are imported, and after the work is done, nothing is half written, and an exception in the
middle of an import is a page of names that help nobody: there a signal ends the process at once
(`end_at_once`). While a command is at work it raises ``KeyboardInterrupt`` (`interruptible`), so that files
are closed and temporary ones go. Where half of a thing would be worse, the interrupt waits (`held`).

What the process was told to ignore, such as SIGHUP under ``nohup``, it goes on to ignore.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = "interrupted"
_SIGNALS = tuple(getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n))
_SAME_WISH_S = 1.0  # a terminal that is closed sends two signals, and so does an impatient finger


class _State:
    """Of this process: when the last signal came, and whether interrupts wait in how many blocks."""

    came_at: float | None = None
    depth = 0
    waiting = False


def end_at_once() -> None:
    """From now on, a signal ends the process with one line and exit code 1."""
    for number in _SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    try:
        os.write(2, f"avianvox: {INTERRUPTED}\n".encode())
    finally:
        os._exit(1)


@contextmanager
def interruptible() -> Iterator[None]:
    """In the block, a signal raises ``KeyboardInterrupt``; another one within a second changes nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.came_at, _State.waiting = None, False
    former = {number: signal.getsignal(number) for number in _SIGNALS}
    ours = [number for number, handler in former.items() if handler not in (signal.SIG_IGN, None)]
    try:
        for number in ours:
            signal.signal(number, _raise)
        yield
    finally:
        for number in ours:
            signal.signal(number, former[number])


def interrupted() -> bool:
    """Whether a signal came since `interruptible`: what goes wrong then is a consequence of it."""
    return _State.came_at is not None


def _raise(_number: int, _frame: FrameType | None) -> None:
    now, before = time.monotonic(), _State.came_at
    _State.came_at = now
    if _State.depth:
        _State.waiting = True
    elif before is None or now - before > _SAME_WISH_S:
        raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """Let an interrupt wait until the block is done. Processes that are begun in it never see Ctrl-C."""
    mask = hasattr(signal, "pthread_sigmask")
    here = threading.current_thread() is threading.main_thread()
    _State.depth += here
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if mask else set()
    try:
        yield
    finally:
        if mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)
        _State.depth -= here
        if here and not _State.depth and _State.waiting:
            _State.waiting = False
            raise KeyboardInterrupt
