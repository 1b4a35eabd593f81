"""Model files: their description, card, labels and zip, and sound classified with each of them.

The flatbuffer is as it should be, or its hash tells that it is not: what LiteRT makes of a hostile graph is
not ours to say.
"""

import io
import os
import wave
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from handmade_model import write_handmade

from avianvox.cli.main import main
from avianvox.modelfile import CARD, DESCRIPTION, LABELS, read_model_file
from avianvox.zip_tail import pack_zip
from tests.fuzz.hostile import NAMES, dumped, jsons, scattered

_CARDS = (b"\xff\xfe", "\x1b[2J\u202e".encode(), b"x" * 5_000_000, b"")


def cases(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    sound = folder / "sound.wav"
    _write_sound(rng, sound)
    base = write_handmade(folder / "base.tflite")
    model = read_model_file(base)
    labels = "".join(f"{name}\n" for name in model.info.labels.names).encode()
    plain = model.info.to_mapping()

    def document(card: bytes, **changes: Any) -> bytes:
        hashes = {"flatbuffer": model.flatbuffer, LABELS: labels, CARD: card}
        return dumped({**plain, **changes, "sha256": {k: sha256(v).hexdigest() for k, v in hashes.items()}})

    card = model.card.encode()
    described = jsons(rng, {**plain, "sha256": {}})
    for number in range(10**9):
        kind = number % 6
        if kind == 0:
            name, content = "bytes", scattered(rng, base.read_bytes())
        else:
            body = card
            if kind == 1:
                body = _CARDS[rng.integers(len(_CARDS))]
                name, text = "card", document(body)
            elif kind == 2:
                names = [NAMES[i] for i in rng.permutation(len(NAMES))[:3]]
                name, text = "names", document(card, labels=names, common_names=names[::-1])
            else:
                name, text = next(described)
                text = text.replace(b'"sha256": {}', b'"sha256": ' + _hashes_in(document(card)), 1)
            entries = {LABELS: labels, DESCRIPTION: text, CARD: body}
            content = model.flatbuffer + pack_zip(entries, offset=len(model.flatbuffer))
        path = folder / f"{number}.tflite"
        path.write_bytes(content)
        yield name, partial(_use, path, sound)


def _hashes_in(document: bytes) -> bytes:
    return document[document.index(b'"sha256": ') + len(b'"sha256": ') :].rstrip()[:-1]


def _write_sound(rng: np.random.Generator, path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22050)
        file.writeframes((3000 * rng.standard_normal(22050 * 4)).astype("<i2").tobytes())


def _use(path: Path, sound: Path) -> None:
    """As a user does, by the command line; nothing that moves a cursor comes out."""
    said, told = io.StringIO(), io.StringIO()
    read_model_file(path)
    for command in (["models", "info", str(path)], ["models", "info", "--card", str(path)]):
        _run(command, said, told)
    _run(["-vv", "classify", str(sound), "--model", str(path), "--jobs", "1"], said, told)
    text = said.getvalue() + told.getvalue()
    harmful = {c for c in text if not c.isprintable() and c != "\n"}
    assert not harmful, f"{harmful} on the terminal"


def _run(command: list[str], said: io.StringIO, told: io.StringIO) -> None:
    """Run a command; exit codes 0 to 3 are answers."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with redirect_stdout(stdout), redirect_stderr(told):
        try:
            main(command)
        except SystemExit as ended:
            code = ended.code
        else:
            code = 0
        finally:
            os.environ.pop("OPENBLAS_NUM_THREADS", None)
    assert code in (None, 0, 1, 2, 3), f"it ended with {code}"
    said.write(stdout.buffer.getvalue().decode("utf-8"))  # type: ignore[attr-defined]
