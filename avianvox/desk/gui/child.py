"""A command of avianvox that ends as by Ctrl-C when its standard input does.

The pipe closes when the server wants it so, and when the server is gone, however it went: a command never
runs on behind a window that nobody can open any more, and what it has finished is on disk.
"""

import os
import runpy
import signal
import sys
import threading


def _watch() -> None:
    while os.read(0, 4096):  # past Python's buffer: its lock would be held as the process ends
        pass
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)  # also where it waits for something
    else:
        signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    threading.Thread(target=_watch, daemon=True).start()
    sys.argv[0] = "avianvox"
    runpy.run_module("avianvox", run_name="__main__")
