"""How a worker process begins and ends, whatever its work is."""

import os
import signal
import threading
from multiprocessing import connection, parent_process


def start_worker() -> None:
    """Make a worker process leave interrupts to its parent, and end when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
