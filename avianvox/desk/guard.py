"""Who may speak with the desk: the page that was opened by its address, and nobody else.

A page of another origin can send requests to a loopback address. It is refused by the ``Host`` it used (a
name of its own that leads here), by its ``Origin``, by what the browser says of the request
(``Sec-Fetch-Site``), and by the token, which it can't know.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from hmac import compare_digest
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MOST_BODY = 1 << 20
"""Bytes of what a page may send at once."""

_MOST_HEARD = 8 * MOST_BODY
"""Bytes that are read and dropped: who is cut off while sending doesn't read why."""

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' "
        b"'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


class Guard:
    """An ASGI application before another one.

    What passes has its body in ``scope["body"]``, and its path begins behind the token.

    Parameters
    ----------
    app : ASGI application
    token : str
        The first part of the path of every address.
    port : int
        Where the server listens.
    """

    def __init__(self, app: App, *, token: str, port: int) -> None:
        self._app, self._prefix = app, f"/{token}/"
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        refused = self._refusal(scope, headers)
        body = await _body(receive)
        if body is None:
            refused = refused or (413, f"expected at most {MOST_BODY:,} bytes")
        if refused:
            await _refuse(send, *refused)
            return

        async def heard() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [*message.get("headers", ())]
                named = {name.lower() for name, _ in own}  # a page of another kind has a policy of its own
                message["headers"] = [*own, *(row for row in HEADERS if row[0] not in named)]
            await send(message)

        await self._app({**scope, "root_path": self._prefix[:-1], "body": body}, heard, guarded)

    def _refusal(self, scope: Message, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        """Status and reason where the request isn't one of our page."""
        if headers.get(b"host", b"").lower() not in self._hosts:
            return 403, "this server answers to 127.0.0.1 alone"
        origin = headers.get(b"origin")
        if origin is not None and origin.removeprefix(b"http://").lower() not in self._hosts:
            return 403, "a page of another origin may not ask here"
        opened = headers.get(b"sec-fetch-mode") == b"navigate" and scope["method"] == "GET"
        if headers.get(b"sec-fetch-site") in (b"cross-site", b"same-site") and not opened:
            return 403, "a page of another origin may not ask here"
        begin = scope["path"][: len(self._prefix)]
        if not compare_digest(begin.encode("utf-8", "replace"), self._prefix.encode()):
            return 404, "not found; open the address that the command has printed, to its end"
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "expected GET or POST"
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if scope["method"] == "POST" and kind != b"application/json":
            return 415, "expected JSON"
        return None


async def _body(receive: Receive) -> bytes | None:
    """All of it; None where it is too long, whatever its header says."""
    pieces, n = [], 0
    while True:
        message = await receive()
        piece = message.get("body", b"")
        n += len(piece)
        if n <= MOST_BODY:
            pieces.append(piece)
        if n > _MOST_HEARD or not message.get("more_body"):
            return b"".join(pieces) if n <= MOST_BODY else None


async def _refuse(send: Send, status: int, reason: str) -> None:
    content = json.dumps({"error": reason}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
        *HEADERS,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
