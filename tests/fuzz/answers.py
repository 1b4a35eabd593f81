"""Answers of a server, to questions and to requests for sound; no socket is opened."""

import io
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.request import HTTPSHandler, Request, build_opener

import numpy as np
from fake_xeno_canto import KEY, row, sound_of

from avianvox.dataset.download import session as session_module
from avianvox.dataset.download.run import download
from avianvox.dataset.download.session import Manners, Session, _Redirects
from avianvox.dataset.download.wishes import Wishes
from tests.fuzz.hostile import NAMES, dumped, jsons, scattered

_API = "https://xeno-canto.org/api/3/recordings"
_PAGE = {
    "numRecordings": "3",
    "numSpecies": "1",
    "page": 1,
    "numPages": 1,
    "recordings": [{"file": f"https://xeno-canto.org/{n}/download", **row(n)} for n in (1, 2, 3)],
}
_MOST_REQUESTS = 2_000


class _Clock:
    """Time that passes as somebody sleeps, and a little as somebody asks."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.001
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class _Endless(io.RawIOBase):
    """A body without end."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self._head, self._body = head, body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._head:
            n = min(len(buffer), len(self._head))
            buffer[:n], self._head = self._head[:n], self._head[n:]
            return n
        buffer[:] = (self._body * (len(buffer) // len(self._body) + 1))[: len(buffer)]
        return len(buffer)


class _Socket:
    def __init__(self, stream: io.RawIOBase | io.BytesIO) -> None:
        self._stream = stream

    def makefile(self, *_: object) -> Any:
        raw = self._stream
        return raw if isinstance(raw, io.BytesIO) else io.BufferedReader(raw)

    def close(self) -> None:
        pass


class _Server(HTTPSHandler):
    """Gives what ``answer`` makes of an address."""

    def __init__(self, answer: Callable[[str], io.RawIOBase | io.BytesIO]) -> None:
        super().__init__()
        self._answer = answer
        self.n_requests = 0

    def https_open(self, req: Request) -> HTTPResponse:
        self.n_requests += 1
        if self.n_requests > _MOST_REQUESTS:
            raise RuntimeError(f"{self.n_requests} requests")
        response = HTTPResponse(_Socket(self._answer(req.full_url)), method=req.get_method())  # type: ignore[arg-type]
        response.begin()
        response.msg = response.reason  # type: ignore[assignment]
        return response


def cases(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    session_module.time = _Clock()  # type: ignore[assignment]
    pages = jsons(rng, _PAGE)
    for number in range(10**9):
        kind = number % 5
        if kind < 2:
            title, text = next(pages)
            head = _head(rng, len(text)) if kind else b"HTTP/1.1 200 OK\r\n\r\n"
            answer = partial(_page_then_sound, head + text)
            name = f"page, {title}"
        elif kind == 2:
            name, answer = "endless", partial(_endless, int(rng.integers(4)))
        elif kind == 3:
            spelled = _spelled(rng)
            page = dumped(_PAGE).replace(b"Gu\\u00e1nica", spelled)
            name, answer = "the key", partial(_page_then_sound, b"HTTP/1.1 200 OK\r\n\r\n" + page)
        else:
            sound = sound_of(2_000)
            head = _head(rng, len(sound))
            whole = head + (scattered(rng, sound) if rng.integers(2) else b"<html>" * 100)
            name, answer = "sound", partial(_sound, whole)
        yield name, partial(_download, folder / str(number), answer)


def _head(rng: np.random.Generator, length: int) -> bytes:
    """A status line and headers, of which some are as they should not be."""
    status = rng.choice(
        [b"200 OK", b"206 Partial", b"302 Found", b"401 No", b"416 No", b"429 Wait", b"500 No"]
    )
    bad = NAMES[rng.integers(len(NAMES))].encode("utf-8", "surrogatepass").replace(b"\n", b"\r\n ")
    lines = [b"HTTP/1.1 " + status, b"Content-Length: " + str(length + rng.integers(-3, 3)).encode()]
    names = (b"ETag", b"Last-Modified", b"Retry-After", b"Location", b"Content-Type", b"Content-Range")
    names += (b"Content-Length", b"Transfer-Encoding", b"Content-Encoding")
    lines += [names[i] + b": " + bad for i in rng.integers(len(names), size=2)]
    if rng.integers(3) == 0:
        lines.append(b"Location: https://xeno-canto.org/again")
    if rng.integers(6) == 0:
        return scattered(rng, b"\r\n".join(lines)) + b"\r\n\r\n"
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _page_then_sound(page: bytes, address: str) -> io.BytesIO:
    return io.BytesIO(page if address.startswith(_API) else b"HTTP/1.1 200 OK\r\n\r\n" + sound_of(500))


def _sound(answer: bytes, address: str) -> io.BytesIO:
    page = b"HTTP/1.1 200 OK\r\n\r\n" + dumped(_PAGE)
    return io.BytesIO(page if address.startswith(_API) else answer)


def _endless(kind: int, address: str) -> io.RawIOBase | io.BytesIO:
    ok = b"HTTP/1.1 200 OK\r\n"
    if not address.startswith(_API) or kind == 0:
        return _Endless(ok + b"\r\n", b"[")
    if kind == 1:
        return _Endless(ok + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n")
    if kind == 2:
        return _Endless(b"HTTP/1.1 302 Found\r\nLocation: https://a.org/\r\n\r\n", b"x")
    number = int(address.rpartition("page=")[2])
    rows = [row(number)] if number < 5 else [row(1)]
    page = {**_PAGE, "numPages": 10**6, "numRecordings": 200_000, "recordings": rows}
    return io.BytesIO(ok + b"\r\n" + dumped(page))


def _spelled(rng: np.random.Generator) -> bytes:
    ways = (
        lambda c: c,
        lambda c: f"\\\\u{ord(c):04x}",
        lambda c: f"\\u{ord(c):04X}",
        lambda c: f"%{ord(c):02x}",
        lambda c: f"%25{ord(c):02X}",
        lambda c: f"&#{ord(c)};",
        lambda c: f"&#x{ord(c):X};",
        lambda c: f"\\/{c}"[1:] if c == "/" else c.upper(),
    )
    return "".join(ways[rng.integers(len(ways))](c) for c in KEY).encode()


def _download(folder: Path, answer: Callable[[str], io.RawIOBase | io.BytesIO]) -> None:
    session = Session(KEY, Manners(rate=1e6, attempts=2, longest_wait_s=1e6), api=_API, say=_check_words)
    session._opener = build_opener(_Redirects(), _Server(answer))
    session_module.MOST_SOUND_BYTES = 1 << 22
    try:
        outcome = download(session, Wishes("gen:Vireo"), folder)
        for line in outcome.failed:
            _check_words(line)
    finally:
        for path in folder.rglob("*"):
            if path.is_file():
                text = path.read_bytes().decode("utf-8", "replace")
                assert session.hide(text).count("***") == text.count("***"), f"the key is in {path.name}"


def _check_words(line: str) -> None:
    assert KEY not in line, "the key is told"
    assert "\n" not in line, line
