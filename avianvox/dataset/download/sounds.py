"""One sound file: fetched whole, or continued where an earlier attempt was cut off.

Beside a file that is being fetched lies its mark, the server's ``ETag`` or date. The rest is asked for
with that mark (``If-Range``), so that a file that has changed meanwhile comes anew and is never patched
together from two. Where the server gives no mark, the file comes anew too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from urllib.error import HTTPError

from avianvox.audio.probe import probe
from avianvox.dataset.download.session import (
    MOST_SOUND_BYTES,
    CutError,
    RefusedError,
    Session,
    Visitor,
    promised_bytes,
)
from avianvox.files import output_error
from avianvox.types import Status

_MOST_MARK = 200


def fetch(session: Session, name: str, address: str, partial: Path) -> None:
    """Bring the file at ``address`` into ``partial``; it is whole when this returns.

    Raises
    ------
    RefusedError
        The server does not give it, or gives something that is no sound.
    DownloadError
        As `Session.insist`.
    OutputError
        It cannot be written.
    """
    kind = fetch_file(session, name, address, partial)
    if probe(partial, decode=False).status in (Status.UNDECODABLE, Status.EMPTY):
        partial.unlink()
        raise RefusedError(
            f"{name}: expected sound, the server sent {session.hide(kind) or 'something else'}"
        )


def fetch_file(session: Visitor, name: str, address: str, partial: Path) -> str:
    """`fetch` of any file, sound or not; returns what the server calls the content, for messages."""
    kind = session.insist(name, lambda: _fetch_rest(session, name, address, partial))
    _mark_file(partial).unlink(missing_ok=True)
    return kind


def size_of(session: Session, name: str, address: str) -> int:
    """Bytes of the file at ``address`` by what the server says, without fetching it; raises as `fetch`."""

    def ask() -> int:
        with session.open(address, method="HEAD") as answer:
            return promised_bytes(answer) or 0

    return session.insist(name, ask)


def _fetch_rest(session: Visitor, name: str, address: str, partial: Path) -> str:
    """Returns what the server calls the content, for messages."""
    there, mark = _begun(partial)
    headers = {"Range": f"bytes={there}-", "If-Range": mark} if there else {}
    try:
        answer = session.open(address, headers)
    except HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        if error.headers.get("Content-Range") == f"bytes */{there}":
            return ""  # it had come whole, and the run was killed before it could say so
        partial.unlink()
        raise CutError("the server does not have the requested part of the file") from None
    with answer:
        if answer.status != 206:
            there = 0
            with _on_disk(partial):
                partial.unlink(missing_ok=True)
                _mark_file(partial).write_text(_mark(session, answer), encoding="utf-8")
        elif not str(answer.headers.get("Content-Range", "")).startswith(f"bytes {there}-"):
            partial.unlink()
            raise CutError("the server sent another part of the file than requested")
        n_bytes = _append(session.blocks(answer, MOST_SOUND_BYTES - there), partial)
        if not there + n_bytes:
            raise RefusedError(f"{name}: the file on the server is empty")
        return answer.headers.get_content_type() if "Content-Type" in answer.headers else ""


def _begun(partial: Path) -> tuple[int, str]:
    """Bytes that are there already and the mark of their file; (0, "") where it has to come anew."""
    try:
        size, mark = partial.stat().st_size, _mark_file(partial).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return 0, ""
    return (size, mark) if mark else (0, "")


def _mark_file(partial: Path) -> Path:
    return partial.with_suffix(".mark")


def _mark(session: Visitor, answer: HTTPResponse) -> str:
    """A strong ``ETag``, or else the date of the last change; "" for one that cannot be sent back or kept."""
    tag = str(answer.headers.get("ETag", ""))
    mark = tag if tag.startswith('"') else str(answer.headers.get("Last-Modified", ""))
    fit = mark.isascii() and mark.isprintable() and len(mark) <= _MOST_MARK and session.hide(mark) == mark
    return mark if fit else ""


def _append(blocks: Iterator[bytes], partial: Path) -> int:
    n_bytes = 0
    for block in blocks:
        with _on_disk(partial), open(partial, "ab") as stream:
            stream.write(block)
        n_bytes += len(block)
    return n_bytes


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    """What fails here is the disk's fault, and no reason to ask the server again."""
    try:
        yield
    except OSError as error:
        raise output_error(error, path) from error
