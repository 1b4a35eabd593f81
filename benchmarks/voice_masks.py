"""How far the plain segmentation of voices agrees with boxes that people drew.

    python benchmarks/voice_masks.py [CATALOG] [--frames 256]

CATALOG has annotation tables with frequencies; by default it is ``boobook`` in the folder that AVIANVOX_DATA
names. Each box is looked at in a window of as many frames as a network sees, with the box in its middle.
People boxed one species alone, so what is set outside all boxes may be another voice. Hence only the bands of
the box are compared: inside its time, and beside the time of all boxes.
"""

import argparse
import os
from collections import defaultdict
from pathlib import Path

import numpy as np

from avianvox.audio.decode import load_waveform
from avianvox.dataset.catalog import read_catalogs
from avianvox.features.extract import extract_features
from avianvox.features.filters import band_edges_hz
from avianvox.features.foreground import foreground
from avianvox.features.spec import FeatureSpec

SPEC = FeatureSpec()
THRESHOLDS_DB = (1.5, 2.0, 2.5, 3.0, 4.0, 6.0)


def windows(catalog: Path, n_frames: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each box: mel rows of the window in dB; its cells; cells of its bands at the time of no box."""
    boxes = defaultdict(list)
    for recording in read_catalogs((catalog,)).recordings:
        if recording.begin_s is not None and recording.low_hz is not None:
            boxes[recording.path].append(recording)
    found, centres = [], band_edges_hz(SPEC)[1:-1]
    for path, calls in boxes.items():
        waveform, _ = load_waveform(path, sample_rate=SPEC.sample_rate)
        rows = extract_features(waveform, SPEC).values[:, : SPEC.n_mels]
        times = np.arange(len(rows)) * SPEC.hop_length / SPEC.sample_rate
        within = [(times >= call.begin_s) & (times <= call.end_s) for call in calls]
        quiet = ~np.logical_or.reduce(within)
        for call, during in zip(calls, within, strict=True):
            bands = (centres >= call.low_hz) & (centres <= call.high_hz)
            middle = int(np.flatnonzero(during).mean())
            begin = int(np.clip(middle - n_frames // 2, 0, max(0, len(rows) - n_frames)))
            part = slice(begin, begin + n_frames)
            found.append((rows[part], during[part, None] & bands, quiet[part, None] & bands))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = Path(os.environ.get("AVIANVOX_DATA", "../shared/data"))
    parser.add_argument("catalog", nargs="?", type=Path, default=data / "boobook")
    parser.add_argument("--frames", type=int, default=256)
    given = parser.parse_args()
    parts = windows(given.catalog, given.frames)
    print(f"{len(parts)} boxes, windows of {given.frames} frames\n")
    print("| threshold | set in the box | beside it, same bands | overlap (IoU) | boxes hit | whole window |")
    print("|---:|---:|---:|---:|---:|---:|")
    for least_db in THRESHOLDS_DB:
        figures = []
        for rows, box, beside in parts:
            mask = foreground(rows, least_db=least_db)
            union = (mask & (box | beside)) | box
            inside = mask[box].mean()
            figures.append(
                (inside, mask[beside].mean(), (mask & box).sum() / union.sum(), inside >= 0.1, mask.mean())
            )
        means = np.mean(figures, axis=0).tolist()
        print(f"| {least_db:g} dB | " + " | ".join(f"{value:.2f}" for value in means) + " |")


if __name__ == "__main__":
    main()
