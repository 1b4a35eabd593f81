"""The server of the local pages: who is answered, who is turned away, and how it ends."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from starlette.routing import Route

from avianvox.desk.app import make_app, posted, ranged, reply
from avianvox.desk.guard import MOST_BODY
from avianvox.desk.server import served
from avianvox.errors import InputError


def _fail(_request: Any) -> Any:
    raise InputError("a value: expected 1, got 2")


def _break(_request: Any) -> Any:
    raise ZeroDivisionError("nothing to see")


ROUTES = [
    Route("/echo", lambda request: reply(posted(request)), methods=["POST"]),
    Route("/bytes", lambda request: ranged(request, bytes(range(10)), kind="audio/wav")),
    Route("/fail", _fail),
    Route("/break", _break),
]
HERE = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(make_app(ROUTES, page="review.html")) as address:
        yield address


def ask(
    address: str, path: str = "", *, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """A request as it is spelled, which no client tidies up; a ``path`` from "/" on leaves the token out."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.putrequest(method, path if path[:1] == "/" else parts.path + path, skip_host="Host" in headers)
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    for name, value in {**headers, **({"Content-Length": str(len(content))} if content else {})}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(content or None)
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return found


def test_the_address_shows_the_page(address: str) -> None:
    status, headers, content = ask(address)
    assert status == 200
    assert b"avianvox review" in content
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert urlsplit(address).hostname == "127.0.0.1"


def test_two_servers_have_two_tokens_and_a_taken_port_is_one_line(address: str) -> None:
    with served(make_app([], page="review.html"), liked_port=urlsplit(address).port or 0) as other:
        assert urlsplit(other).port != urlsplit(address).port
        assert urlsplit(other).path != urlsplit(address).path
    with pytest.raises(InputError, match="cannot be used"), served(None, port=urlsplit(address).port or 0):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize("path", ["/", "/wrong/", "/static/review.html", "/echo"])
def test_without_the_token_nothing_is_found(address: str, path: str) -> None:
    status, _, content = ask(address, path)
    assert status == 404
    assert b"avianvox review" not in content
    almost = urlsplit(address).path[:-2] + "/"
    assert ask(address, almost)[0] == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1.evil.example", ""]
)
def test_a_foreign_host_is_refused(address: str, host: str) -> None:
    assert ask(address, Host=host)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"},
    ],
    ids=str,
)
def test_a_page_of_another_origin_may_not_ask(address: str, headers: dict[str, str]) -> None:
    assert ask(address, **headers)[0] == 403
    assert ask(address, "echo", method="POST", body={"a": 1}, **HERE, **headers)[0] == 403


def test_our_page_may_post_json_of_bounded_size_alone(address: str) -> None:
    origin = "http://" + urlsplit(address).netloc
    status, _, content = ask(address, "echo", method="POST", body={"a": 1}, Origin=origin, **HERE)
    assert status == 200
    assert json.loads(content) == {"a": 1}
    assert ask(address, "echo", method="POST", body={"a": 1}, **{"Content-Type": "text/plain"})[0] == 415
    long = b'"' + b"x" * MOST_BODY + b'"'
    assert ask(address, "echo", method="POST", body=long, **HERE)[0] == 413
    assert ask(address, "echo", method="POST", body=b"{", **HERE)[0] == 400
    assert ask(address, "echo", method="POST", body=b"[1]", **HERE)[0] == 400
    assert ask(address, "echo", method="DELETE")[0] == 405


def test_a_body_that_states_no_length_is_bounded_too(address: str) -> None:
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as raw:
        head = f"POST {parts.path}echo HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        raw.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(MOST_BODY // 0x10000 + 1):
            raw.sendall(piece)
        raw.sendall(b"0\r\n\r\n")
        assert b" 413 " in raw.recv(100)


@pytest.mark.parametrize(
    "path",
    [
        *("static/", "static", "static/.", "static/..", "static/../app.py", "static/..%2fapp.py"),
        *("static/%2e%2e/app.py", "static/..\\app.py", "static//etc/passwd", "../static/review.html"),
        *("static/review.html/", "static/review.html%00.png", "static/nothing.js", "%2e%2e/", "nothing"),
    ],
)
def test_tricks_with_paths_find_nothing(address: str, path: str) -> None:
    status, _, content = ask(address, path)
    assert status == 404
    assert b"import" not in content
    assert b"root:" not in content


def test_a_part_of_a_sound_can_be_asked_for(address: str) -> None:
    def part(text: str) -> tuple[int, str, bytes]:
        status, headers, content = ask(address, "bytes", Range=text)
        return status, headers.get("content-range", ""), content

    assert part("bytes=2-4") == (206, "bytes 2-4/10", b"\2\3\4")
    assert part("bytes=8-") == (206, "bytes 8-9/10", b"\x08\t")
    assert part("bytes=-3") == (206, "bytes 7-9/10", b"\7\x08\t")
    assert part("bytes=5-100") == (206, "bytes 5-9/10", bytes(range(5, 10)))
    assert part("bytes=10-")[:2] == (416, "bytes */10")
    assert part("lines=1-2") == (200, "", bytes(range(10)))


def test_an_error_is_one_line_of_json(address: str) -> None:
    assert ask(address, "fail")[::2] == (400, b'{"error":"a value: expected 1, got 2"}')
    assert ask(address, "break")[::2] == (500, b'{"error":"ZeroDivisionError: nothing to see"}')


def test_many_ask_at_once(address: str) -> None:
    found = []
    threads = [threading.Thread(target=lambda: found.append(ask(address, "bytes")[0])) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_ends_when_it_is_asked_to(number: int) -> None:
    script = (
        "from avianvox.desk.app import make_app; from avianvox.desk.server import serve\n"
        "serve(make_app([], page='review.html'), browser=False, say=lambda a: print(a, flush=True))\n"
        "print('ended')"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert ask(process.stdout.readline().strip())[0] == 200
        os.kill(process.pid, number)
        assert process.stdout.read() == "ended\n"
        assert process.stderr.read() == ""
        assert process.wait(10) == 0
