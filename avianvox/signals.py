"""How the program ends when a person or the system asks it to: Ctrl-C, SIGTERM, SIGHUP.

While modules are imported, and after the work is done, nothing is half written, and an exception in the
middle of an import is a page of names that help nobody: there a signal ends the process at once
(`end_at_once`). While a command is at work it raises ``KeyboardInterrupt`` (`interruptible`), so that files
are closed and temporary ones go; again and again until it gets through, since whatever runs behind Python's
back (a callback of C code, a weak reference, ``__del__``) swallows it. Where half of a thing would be worse,
the interrupt waits (`held`).

What the process was told to ignore, such as SIGHUP under ``nohup``, it goes on to ignore.
"""

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

INTERRUPTED = "interrupted"
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # the last: Windows' Ctrl-Break, and its closed window
_SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
_OF_A_TERMINAL = set(_SIGNALS) - {signal.SIGTERM}  # these go to all processes of a command at once
_ALARM: tuple[int, ...] = ()
if sys.platform != "win32":
    _ALARM = (signal.SIGALRM,)
_AGAIN_S = 0.2
_SAME_WISH_S = 1.0  # a terminal that is closed sends two signals, and so does an impatient finger


class _State:
    """Of this process: when the last signal came, and whether interrupts wait in how many blocks."""

    came_at: float | None = None
    depth = 0
    waiting = False


def end_at_once() -> None:
    """From now on, a signal ends the process with one line and exit code 1; the last moments are Python's."""
    atexit.register(_ignore)  # first registered, last called
    for number in _SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    try:
        os.write(2, f"avianvox: {INTERRUPTED}\n".encode())
    finally:
        os._exit(1)


def _ignore() -> None:
    """Let the process come to its end: Python takes its handlers away there, but leaves what is ignored."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _end:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def interruptible() -> Iterator[None]:
    """In the block, a signal raises ``KeyboardInterrupt``; another one within a second changes nothing."""
    if not _is_main_thread():
        yield
        return
    _State.came_at, _State.waiting = None, False
    former = {number: signal.getsignal(number) for number in (*_SIGNALS, *_ALARM)}
    ours = [number for number, handler in former.items() if handler not in (signal.SIG_IGN, None)]
    told = sys.unraisablehook

    def tell(lost: "sys.UnraisableHookArgs") -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):  # that comes again
            told(lost)

    try:
        sys.unraisablehook = tell
        for number in ours:
            signal.signal(number, _again if number in _ALARM else _raise)
        yield
    finally:
        sys.unraisablehook = told
        if sys.platform != "win32" and _ALARM:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number in ours:
            signal.signal(number, former[number])


@contextmanager
def asked_to_stop(
    stop: Callable[[], object], *, again: Callable[[], object] | None = None
) -> Iterator[list[int]]:
    """In the block, Ctrl-C and SIGTERM call ``stop``, and the work ends in its own way.

    Another one calls ``again`` and ends the process.

    Yields
    ------
    list of int
        The signals that came. Outside of the main thread none does.
    """
    came: list[int] = []
    if not _is_main_thread():
        yield came
        return

    def heed(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        stop()
        if len(came) > 1:
            if again is not None:
                again()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ours = [number for number, handler in former.items() if handler not in (signal.SIG_IGN, None)]
    try:
        for number in ours:
            signal.signal(number, heed)
        yield came
    finally:
        for number in ours:
            signal.signal(number, former[number])


def _is_main_thread() -> bool:
    import threading  # late: until `end_at_once` is called, an interrupt is a traceback

    return threading.current_thread() is threading.main_thread()


def interrupted() -> bool:
    """Whether a signal came since `interruptible`: what goes wrong then is a consequence of it."""
    return _State.came_at is not None


def leave_if_interrupted(code: object) -> None:
    """End an interrupted process with this exit code, and at once.

    Python would wait for threads that nobody waits for any more. And where the interrupt came while a string
    was executed, as in the making of a dataclass, ``python -m`` kills itself with SIGINT in place of it.
    """
    if interrupted() and isinstance(code, int):
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _raise(_number: int, _frame: FrameType | None) -> None:
    now, before = time.monotonic(), _State.came_at
    _State.came_at = now
    if _State.depth:
        _State.waiting = True
    elif before is None or now - before > _SAME_WISH_S:
        _interrupt()


def _interrupt() -> None:
    if sys.platform != "win32" and _ALARM:
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S, _AGAIN_S)
    raise KeyboardInterrupt


def _again(_number: int, _frame: FrameType | None) -> None:
    """Raise it once more unless it is on its way out, past all that is closed and removed there."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    if error is None and _State.came_at is not None and not _State.depth:
        raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """Let an interrupt wait until the block is done. Processes begun in it see no Ctrl-C and no SIGHUP."""
    here = _is_main_thread()
    _State.depth += here
    if sys.platform != "win32":
        former = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_A_TERMINAL)
    try:
        yield
    finally:
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_SETMASK, former)
        _State.depth -= here
        if here and not _State.depth and _State.waiting:
            _State.waiting = False
            _interrupt()
