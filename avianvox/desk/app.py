"""An application of the desk: routes, the files of ``static``, and how values and errors go to the page."""

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from avianvox.documents import parse_json
from avianvox.errors import AvianvoxError, InputError
from avianvox.words import printable, valid_unicode

KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
"""Endings of files in ``static`` and what they are, whatever this computer believes."""

_OF_A_PAGE = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; img-src 'self' data:; media-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'"
)
"""What a page that a command wrote may do: it asks the server for nothing."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def make_app(routes: Sequence[BaseRoute], *, page: str) -> Starlette:
    """An application with a first page.

    Parameters
    ----------
    routes : sequence of Route
        Endpoints that are plain functions run in threads. What they raise as `AvianvoxError` reaches the page
        as status 400 with its one line.
    page : str
        The file of ``static`` that the address of the desk shows.
    """
    first = Route("/", lambda _: static_file(page))
    asked = Route("/static/{name}", lambda request: static_file(request.path_params["name"]))
    refusals: Any = {AvianvoxError: _told, HTTPException: _not_found, Exception: _broken}
    app = Starlette(routes=[first, asked, *routes], exception_handlers=refusals)
    app.router.redirect_slashes = False
    return app


def static_file(name: str) -> Response:
    """A file of the folder ``static``, by its name alone."""
    for file in files("avianvox.desk").joinpath("static").iterdir():
        kind = KINDS.get(name[name.rfind(".") :])
        if file.name == name and kind and file.is_file():
            return Response(file.read_bytes(), media_type=kind, headers={"cache-control": "no-cache"})
    raise HTTPException(404)


def written_file(folder: Path, name: str) -> Response:
    """A file that a command wrote into a folder, by its name alone."""
    if name not in names_in(folder) or not (folder / name).is_file():
        raise HTTPException(404)
    kind = KINDS.get(os.path.splitext(name)[1], "application/octet-stream")
    headers = {"cache-control": "no-store", "content-security-policy": _OF_A_PAGE}
    return Response((folder / name).read_bytes(), 200, headers, media_type=kind)


def names_in(folder: Path) -> list[str]:
    """The names of what lies in a folder; none where it is none."""
    with suppress(OSError):
        return os.listdir(folder)
    return []


def reply(value: Any, *, status: int = 200) -> Response:
    """A value as JSON that is asked for anew each time."""
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    headers = {"cache-control": "no-store"}
    return Response(valid_unicode(content), status, headers, media_type="application/json")


def posted(request: Request) -> dict[str, Any]:
    """The JSON object that a page sent; raises `InputError` where it is none."""
    try:
        document = parse_json(request.scope["body"])
    except ValueError as error:
        raise InputError(f"expected a JSON object: {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"expected a JSON object, got {type(document).__name__}")
    return document


def ranged(request: Request, content: bytes, *, kind: str) -> Response:
    """``content``, or the part of it that the request asks for, as players do."""
    n = len(content)
    headers = {"accept-ranges": "bytes", "cache-control": "private, max-age=600"}
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if not asked or asked[1] == asked[2] == "":
        return Response(content, 200, headers, media_type=kind)
    if asked[1]:
        first, last = int(asked[1]), min(n - 1, int(asked[2]) if asked[2] else n - 1)
    else:
        first, last = max(0, n - int(asked[2])), n - 1
    if first > last:
        return Response(b"", 416, {"content-range": f"bytes */{n}"})
    headers["content-range"] = f"bytes {first}-{last}/{n}"
    return Response(content[first : last + 1], 206, headers, media_type=kind)


def _told(_request: Request, error: Exception) -> Response:
    return reply({"error": str(error)}, status=400)


def _not_found(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return reply({"error": printable(error.detail)}, status=error.status_code)


def _broken(_request: Request, error: Exception) -> Response:
    return reply({"error": printable(f"{type(error).__name__}: {error}")}, status=500)
