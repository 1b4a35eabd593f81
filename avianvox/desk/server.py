"""A server on the loopback address that runs until somebody asks it to stop.

`served` is the server alone, as a context; `serve` is what a command does with it: print the address, open a
browser, wait.
"""

import secrets
import socket
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from avianvox.desk.guard import App, Guard
from avianvox.errors import InputError, OutputError, require_extra
from avianvox.signals import asked_to_stop

HOST = "127.0.0.1"
_START_S = 30.0
_END_S = 3.0


@contextmanager
def served(app: App, *, port: int = 0, liked_port: int = 0, token: str = "") -> Iterator[str]:
    """Serve ``app`` in a thread of its own for as long as the context lasts.

    Parameters
    ----------
    app : ASGI application
    port : int
        Where to listen; 0: any port that is free.
    liked_port : int
        Taken where ``port`` is 0 and this one is free: a browser keeps what a page remembers by the port.
    token : str, optional
        The secret part of the address; by default a new one.

    Yields
    ------
    str
        The address of the first page.

    Raises
    ------
    InputError
        The port is taken.
    MissingExtraError
        The packages of the extra ``review`` are not installed.
    """
    for module in ("starlette", "uvicorn"):
        require_extra(module, extra="review", purpose="the local page")
    import uvicorn

    listening = _listen(port, liked_port)
    port = listening.getsockname()[1]
    token = token or secrets.token_urlsafe(24)
    config = uvicorn.Config(
        Guard(app, token=token, port=port),
        access_log=False,
        http="h11",
        lifespan="off",
        log_config=None,
        log_level="critical",
        loop="asyncio",
        server_header=False,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    began = time.monotonic()
    while not server.started:
        if not thread.is_alive() or time.monotonic() - began > _START_S:
            raise OutputError(f"the server on {HOST}:{port} did not start; try another --port")
        time.sleep(0.01)
    try:
        yield f"http://{HOST}:{port}/{token}/"
    finally:
        server.should_exit = True
        thread.join(_END_S)
        listening.close()


def serve(
    app: App,
    *,
    port: int = 0,
    liked_port: int = 0,
    browser: bool = True,
    say: Callable[[str], None] = print,
) -> None:
    """Serve ``app``, tell its address, open it in the browser, and return after Ctrl-C or SIGTERM.

    Parameters
    ----------
    app, port, liked_port
        As `served` takes them.
    browser : bool
        Whether the user's browser is opened.
    say : callable
        Told the address.
    """
    stopped = threading.Event()
    with served(app, port=port, liked_port=liked_port) as address, asked_to_stop(stopped.set):
        say(address)
        if browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        while not stopped.wait(1.0):  # Windows delivers no signal to a wait without end
            pass


def _listen(port: int, liked_port: int) -> socket.socket:
    for wanted in dict.fromkeys((port,) if port else (liked_port, 0)):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((HOST, wanted))
            listening.listen(128)
            return listening
        except OSError as error:
            listening.close()
            reason = error.strerror or str(error)
    raise InputError(f"port {port} of {HOST} cannot be used: {reason}; leave --port out for a free one")
