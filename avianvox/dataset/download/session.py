"""Requests to one server: one at a time, not too often, and again where that may help.

The key stands in the address of a request to the API, so no address of such a request is ever shown or
kept, and an error keeps no cause: what the server or a library says passes through `Session.hide`. No answer
is endless: its head has a time, and its body a size and a least speed.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import SHUT_RDWR, gaierror, socket
from typing import IO, Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from avianvox import __version__
from avianvox.dataset.download.secret import Secret
from avianvox.documents import parse_json
from avianvox.errors import AvianvoxError, DownloadError, InputError
from avianvox.words import printable

API = "https://xeno-canto.org/api/3/recordings"
PER_PAGE = 500
"""The most that the API gives on one page."""
MOST_PAGE_BYTES = 1 << 24
"""Of a page; one of 500 recordings has about 1.5 MB."""
MOST_SOUND_BYTES = 1 << 31
"""Of a sound file."""

_BLOCK = 1 << 16
_HEAD_S = 120.0  # until the head of an answer must have come
_PATIENCE_S = 120.0  # of an answer's body, and ...
_LEAST_BYTES_PER_S = 2000  # ... as much again for so many bytes
_MOST_REASON = 300

_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))

T = TypeVar("T")


class RefusedError(DownloadError):
    """The server has answered, and the same question would get the same answer."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class GaveUpError(DownloadError):
    """Every attempt failed; later it may work."""


class CutError(ConnectionError):
    """Less came than was promised; what `Session.insist` runs raises it to be run again."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a server is treated. Waits double from one attempt to the next."""

    rate: float = 1.0  # requests a second; xeno-canto asks for no more than one
    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 300.0  # who asks for more patience is left alone
    timeout_s: float = 60.0


class Visitor:
    """Fetches from servers that ask for no key.

    Parameters
    ----------
    manners : Manners
    say : callable
        Gets one line whenever there is something to wait for.
    """

    def __init__(
        self, manners: Manners = Manners(), *, say: Callable[[str], None] = lambda line: None
    ) -> None:
        self._manners = manners
        self.say = say
        self._opener = build_opener(_Redirects(), _Http(), _Https())
        self._next = 0.0

    def insist(self, what: str, ask: Callable[[], T]) -> T:
        """Run ``ask``, at its time, until it returns; ``what`` names it in messages.

        Raises
        ------
        RefusedError
            The server answers that it will not.
        GaveUpError
            Every attempt failed.
        DownloadError
            The server wants to be left alone for long.
        """
        manners = self._manners
        for attempt in range(manners.attempts):
            self._pace()
            wait = 0.0
            try:
                return ask()
            except RefusedError as error:
                raise RefusedError(self.hide(str(error)), error.code) from None
            except AvianvoxError:
                raise
            except HTTPError as error:
                reason = self._reason(error)
                if error.code not in _AGAIN:
                    raise RefusedError(f"{what}: {reason}", error.code) from None
                wait = _retry_after(error.headers)
            except (OSError, HTTPException) as error:
                cause = error.reason if isinstance(error, URLError) else error
                reason = self.hide(printable(str(cause)) or type(cause).__name__)[:_MOST_REASON]
                if isinstance(cause, gaierror):
                    reason = f"the server's name is not found; is this computer online? ({reason})"
                if isinstance(cause, ssl.SSLCertVerificationError):
                    raise DownloadError(f"{what}: {reason}") from None
            except ValueError as error:  # an address that a library can't write down
                raise RefusedError(f"{what}: {self.hide(str(error))}") from None
            if wait > manners.longest_wait_s:
                raise DownloadError(
                    f"{what}: {reason}; the server asks to wait {wait:.0f} s; run the same command again "
                    "after that time: it continues from here"
                )
            if attempt + 1 < manners.attempts:
                wait = max(wait, manners.first_wait_s * 2**attempt)
                self.say(f"{what}: {reason}; trying again in {wait:.0f} s")
                time.sleep(wait)
        raise GaveUpError(f"{what}: {reason}, after {manners.attempts} attempts; run the same command later")

    def open(
        self, address: str, headers: dict[str, str] | None = None, *, method: str = "GET"
    ) -> HTTPResponse:
        """The server's answer, to be read and closed. Raises what `urllib.request.urlopen` does."""
        if not _is_allowed(address):
            raise RefusedError(f"expected an address that begins with https://, got '{self.hide(address)}'")
        agent = {"User-Agent": f"avianvox/{__version__}"}
        request = Request(address, headers={**agent, **(headers or {})}, method=method)
        answer: HTTPResponse = self._opener.open(request, timeout=self._manners.timeout_s)
        return answer

    def hide(self, text: str) -> str:
        """``text`` as it may be shown: a `Session` hides its key in it."""
        return text

    def blocks(self, answer: HTTPResponse, most_bytes: int) -> Iterator[bytes]:
        """The body of an answer, as it comes.

        Raises
        ------
        RefusedError
            It is larger than ``most_bytes``.
        CutError
            It comes too slowly, or ends before its promised length.
        """
        begin, n_bytes, length = time.monotonic(), 0, promised_bytes(answer)
        too_large = f"the answer is larger than {most_bytes >> 20} MB"
        if (length or 0) > most_bytes:
            raise RefusedError(too_large)
        while block := answer.read1(_BLOCK):
            n_bytes += len(block)
            if n_bytes > most_bytes:
                raise RefusedError(too_large)
            yield block
            if time.monotonic() - begin > _PATIENCE_S + n_bytes / _LEAST_BYTES_PER_S:
                raise CutError(
                    f"too slow: only {n_bytes:,} bytes received in {time.monotonic() - begin:.0f} s"
                )
        if length is not None and n_bytes != length:
            raise CutError(f"{n_bytes:,} of {length:,} bytes received")

    def _pace(self) -> None:
        now = time.monotonic()
        if now < self._next:
            time.sleep(self._next - now)
        self._next = time.monotonic() + 1 / self._manners.rate

    def _reason(self, error: HTTPError) -> str:
        """What the server says was wrong: ``message`` of version 3, ``error.message`` of version 2."""
        told = error.reason
        try:
            answer = parse_json(next(self.blocks(error, MOST_PAGE_BYTES), b""))  # type: ignore[arg-type]
            inner = answer.get("error")
            told = (
                answer.get("message") or (inner.get("message") if isinstance(inner, dict) else inner) or told
            )
        except (OSError, HTTPException, ValueError, AttributeError):
            pass  # not every error page is JSON
        finally:
            error.close()
        return self.hide(printable(f"HTTP {error.code}: {' '.join(str(told).split())}"))[:_MOST_REASON]


class Session(Visitor):
    """Speaks with the API and fetches files.

    Parameters
    ----------
    key : str
        Of the API. Raises `InputError` where it is empty.
    manners : Manners
    api : str
        Address of the API: ``https``, or ``http`` on this machine.
    say : callable
        Gets one line whenever there is something to wait for.
    """

    def __init__(
        self,
        key: str,
        manners: Manners = Manners(),
        *,
        api: str = API,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        if not key.strip():
            raise InputError(
                "xeno-canto needs a key: set the environment variable XC_API_KEY, or give --key; "
                "members find theirs at https://xeno-canto.org/account"
            )
        self._key = key.strip()
        self._secret = Secret(self._key)
        if not _is_allowed(api):
            raise InputError(f"the address of the API: expected https://..., got '{self.hide(api)}'")
        super().__init__(manners, say=say)
        self._api = api

    def page(self, query: str, number: int) -> dict[str, Any]:
        """Page ``number`` of the answer to ``query``, counted from 1.

        Raises
        ------
        DownloadError
            The key or the query is refused, or every attempt failed.
        """
        values = {"query": query, "key": self._key, "per_page": PER_PAGE, "page": number}
        address = f"{self._api}?{urlencode(values)}"
        try:
            return self.insist(f"page {number} of the answer", lambda: self._json(address))
        except RefusedError as error:
            if error.code in (401, 403):
                advice = "yours is at https://xeno-canto.org/account"
                raise DownloadError(f"the server refuses the key: {error}; {advice}") from None
            if not error.code:
                raise DownloadError(f"page {number} of the answer: {error}") from None
            raise DownloadError(f"the server refuses the query '{query}': {error}") from None

    def hide(self, text: str) -> str:
        """``text`` with three stars wherever it names the key, in whatever spelling."""
        return self._secret.hide(text)

    def hide_in(self, value: Any) -> Any:
        """What JSON stands for, with three stars for the key in every text of it."""
        return self._secret.hide_in(value)

    def _json(self, address: str) -> dict[str, Any]:
        with self.open(address, {"Accept": "application/json"}) as answer:
            body = b"".join(self.blocks(answer, MOST_PAGE_BYTES))
        try:
            page = self.hide_in(parse_json(body))  # pages are kept
        except ValueError:
            raise CutError("expected JSON, got something else or an incomplete part") from None
        if not isinstance(page, dict) or not isinstance(page.get("recordings"), list):
            raise CutError("expected an object with a list 'recordings'")
        if len(page["recordings"]) > PER_PAGE:
            raise CutError(f"expected at most {PER_PAGE} recordings on a page")
        return page


class _Redirects(HTTPRedirectHandler):
    """Follows to an allowed address only, and asks there what it asked before."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        if not _is_allowed(newurl):
            scheme, host = urlsplit(newurl)[:2]
            raise RefusedError(f"the server redirects to {scheme}://{host}; expected https://")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None:
            request.method = req.get_method()
            fp.close()  # or else all of its body is read, however long
        return request


class _Head:
    """A limit on the time until the head of an answer has come: each byte renews that of a socket."""

    sock: socket | None

    def getresponse(self) -> HTTPResponse:
        timer = threading.Timer(_HEAD_S, self._cut)
        timer.daemon = True
        timer.start()
        try:
            answer: HTTPResponse = super().getresponse()  # type: ignore[misc]
        finally:
            timer.cancel()
        return answer

    def _cut(self) -> None:
        with suppress(OSError):
            if self.sock is not None:
                self.sock.shutdown(SHUT_RDWR)


class _Connection(_Head, HTTPConnection):
    pass


class _SafeConnection(_Head, HTTPSConnection):
    pass


class _Http(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(HTTPSHandler):
    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_SafeConnection, req, context=self._context)  # type: ignore[attr-defined]


def promised_bytes(answer: HTTPResponse) -> int | None:
    """The length of the body that the server promises, None where it does not say."""
    text = str(answer.headers.get("Content-Length", ""))
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _is_allowed(address: str) -> bool:
    """Whether it is encrypted, or stays on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
        parts.port  # noqa: B018 - raises for one that cannot be
    except ValueError:
        return False
    return (
        address.isascii()
        and address.isprintable()
        and bool(host)
        and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK))
    )


def _retry_after(headers: Message) -> float:
    """Seconds that the server wants to be left alone: a number or a date; 0 where it says nothing."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        wait = moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)
    except (ValueError, TypeError, ArithmeticError):
        return 0.0
    return max(0.0, wait.total_seconds())
