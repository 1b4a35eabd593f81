"""The plain segmenter, tuned on the other recorders, as tables of boxes for ``avianvox boxes judge``.

    python benchmarks/boxes_baseline.py [TRUTH] [--out FOLDER]
    avianvox boxes judge TRUTH FOLDER --out judged

TRUTH has recordings with tables of boxes; by default it is ``boobook`` in the folder of AVIANVOX_DATA. Each
recorder in turn is left out: settings are fitted to the boxes of the others (`avianvox.boxes.tuning`).
"""

import argparse
import os
import time
from pathlib import Path

from avianvox.boxes.found import rows_of
from avianvox.boxes.protocol import boxes_in
from avianvox.boxes.segmenter import EnergySegmenter
from avianvox.boxes.tuning import Heard, fit_settings
from avianvox.dataset.sources.annotations import read_boxes
from avianvox.tables.formats import write_folder


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = Path(os.environ.get("AVIANVOX_DATA", "../shared/data"))
    parser.add_argument("truth", nargs="?", type=Path, default=data / "boobook")
    parser.add_argument("--out", type=Path, default=Path("boxes"))
    given = parser.parse_args()
    catalog = read_boxes(given.truth)
    heard, rows = Heard(catalog.recordings), []
    for site in sorted({recording.site for recording in catalog}):
        settings, figure = fit_settings(heard, lambda recording, site=site: recording.site != site)
        print(f"{site}: average precision {figure:.3f} on the others, {settings}")
        held_out = [recording for recording in catalog if recording.site == site]
        begun = time.perf_counter()
        for recording in held_out:
            found = sorted(boxes_in(recording.path, EnergySegmenter(settings)), key=lambda box: box.begin_s)
            rows += rows_of(str(recording.path), found)
        took_s = time.perf_counter() - begun
        print(f"  {sum(r.duration_s or 0.0 for r in held_out) / took_s:.0f} times as fast as real time")
    write_folder(rows, given.out, "raven", root=given.truth)


if __name__ == "__main__":
    main()
