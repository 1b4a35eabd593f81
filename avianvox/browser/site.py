"""`write_site`: the folder that a web server hands out, and nothing else is needed for it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from avianvox import __version__
from avianvox.browser import litert
from avianvox.browser.describe import describe_page
from avianvox.documents import Kind, read_json
from avianvox.errors import OutputError
from avianvox.files import atomic_write, holdings, output_error, read_regular
from avianvox.modelfile import CARD, MOST_BYTES, ModelFile, read_model_file
from avianvox.pages.plot import style_sheet

PAGE, MODEL, LICENCES, WORKER, STYLE = "page.json", "model.tflite", "LICENSES.txt", "sw.js", "page.css"

KIND = Kind(
    what="page for browsers",
    name="avianvox page",
    version=1,
    error=OutputError,
    otherwise="write one with: avianvox export --web DIR",
    outdated="write it again",
)
_SENT = re.compile(r".+\.(html|css|js|svg|png|webmanifest)")


@dataclass(frozen=True, slots=True)
class Site:
    """A page that was written: its folder, the model's name, and the size of each file by name."""

    path: Path
    model: str
    n_classes: int
    sizes: dict[str, int]

    @property
    def n_bytes(self) -> int:
        return sum(self.sizes.values())

    def to_mapping(self) -> dict[str, object]:
        """Plain values, ready for JSON."""
        return {
            "path": str(self.path),
            "model": self.model,
            "classes": self.n_classes,
            "bytes": self.n_bytes,
            "files": self.sizes,
        }


def write_site(model_path: Path, out: Path) -> Site:
    """Write the page for one model file into a folder: a new or empty one, or one of an earlier page.

    The same model gives the same bytes. The page's parts that are kept in browsers have a common version, and
    ``sw.js``, which names it, is written last.

    Parameters
    ----------
    model_path : Path
        A model file whose graph is of TFLite.
    out : Path

    Raises
    ------
    ModelFileError
        The file is no model, or one that browsers can't run.
    OutputError
        The folder holds something else, or can't be written.
    """
    model = read_model_file(model_path)
    parts = dict(_parts(model))
    _refuse_foreign(out)
    version = sha256()
    for name, content in parts.items():
        version.update(f"{name}\0{sha256(content).hexdigest()}\n".encode())
    parts[WORKER] = _worker(version.hexdigest()[:16], list(parts))
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / litert.FOLDER).mkdir(exist_ok=True)
    except OSError as error:
        raise output_error(error, out) from error
    for name, content in parts.items():
        with atomic_write(out / name, "wb") as stream:
            stream.write(content)
    sizes = {name: len(content) for name, content in parts.items()}
    return Site(out, model.info.name, len(model.info.labels), sizes)


def _parts(model: ModelFile) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file but the service worker; first the one that says whose folder it is."""
    content = read_regular(model.path, most_bytes=MOST_BYTES)
    about = {"avianvox": __version__, "model_sha256": sha256(content).hexdigest()}
    document = KIND.head | about | describe_page(model)
    yield PAGE, (json.dumps(document, ensure_ascii=False) + "\n").encode()
    yield MODEL, content
    yield CARD, model.card.encode()
    for name in litert.FILES:
        yield f"{litert.FOLDER}/{name}", litert.litert_file(name)
    folder = files(__package__).joinpath("page")
    for name in sorted(child.name for child in folder.iterdir()):
        if _SENT.fullmatch(name) and name != WORKER:
            sent = folder.joinpath(name).read_bytes()
            yield name, style_sheet().encode() + sent if name == STYLE else sent
    yield LICENCES, _licences(model).encode()


def _licences(model: ModelFile) -> str:
    own = files(__package__).joinpath("page", "LICENSE").read_text(encoding="utf-8")
    told = model.info.licences.get("model") or "see the model card"
    rule = f"\n{'=' * 100}\n\n"
    return rule.join(
        (
            f"{MODEL}: {model.info.name}. Licence: {told}\nRecordings that it learned from: see {CARD}.\n",
            f"{litert.FOLDER}/: {litert.licence()}",
            f"All other files: avianvox {__version__}\n\n{own}",
        )
    )


def _worker(version: str, names: list[str]) -> bytes:
    text = files(__package__).joinpath("page", WORKER).read_text(encoding="utf-8")
    kept = json.dumps(["./", *names], indent=2)
    return text.replace("{version}", version).replace("{files}", kept).encode()


def _refuse_foreign(out: Path) -> None:
    """Raise `OutputError` where ``out`` is a file, or the folder of something else."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; choose another --web")
    there = sorted(path.name for path in holdings(out))
    if not there:
        return
    try:
        ours = KIND.claims(read_json(out / PAGE))
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise OutputError(f"{out} holds {there[0]}, which no {KIND.what} wrote; choose another --web")
