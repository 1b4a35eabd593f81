"""One file from any address, which is what it should be or isn't there: its SHA-256 is known before."""

import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from avianvox.dataset.download.session import Visitor
from avianvox.dataset.download.sounds import fetch_file
from avianvox.errors import DownloadError, InputError
from avianvox.files import move_into_place, output_error, sha256_file
from avianvox.lock import exclusive_lock

_HASH = re.compile(r"[0-9a-f]{64}")


def file_name(address: str) -> str:
    """The name of the file that an address ends in; "" where it ends in none."""
    return PurePosixPath(unquote(urlsplit(address).path)).name


def fetch_verified(visitor: Visitor, address: str, sha256: str, folder: Path) -> Path:
    """Bring the file at ``address`` into ``folder``, under its own name.

    It grows in a ``.partial`` file, with which a later call continues, and has its name once its hash is
    right. Where the file is there already, no server is asked.

    Parameters
    ----------
    visitor : Visitor
    address : str
        ``https``, or ``http`` on this machine.
    sha256 : str
        Hexadecimal, of the file.
    folder : Path
        Made if need be.

    Raises
    ------
    InputError
        The hash is none, or the address ends in no file.
    DownloadError
        The server doesn't give the file, or another one.
    OutputError
        The folder can't be written.
    """
    name, wanted = file_name(address), sha256.strip().lower()
    if not _HASH.fullmatch(wanted):
        raise InputError(f"expected a SHA-256 of 64 hexadecimal digits, got '{sha256:.80}'")
    if not re.fullmatch(r"[^\x00-\x1f/\\:]{1,200}", name) or name.startswith("."):
        raise InputError(f"expected an address that ends in the name of a file, got '{address}'")
    whole, partial = folder / name, folder / f"{name}.{wanted[:12]}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, folder) from error
    with exclusive_lock(
        folder / "lock", busy=f"another download is running in {folder}; wait until it is done"
    ):
        if whole.is_file() and sha256_file(whole) == wanted:
            return whole
        fetch_file(visitor, name, address, partial)
        if (found := sha256_file(partial)) != wanted:
            partial.unlink()
            raise DownloadError(
                f"{name}: expected SHA-256 {wanted[:12]}..., the server sent {found[:12]}...; check the "
                "address and the hash"
            )
        try:
            move_into_place(partial, whole)
        except OSError as error:
            raise output_error(error, whole) from error
    return whole
