"""The published data set's layout in small: index, split, sound, and features made by librosa's recipe."""

import csv
from pathlib import Path

import numpy as np

from avianvox.audio.decode import load_waveform
from avianvox.audio.synth import synthesize_dataset
from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.published import SPEC
from avianvox.features.extract import extract_features
from avianvox.features.filters import dct_matrix


def make_layout(path: Path, *, per_class: int) -> Path:
    """Two species; the third, sixth, ... recording of each stands in the test part, two make a session."""
    voices = synthesize_dataset(
        path / "voices", n_species=2, n_recordings=per_class, no_bird=0, duration_s=(2.0, 4.0)
    )
    recordings = read_catalog(voices).recordings
    english = sorted({r.label.split()[0] for r in recordings})
    (path / "xeno-canto-ca-nv").mkdir()
    (path / "features").mkdir()
    index: list[list[object]] = []
    split: dict[str, list[list[object]]] = {"train": [], "test": []}
    for i, recording in enumerate(recordings):
        genus, species = recording.label.split()
        name = f"XC{i}{recording.path.suffix}"
        recording.path.rename(path / "xeno-canto-ca-nv" / name)
        remarks = f"XC{i} © P // Place // 1m // 07:05h, 2015-01-{i // 2 + 1:02d} // song"
        index.append([i, i, name, genus, species, genus, "P", "Place", remarks, 3, 1.5, -2.25])
        split["test" if i % per_class % 3 == 2 else "train"].append([i, english.index(genus)])
        write_features(path / "features", f"XC{i}", features_of(path / "xeno-canto-ca-nv" / name))
    columns = ["", "file_id", "file_name", "genus", "species", "english_cname", "recordist", "location"]
    columns += ["remarks", "duration_seconds", "latitude", "longitude"]
    write_table(path / "set_index.csv", columns, index)
    for part, rows in split.items():
        write_table(path / f"{part}_file_ids.csv", ["file_id", "label"], rows)
    return path


def copy_without_sound(layout: Path, path: Path) -> Path:
    """The same, features alone."""
    (path / "features").mkdir(parents=True)
    for file in (*layout.glob("*.csv"), *layout.glob("features/*")):
        (path / file.relative_to(layout)).write_bytes(file.read_bytes())
    return path


def features_of(sound: Path) -> np.ndarray:
    return extract_features(load_waveform(sound, sample_rate=SPEC.sample_rate)[0], SPEC).values


def write_features(folder: Path, name: str, rows: np.ndarray) -> None:
    """Mel power and, as librosa makes them, MFCC of decibels within 80 of the maximum."""
    bands = rows[:, : SPEC.n_mels]
    mfcc = np.maximum(bands, bands.max() - 80) @ dct_matrix(SPEC)
    np.ascontiguousarray(10 ** (bands.T / 10), dtype="<f4").tofile(folder / f"melsg_{name}.dat")
    np.ascontiguousarray(mfcc.T, dtype="<f4").tofile(folder / f"mfcc_{name}.dat")


def write_table(path: Path, columns: list[str], rows: list[list[object]]) -> None:
    with open(path, "w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
