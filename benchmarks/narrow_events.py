"""How well events agree in time with boxes that people drew: before and after ``classify --narrow``.

    avianvox classify TRUTH --by event --output wide.csv
    avianvox classify TRUTH --by event --narrow 300-1000 --output narrow.csv
    python benchmarks/narrow_events.py TRUTH wide.csv narrow.csv

TRUTH has recordings with tables of boxes. An event is looked at where it meets a drawn box in time; its IoU
is that with the whole stretch from the first to the last drawn box in it, in time alone.
"""

import argparse
from pathlib import Path

import numpy as np

from avianvox.boxes.found import read_found
from avianvox.boxes.matching import Sound
from avianvox.boxes.overlap import as_array, time_iou
from avianvox.dataset.sources.annotations import read_boxes


def figures(sounds: list[Sound]) -> tuple[int, float, float, float, float]:
    """Events that meet a drawn box; their length; seconds of drawn boxes in them; IoU in time; boxes met."""
    lengths, drawn_s, agreed, met, n_drawn = list[float](), list[float](), list[float](), 0, 0
    for sound in sounds:
        drawn = as_array(sound.drawn)
        n_drawn += len(drawn)
        if len(drawn) and sound.found:
            met += int((time_iou(drawn, as_array(sound.found)).max(axis=1) > 0).sum())
        for event in as_array(sound.found):
            inside = drawn[time_iou(event[None], drawn)[0] > 0] if len(drawn) else drawn
            if len(inside):
                stretch = np.array([inside[:, 0].min(), inside[:, 1].max(), 0.0, 1.0])
                lengths.append(event[1] - event[0])
                drawn_s.append(stretch[1] - stretch[0])
                agreed.append(float(time_iou(event[None], stretch[None])[0, 0]))
    means = (float(np.mean(each)) if each else float("nan") for each in (lengths, drawn_s, agreed))
    return len(lengths), *means, met / max(1, n_drawn)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("truth", type=Path)
    parser.add_argument("tables", nargs="+", type=Path)
    given = parser.parse_args()
    recordings = read_boxes(given.truth).recordings
    print("| events of | that meet a box | length (s) | drawn in them (s) | IoU in time | boxes met |")
    print("|---|---:|---:|---:|---:|---:|")
    for table in given.tables:
        sounds, _ = read_found([table], recordings)
        n, length_s, drawn_s, agreed, met = figures(sounds)
        print(f"| {table.name} | {n} | {length_s:.2f} | {drawn_s:.2f} | {agreed:.2f} | {met:.2f} |")


if __name__ == "__main__":
    main()
