"""Pack what the page for browsers takes of LiteRT: ``python -m tests.pack_litert CORE.tgz UTILS.tgz``.

They are the archives of the JavaScript packages ``@litertjs/core`` and ``@litertjs/wasm-utils``, of one
version. Of the four variants of the runtime the one for every browser is taken: on the bundled model the
one with relaxed SIMD is not faster, and threads would need two more headers from whoever serves the page.
"""

import lzma
import sys
import tarfile
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "avianvox" / "browser" / "litert"
VARIANT = "litert_wasm_compat_internal"
IMPORT = 'import { createWasmLib } from "@litertjs/wasm-utils";\n'
MAP = "//# sourceMappingURL"


def member(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as opened:
        found = opened.extractfile(f"package/{name}")
        assert found is not None
        return found.read()


def main(core: Path, utils: Path) -> None:
    """Write the files and print the table for ``avianvox/browser/litert.py``."""
    script = member(core, "dist/index.js").decode()
    assert script.count(IMPORT) == 1
    helper = member(utils, "dist/index.js").decode().partition("export {")[0]
    script = script.replace(IMPORT, helper).partition(MAP)[0]  # browsers can't look packages up by name
    parts = {
        "litert.js": script.encode(),
        f"{VARIANT}.js": member(core, f"wasm/{VARIANT}.js"),
        f"{VARIANT}.wasm": member(core, f"wasm/{VARIANT}.wasm"),
    }
    for name, content in parts.items():
        packed = lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)
        (FOLDER / f"{name}.xz").write_bytes(packed)
        print(f'    "{name}": "{sha256(content).hexdigest()}",')
        print(f"    # {len(content):,} bytes, {len(packed):,} packed")
    for archive in (core, utils):
        print(archive.name, sha256(archive.read_bytes()).hexdigest())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
