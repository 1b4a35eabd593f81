"""LiteRT for the web as it lies in the package, packed by ``tests/pack_litert.py``."""

from hashlib import sha256
from importlib.resources import files

from avianvox.errors import AvianvoxError, MissingExtraError

VERSION = "2.5.3"
FOLDER = "litert"
LICENCE = "LICENSE-LITERT"

FILES = {
    "litert.js": "cdee94af7c16510f11d09537a8edec0fb07e5853d08880815e0b585c4888f5f9",
    "litert_wasm_compat_internal.js": "4d8f894b7883654fd6e8439730aa41e79ceaab7d19184fc4f1f0b0f1a2a2c8a5",
    "litert_wasm_compat_internal.wasm": "5255c8ad06eabdbd2522cdebf6b22fc10faf74625c23a49b9e072570cd1fa41c",
}
"""Name to SHA-256, unpacked."""


def litert_file(name: str) -> bytes:
    """One of `FILES`, unpacked.

    Raises
    ------
    MissingExtraError
        This Python can't unpack it.
    AvianvoxError
        The installed file is damaged.
    """
    packed = files(__package__).joinpath(FOLDER, f"{name}.xz").read_bytes()
    try:
        import lzma
    except ImportError as error:
        raise MissingExtraError(
            "the page for browsers needs a Python with the module lzma, and this one was built without it; "
            "use another Python"
        ) from error
    try:
        content = lzma.decompress(packed)
    except lzma.LZMAError:
        content = b""
    if sha256(content).hexdigest() != FILES[name]:
        raise AvianvoxError(f"the installed file {name}.xz of avianvox is damaged; install avianvox again")
    return content


def licence() -> str:
    """Where these files come from, and the text of their licence."""
    return files(__package__).joinpath(FOLDER, LICENCE).read_text(encoding="utf-8")
