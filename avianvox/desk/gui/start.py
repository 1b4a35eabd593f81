"""The window put together, and found again where it is open already."""

import json
import os
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette

from avianvox.desk.app import make_app
from avianvox.desk.gui.pages import GuiPages
from avianvox.desk.gui.records import Records, runs_path
from avianvox.desk.gui.work import Work
from avianvox.desk.server import serve
from avianvox.documents import read_json
from avianvox.errors import InputError

_PORT = 19_840
"""Below those of reviews; another where it is taken."""

_ASKED_S = 2.0


@contextmanager
def opened_gui(records: Path) -> Iterator[Starlette]:
    """The application of the window. At its end, runs are paused and reviews closed."""
    with ExitStack() as stack:
        work = stack.enter_context(Work())
        pages = GuiPages(Records(records), work, stack)
        yield make_app(pages.routes(), page="gui.html")


def run_gui(*, port: int, browser: bool, say: Callable[[str], None]) -> None:
    """Serve the window until it is ended. Where it is open already, show that one and return."""
    place = runs_path().with_name("window.json")
    if not port and (address := _open_already(place)):
        say(address)
        if browser:
            webbrowser.open(address)
        return
    with opened_gui(runs_path()) as app:

        def tell(address: str) -> None:
            _remember(place, address)
            say(address)

        try:
            serve(app, port=port, liked_port=_PORT, browser=browser, say=tell)
        finally:
            with suppress(OSError):
                place.unlink()


def _remember(place: Path, address: str) -> None:
    """Keep the address where its user alone may read it; without it, a second window is a second server."""
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump({"address": address}, file)


def _open_already(place: Path) -> str:
    """The address of the window that is open; empty where none is."""
    try:
        address = read_json(place, most_bytes=4096)["address"]
        if not isinstance(address, str) or not address.startswith("http://127.0.0.1:"):
            return ""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{address}session", timeout=_ASKED_S) as answer:
            return address if answer.status == 200 else ""
    except (OSError, ValueError, LookupError, TypeError, InputError):
        return ""
