"""How far segmentations of voices agree with boxes that people drew: the plain one, and a learned one.

    python benchmarks/voice_masks.py [CATALOG] [--frames 256] [--learned]

CATALOG has annotation tables with frequencies; by default it is ``boobook`` in the folder that AVIANVOX_DATA
names. Each box is looked at in a window of as many frames as a network sees, with the box in its middle.
People boxed one species alone, so what is set outside all boxes may be another voice. Hence only the bands of
the box are compared: inside its time, and beside the time of all boxes. The learned segmentation is judged
on the boxes of each recorder in turn, after learning from those of the others.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

from avianvox.dataset.catalog import read_catalogs
from avianvox.features.foreground import LEAST_DB, foreground
from avianvox.features.spec import FeatureSpec
from avianvox.models.segmenter import Lesson, Marked, learn, lessons, marked_recordings

SPEC = FeatureSpec()
THRESHOLDS_DB = (1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
LEAST_LOGITS = (-1.0, 0.0, 1.0, 2.0, 3.0)


def figures(mask: np.ndarray, lesson: Lesson) -> tuple[float, ...]:
    """Of one box: what is set in it and beside it, overlap, whether it is hit, what is set in the window."""
    union = (mask & (lesson.voice | lesson.none)) | lesson.voice
    inside = mask[lesson.voice].mean()
    return (
        inside,
        mask[lesson.none].mean(),
        (mask & lesson.voice).sum() / union.sum(),
        inside >= 0.1,
        mask.mean(),
    )


def row(name: str, found: list[tuple[float, ...]]) -> str:
    return f"| {name} | " + " | ".join(f"{value:.2f}" for value in np.mean(found, axis=0).tolist()) + " |"


def boxes_of(marked: list[Marked], place: str, n_frames: int) -> list[Lesson]:
    return lessons([one for one in marked if one.place == place and one.boxes], SPEC, n_frames=n_frames)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = Path(os.environ.get("AVIANVOX_DATA", "../shared/data"))
    parser.add_argument("catalog", nargs="?", type=Path, default=data / "boobook")
    parser.add_argument("--frames", type=int, default=256)
    parser.add_argument("--learned", action="store_true", help="Also a learned segmentation, by recorder.")
    given = parser.parse_args()
    marked = marked_recordings(read_catalogs((given.catalog,)))
    places = sorted({one.place for one in marked if one.boxes})
    judged = {place: boxes_of(marked, place, given.frames) for place in places}
    everything = [lesson for place in places for lesson in judged[place]]
    print(f"{len(everything)} boxes of {len(places)} recorders, windows of {given.frames} frames\n")
    print("| threshold | set in the box | beside it, same bands | overlap (IoU) | boxes hit | whole window |")
    print("|---:|---:|---:|---:|---:|---:|")
    for least_db in THRESHOLDS_DB:
        masks = [(foreground(lesson.rows, least_db=least_db), lesson) for lesson in everything]
        print(row(f"{least_db:g} dB", [figures(*pair) for pair in masks]))
    if not given.learned:
        return
    logits, start = {}, time.process_time()
    for place in places:
        segmenter = learn(lessons([one for one in marked if one.place != place], SPEC, n_frames=given.frames))
        rows = np.stack([lesson.rows for lesson in judged[place]])
        logits[place] = {least: segmenter.mask(rows, least=least) for least in LEAST_LOGITS}
    seconds = (time.process_time() - start) / len(places)
    for least in LEAST_LOGITS:
        pairs = [
            (mask, lesson)
            for place in places
            for mask, lesson in zip(logits[place][least], judged[place], strict=True)
        ]
        print(row(f"learned, logit {least:g}", [figures(*pair) for pair in pairs]))
    print(f"\nlearning: {seconds:.0f} s of CPU, each recorder left out in turn\n")
    print("| recorder left out | boxes | overlap, plain | overlap, learned |\n|---|---:|---:|---:|")
    for place in places:
        plain = [figures(foreground(one.rows, least_db=LEAST_DB), one)[2] for one in judged[place]]
        own = [figures(*pair)[2] for pair in zip(logits[place][0.0], judged[place], strict=True)]
        print(f"| {place} | {len(own)} | {np.mean(plain):.2f} | {np.mean(own):.2f} |")


if __name__ == "__main__":
    main()
