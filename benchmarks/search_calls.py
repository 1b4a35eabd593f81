"""How well search finds the other calls of a species: average precision over the windows of recorder sound.

The first five labelled calls of a recording are the query; windows of the other recordings are ranked. Beside
an ear's embeddings: statistics of the mel bands.

    AVIANVOX_DATA=DATA python benchmarks/search_calls.py EMBEDDINGS FEATURES

EMBEDDINGS and FEATURES are stores of the whole files of DATA/boobook/audio (without their tables, which would
make recordings of the calls), made with ``avianvox features build``.
"""

import os
import sys
from pathlib import Path

import numpy as np

from avianvox.dataset.catalog import read_catalogs
from avianvox.features.store import FeatureStore
from avianvox.find.search import describe_query, search

N_QUERIES = 5
_LEAST_OVERLAP_S = 0.2


def average_precision(right: np.ndarray) -> float:
    """Of a ranking, the best first."""
    hits = np.cumsum(right)
    return float((hits[right] / (np.flatnonzero(right) + 1)).mean())


def main() -> None:
    data = Path(os.environ.get("AVIANVOX_DATA", "../shared/data")) / "boobook"
    calls: dict[str, list[tuple[float, float]]] = {}
    paths: dict[str, Path] = {}
    for recording in read_catalogs((data,)).recordings:
        if recording.span is not None:
            begin, end = recording.span
            calls.setdefault(recording.path.stem, []).append((begin, end or 30.0))
            paths[recording.path.stem] = recording.path
    for folder in sys.argv[1:]:
        store, found = FeatureStore.open(folder), []
        for name, spans in calls.items():
            if len(spans) < N_QUERIES:
                continue
            query = np.concatenate([describe_query(paths[name], span, store) for span in spans[:N_QUERIES]])
            everything = search(store, query, n=len(store.rows))
            ranked = [row for row in everything if Path(row.recording_id).stem != name]
            right = np.array(
                [
                    any(
                        min(row.end_s, end) - max(row.begin_s, begin) >= _LEAST_OVERLAP_S
                        for begin, end in calls.get(Path(row.recording_id).stem, ())
                    )
                    for row in ranked
                ]
            )
            found.append((average_precision(right), right.mean()))
        precision, chance = np.mean(found, axis=0)
        print(
            f"{folder}: average precision {precision:.3f} (chance {chance:.3f}), {len(found)} queries of "
            f"{N_QUERIES} calls each, windows of the other recordings"
        )


if __name__ == "__main__":
    main()
