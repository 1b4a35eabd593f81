"""How pure groups of windows are: ``avianvox cluster`` beside other ways to group the same numbers.

The species of a window is that of its recording, although a window may hold another voice or none. Purity is
the share of windows whose species is the most frequent one of their group; over sessions, the most frequent
one among the windows of other sessions there, so that a group of one long recording counts as wrong.

    AVIANVOX_DATA=DATA python benchmarks/cluster_windows.py EMBEDDINGS

EMBEDDINGS is a store of DATA/puerto_rico, made with ``avianvox features build --spec birdnet``.
"""

import os
import sys
from pathlib import Path

import numpy as np
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, BisectingKMeans
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from threadpoolctl import threadpool_limits

from avianvox.dataset.catalog import read_catalogs
from avianvox.features.store import FeatureStore
from avianvox.find.cluster import N_COMPONENTS, cluster
from avianvox.find.windows import Windows, directions


def told(name: str, groups: np.ndarray, species: np.ndarray, sessions: np.ndarray) -> str:
    """``groups``: -1 where a window is in none."""
    there = groups >= 0
    pure = over_sessions = 0
    for group in np.unique(groups[there]):
        members = np.flatnonzero(groups == group)
        pure += np.bincount(species[members]).max()
        for session in np.unique(sessions[members]):
            own = sessions[members] == session
            if not own.all():
                common = np.bincount(species[members[~own]]).argmax()
                over_sessions += (species[members[own]] == common).sum()
    n, n_groups = there.sum(), len(np.unique(groups[there]))
    shared = normalized_mutual_info_score(species[there], groups[there])
    return (
        f"{name:<32} {n_groups:4d} groups  covered {there.mean():.2f}  purity {pure / n:.3f}  "
        f"over sessions {over_sessions / n:.3f}  mutual information {shared:.3f}"
    )


def main() -> None:
    catalog = read_catalogs((Path(os.environ.get("AVIANVOX_DATA", "../shared/data")) / "puerto_rico",))
    recordings = {recording.id: recording for recording in catalog.recordings}
    store = FeatureStore.open(sys.argv[1])
    everything = Windows.of(store)
    for min_score in (0.0, 0.1):
        windows = everything.at(everything.audible(min_score=min_score))
        known = [recordings[store.ids[position]] for position in windows.position.tolist()]
        species = np.unique([recording.label for recording in known], return_inverse=True)[1]
        sessions = np.unique([recording.session for recording in known], return_inverse=True)[1]
        chance = np.bincount(species).max() / len(species)
        print(f"minimum score {min_score}: {len(windows)} windows; one group: purity {chance:.3f}")
        for n in (25, 50, 100):
            found = cluster(windows, n=n)
            print(told(f"k-means {n}", found.cluster, species, sessions))
            near = found.likeness >= np.quantile(found.likeness, 0.4)
            print(told(f"k-means {n}, nearest 60 %", np.where(near, found.cluster, -1), species, sessions))
        with threadpool_limits(1):
            numbers = directions(windows.numbers())
            low = directions(PCA(N_COMPONENTS, random_state=0).fit_transform(numbers))
            print(
                told(
                    "bisecting k-means 50",
                    BisectingKMeans(50, random_state=0).fit_predict(low),
                    species,
                    sessions,
                )
            )
            print(told("Ward 50", AgglomerativeClustering(50).fit_predict(low), species, sessions))
            for size, samples in ((20, None), (20, 3), (8, None)):
                found_ = HDBSCAN(min_cluster_size=size, min_samples=samples, copy=True).fit_predict(low)
                print(told(f"HDBSCAN {size}, {samples or size} samples", found_, species, sessions))


if __name__ == "__main__":
    main()
