"""Hold interrupts back while a C library calls Python.

libsndfile reads through functions of ours. An exception in such a call cannot pass through C: it is dropped,
and a healthy file looks as if it ended there. Python runs signal handlers in the main thread between any two
of its instructions, those of such a call too. So handlers wait until the library has returned.
"""

import signal
from collections.abc import Callable
from threading import current_thread, main_thread
from types import FrameType, TracebackType

_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK", "SIGALRM")
    if hasattr(signal, name)
]

_Handler = Callable[[int, FrameType | None], object]


class deferred_signals:
    """While the block runs, signals that ask the process to end are noted; their handlers run behind it.

    Costs some microseconds. Does nothing outside the main thread, where no handler ever runs. May be nested.
    The handlers may raise, as that of Ctrl-C does; an exception of the block is then the context of theirs.
    """

    def __init__(self) -> None:
        self._former: dict[int, _Handler] = {}
        self._noted: list[int] = []
        self._holding = False

    def __enter__(self) -> None:
        if current_thread() is not main_thread():
            return
        try:
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):  # not left to the system, and not ignored
                    self._former[number] = handler
                    signal.signal(number, self._take)
            self._holding = True
        except BaseException:  # one came while this was prepared
            self._restore()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holding = False
        self._restore()
        for number in self._noted:
            self._former[number](number, None)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._holding:
            self._noted.append(number)
        else:  # a handler that raised kept this one from being taken away
            self._former[number](number, frame)

    def _restore(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
