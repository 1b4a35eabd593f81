"""Groups of like windows: many windows are labelled at once by listening to a few.

Windows are compared by the direction of the numbers that describe them (:mod:`avianvox.find.windows`),
brought down to their principal components, and put together by k-means. Both are fitted on a sample where
there are many windows. How this was chosen: docs/results.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from avianvox.errors import InputError, require_extra
from avianvox.find.places import Places
from avianvox.find.windows import Windows, directions
from avianvox.randomness import derive_rng, library_state
from avianvox.tables.rows import Column, Row
from avianvox.types import Detection

N_COMPONENTS = 64
MOST_FITTED = 50_000
"""Windows that components and centres are fitted on; more of them are drawn from by the seed."""

EXAMPLE = "example"
"""What the column ``message`` says of an example."""


NAMES = (
    Column("name"),
    Column("label"),
    Column("n_windows", int),
    Column("n_recordings", int),
    Column("likeness", float, 3),
    Column("examples"),
)
"""Of a table with one row for each cluster, see :mod:`avianvox.tables.names`. ``likeness``: to the centre,
mean over the windows. ``examples``: ``FILE#BEGIN-END``."""


@dataclass(frozen=True)
class Clusters:
    """Windows and their clusters.

    Attributes
    ----------
    windows : Windows
    cluster : np.ndarray, shape (n,), int64
        From 0, the largest cluster first.
    likeness : np.ndarray, shape (n,), float32
        To the centre of its cluster: a cosine, in [-1, 1].
    n_clusters : int
    """

    windows: Windows
    cluster: np.ndarray
    likeness: np.ndarray
    n_clusters: int

    @classmethod
    def by_size(cls, windows: Windows, groups: np.ndarray, likeness: np.ndarray) -> "Clusters":
        """From groups in any order."""
        sizes = np.bincount(groups)
        place = np.empty(len(sizes), np.int64)
        place[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
        return cls(windows, place[groups], likeness, int(np.count_nonzero(sizes)))

    def name(self, cluster: int) -> str:
        """What tables call a cluster: ``cluster 07``."""
        return f"cluster {cluster + 1:0{len(str(self.n_clusters))}d}"

    def nearest(self, share: float) -> "Clusters":
        """The share of the windows that are most like the centres of their clusters.

        Clusters of which nothing is left are gone, and the others are numbered by what is left of them.
        """
        kept = self.likeness >= np.quantile(self.likeness, 1.0 - share)
        return Clusters.by_size(self.windows.at(kept), self.cluster[kept], self.likeness[kept])

    def members(self, cluster: int) -> np.ndarray:
        """Windows of a cluster, the one nearest to its centre first."""
        there = np.flatnonzero(self.cluster == cluster)
        return there[np.argsort(-self.likeness[there], kind="stable")]

    def examples(self, cluster: int, n: int) -> np.ndarray:
        """Windows to listen to: those nearest to the centre, while recordings take turns."""
        members = self.members(cluster)
        turns: dict[int, int] = {}
        turn = np.zeros(len(members), np.int64)
        for i, position in enumerate(self.windows.position[members].tolist()):
            turn[i] = turns[position] = turns.get(position, -1) + 1
        return members[np.argsort(turn, kind="stable")[:n]]


def cluster(windows: Windows, *, n: int = 50, seed: int = 0) -> Clusters:
    """Put windows into ``n`` groups of like ones.

    The same seed gives the same groups.

    Raises
    ------
    InputError
        There are fewer windows than groups.
    """
    if len(windows) < n:
        raise InputError(
            f"expected at least as many windows as clusters ({n}), got {len(windows)} that are not quiet; "
            "choose fewer with --n, or lower --min-score"
        )
    require_extra("sklearn", extra="train", purpose="clustering")
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    state, drawn = library_state(seed), np.arange(len(windows))
    if len(windows) > MOST_FITTED:
        drawn = np.sort(derive_rng(seed, "clusters").choice(len(windows), MOST_FITTED, replace=False))
    with threadpool_limits(1):
        sample = directions(windows.at(drawn).numbers())
        with np.errstate(invalid="ignore"):  # of equal windows nothing varies, and there is nothing to share
            components = PCA(min(N_COMPONENTS, *sample.shape), random_state=state).fit(sample)
        groups = MiniBatchKMeans(n, n_init=4, batch_size=1024, random_state=state)
        groups.fit(directions(components.transform(sample)))
        centres = directions(groups.cluster_centers_)
        nearest, likeness = np.empty(len(windows), np.int64), np.empty(len(windows), np.float32)
        for part, numbers in windows.blocks():
            low = directions(components.transform(directions(numbers)))
            angles = np.einsum("nd,cd->nc", low, centres)
            nearest[part], likeness[part] = angles.argmax(axis=1), angles.max(axis=1)
    return Clusters.by_size(windows, nearest, likeness)


def rows(clusters: Clusters, places: Places, *, n_examples: int) -> Iterator[Detection]:
    """Every window as a row of a table of detections, in the order of the store.

    The cluster stands as ``scientific_name``, the likeness to its centre as ``score`` (0 where it is less),
    and an example says so in ``message``.
    """
    shown = {int(i) for c in range(clusters.n_clusters) for i in clusters.examples(c, n_examples)}
    for i in range(len(clusters.windows)):
        yield _row(clusters, places, i, EXAMPLE if i in shown else "")


def examples(clusters: Clusters, places: Places, *, n_examples: int) -> Mapping[str, list[Detection]]:
    """The examples of each cluster, by its name."""
    shown = {
        clusters.name(c): [_row(clusters, places, int(i), EXAMPLE) for i in clusters.examples(c, n_examples)]
        for c in range(clusters.n_clusters)
    }
    return {name: rows for name, rows in shown.items() if rows}


def names(clusters: Clusters, places: Places, *, n_examples: int) -> Iterator[Row]:
    """Rows of `NAMES`, the largest cluster first, with empty labels for somebody to fill in."""
    for name, shown in examples(clusters, places, n_examples=n_examples).items():
        members = np.flatnonzero(clusters.cluster == int(name.split()[1]) - 1)
        n_recordings = len(np.unique(clusters.windows.position[members]))
        heard = " ".join(f"{row.path}#{row.begin_s:.3f}-{row.end_s:.3f}" for row in shown)
        yield name, "", len(members), n_recordings, float(clusters.likeness[members].mean()), heard


def _row(clusters: Clusters, places: Places, i: int, message: str) -> Detection:
    windows = clusters.windows
    position = int(windows.position[i])
    begin_s = places.begin_s(position)
    return Detection(
        places.files[position],
        begin_s=begin_s + float(windows.begin_s[i]),
        end_s=begin_s + float(windows.end_s[i]),
        scientific_name=clusters.name(int(clusters.cluster[i])),
        score=max(0.0, float(clusters.likeness[i])),
        message=message,
    )
