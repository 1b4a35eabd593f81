"""A server on this machine that answers like xeno-canto's API, and misbehaves when told to.

`FakeXenoCanto` knows the documented parameters of version 3 (``query`` of tags, ``key``, ``page``,
``per_page``), gives sound files with ``ETag`` and parts of them (``Range``), and notes every request.
``behave(n, how)`` sets what the n-th request gets, counted from 1, see `MISCHIEF`; ``always(path, how)`` what
each request gets whose path ends with ``path``.
"""

import json
import os
import shlex
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, quote, urlsplit

KEY = "0123456789abcdef+/0123456789abcdef"
MISCHIEF = (
    *("401", "403", "404", "429", "500"),  # refused with this code
    *("drop", "cut", "hang", "short"),  # no answer; half of it; half of it for now; less than was promised
    *("html", "not json", "empty", "away", "moved", "other part"),  # something else than was asked for
    *("endless", "html as sound"),  # zeros without end; a page that is called audio/mpeg
)


def row(number: int, *, v2: bool = False, **changes: Any) -> dict[str, Any]:
    """One recording as version 3 tells of it, or in version 2's spelling."""
    fields: dict[str, Any] = {
        "id": str(number),
        "gen": "Vireo",
        "sp": "latimeri",
        "ssp": "",
        "grp": "birds",
        "en": "Puerto Rican Vireo",
        "rec": "A. Recordist",
        "cnt": "Puerto Rico",
        "loc": "Guánica",
        "lat": "17.95",
        "lon": "-66.9",
        "alt": "20",
        "type": "song",
        "url": f"//xeno-canto.org/{number}",
        "file-name": f"XC{number}-Vireo latimeri.mp3",
        "lic": "//creativecommons.org/licenses/by-nc-sa/4.0/",
        "q": "A",
        "length": "0:30",
        "time": "06:40",
        "date": f"2020-05-{1 + number % 28:02d}",
        "also": [],
        "smp": "44100",
    }
    fields |= changes
    if v2:
        fields["lng"], fields["group"] = fields.pop("lon"), fields.pop("grp")
    return fields


def sound_of(n_bytes: int, fill: int = 0) -> bytes:
    """A WAV file of ``n_bytes`` bytes, whose samples depend on ``fill``."""
    samples = bytes((i + fill) % 256 for i in range(n_bytes - 44))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 22050, 44100, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", n_bytes - 8)
        + b"WAVE"
        + form
        + struct.pack("<4sI", b"data", len(samples))
        + samples
    )


class FakeXenoCanto:
    """Serves ``rows``, and for each of them ``sounds[id]``; entered, it listens at ``address``."""

    def __init__(
        self, rows: list[dict[str, Any]], *, page_size: int = 2, sounds: dict[str, bytes] | None = None
    ) -> None:
        self.rows = rows
        self.page_size = page_size
        self.sounds = sounds or {
            r["id"]: sound_of(256 * (3 + int(r["id"]) % 5)) for r in rows if r["id"].isascii()
        }
        self.tag = '"1"'
        self.counts: dict[str, Any] = {}  # said of an answer in place of what is true
        self.spell: Callable[[bytes], bytes] = lambda body: body  # how a page is written
        self.n_sent = 0  # bytes of endless answers
        self.headers: dict[str, str] = {}  # of the answers that are refusals, such as Retry-After
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.reached = threading.Event()  # a request hangs
        self.release = threading.Event()  # and may end
        self._mischief: dict[int, str] = {}
        self._always: dict[str, str] = {}
        self._lock = threading.Lock()

    def behave(self, number: int, how: str) -> None:
        assert how in MISCHIEF
        self._mischief[number] = how

    def always(self, path: str, how: str) -> None:
        assert how in MISCHIEF
        self._always[path] = how

    @property
    def files_asked(self) -> list[str]:
        """Paths of the sound files in the order they were asked for."""
        return [path for path, _ in self.requests if path.endswith("/download")]

    def __enter__(self) -> "FakeXenoCanto":
        self._environment = mock.patch.dict(os.environ, no_proxy="*")
        self._environment.start()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.host = f"http://127.0.0.1:{self._server.server_port}"
        self.address = f"{self.host}/api/3/recordings"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._environment.stop()

    def note(self, path: str, headers: dict[str, str]) -> str:
        """Write a request down; what it shall suffer, or ""."""
        with self._lock:
            self.requests.append((path, headers))
            always = next((how for end, how in self._always.items() if path.endswith(end)), "")
            return self._mischief.get(len(self.requests), always)

    def answer(self, values: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """HTTP code and content of a question to the API."""
        if values.get("key") != [KEY]:
            key = values.get("key", [""])[0]
            said = f"'{key}' is not a valid key ({quote(key)}, {quote(key, safe='')})"
            return 401, {"error": "client_error", "message": said}
        try:
            tags = [part.split(":", 1) for part in shlex.split(values["query"][0])]
            chosen = [r for r in self.rows if all(_fits(r, name, value) for name, value in tags)]
        except (KeyError, ValueError):
            return 400, {"error": {"code": "client_error", "message": "The query must consist of tags."}}
        assert 50 <= int(values["per_page"][0]) <= 500
        page = int(values["page"][0])
        first = (page - 1) * self.page_size
        return 200, {
            "numRecordings": str(len(chosen)),
            "numSpecies": str(len({(r["gen"], r["sp"]) for r in chosen})),
            "page": page,
            "numPages": max(1, -(-len(chosen) // self.page_size)),
            "recordings": [self._with_file(r) for r in chosen[first : first + self.page_size]],
            **self.counts,
        }

    def _with_file(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"file": f"{self.host}/{row['id']}/download", **row}


def _fits(row: dict[str, Any], tag: str, value: str) -> bool:
    if tag not in ("gen", "sp", "q", "en", "rec", "cnt", "grp"):
        raise ValueError(tag)
    return str(row.get(tag, "")).lower() == value.lower()


def _handler(fake: FakeXenoCanto) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            how = fake.note(parts.path, dict(self.headers))
            if how == "drop":
                self.close_connection = True
                return
            if how.isdecimal():
                self._send(int(how), _json({"error": "server", "message": f"trouble with {self.path}"}))
            elif how == "html":
                self._send(200, b"<html>Back soon</html>", kind="text/html")
            elif how == "html as sound":
                self._send(200, b"<html>Log in first</html>" * 99, kind="audio/mpeg")
            elif how == "endless":
                self._send_endless()
            elif how == "not json":
                self._send(200, b'{"recordings": [', kind="application/json")
            elif how == "away":
                self._send(302, b"", Location="http://example.org/elsewhere")
            elif how == "moved":
                self._send(302, b"", Location=f"{fake.host}{self.path}")
            elif parts.path == "/api/3/recordings":
                code, content = fake.answer(parse_qs(parts.query))
                self._send(code, fake.spell(_json(content)), how)
            else:
                self._send_sound(parts.path.split("/")[1], how)

        do_HEAD = do_GET

        def _send_endless(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.close_connection = True
            with suppress(OSError):
                while True:
                    self.wfile.write(bytes(1 << 16))
                    fake.n_sent += 1 << 16

        def _send_sound(self, number: str, how: str) -> None:
            sound = b"" if how == "empty" else fake.sounds[number]
            wanted, code, more = self.headers["Range"], 200, {}
            if wanted and self.headers["If-Range"] == fake.tag:
                first = int(wanted.removeprefix("bytes=").rstrip("-"))
                code, more = 206, {"Content-Range": f"bytes {first}-{len(sound) - 1}/{len(sound)}"}
                if first >= len(sound):
                    code, sound, more = 416, b"", {"Content-Range": f"bytes */{len(sound)}"}
                elif how == "other part":
                    more = {"Content-Range": f"bytes 1-{len(sound) - 1}/{len(sound)}"}
                sound = sound[first:]
            more = {**more, "ETag": fake.tag} if fake.tag else more
            self._send(code, sound, how, kind="audio/mpeg", **more)

        def _send(
            self, code: int, body: bytes, how: str = "", *, kind: str = "application/json", **headers: str
        ) -> None:
            self.send_response(code)
            extra = fake.headers if code >= 400 else {}
            for name, value in {"Content-Type": kind, **headers, **extra}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + (9 if how == "short" else 0)))
            self.end_headers()
            if self.command == "HEAD":
                return
            half = body[: len(body) // 2]
            self.wfile.write(half if how in ("cut", "hang") else body)
            if how == "hang":
                self.wfile.flush()
                fake.reached.set()
                fake.release.wait()
            self.close_connection = self.close_connection or how in ("cut", "hang", "short")

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()
