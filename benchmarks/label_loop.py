"""Label, train, suggest, again: how many labels, and how many minutes of listening, a rule of choice saves.

Session folds are drawn with several seeds; one third of the recordings is held out each time, and the rules
choose among the others only, ten or twenty-five at a time. After each round a regression on the labels so
far, and the head that begins with the ear's own answer, name the held-out recordings.

    AVIANVOX_DATA=DATA python benchmarks/label_loop.py EMBEDDINGS --seeds 4-8

EMBEDDINGS is a store of DATA/puerto_rico, made with ``avianvox features build --spec birdnet``. With ``--by
window``, single windows are labelled, with the label of their recording: a listener may know better.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from avianvox.dataset.catalog import read_catalogs
from avianvox.dataset.splits import make_split
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.features.store import FeatureStore
from avianvox.find.items import Items
from avianvox.find.labels import Labelled
from avianvox.find.rules import RULES
from avianvox.find.suggest import learn, suggest
from avianvox.find.windows import Windows
from avianvox.models.probes.combined import fit_combined
from avianvox.models.probes.heard import Heard, hear
from avianvox.models.protocol import TrainSettings
from avianvox.types import LabelSet

LABELS = (10, 20, 30, 40, 50, 75, 100, 125, 150)
MINUTES = {"recording": (10, 20, 30, 60, 90), "window": (1, 2, 3, 4, 5, 6)}


def part(heard: Heard, chosen: np.ndarray) -> Heard:
    """What was heard of some of the recordings."""
    return replace(
        heard,
        embedding=heard.embedding[chosen],
        own=heard.own[chosen],
        loudest=heard.loudest[chosen],
        windows=tuple(heard.windows[i] for i in chosen.tolist()),
        odds=tuple(heard.odds[i] for i in chosen.tolist()),
    )


class Loop:
    """One store of labelled recordings, and what is the same in every draw."""

    def __init__(self, data: TrainingData, labels: LabelSet, by: str) -> None:
        self.data, self.labels, self.by = data, labels, by
        self.windows = Windows.of(data.store)
        self.heard = hear(data, labels)
        self.row_of = np.full(len(data.store), -1)
        self.row_of[data.recordings] = np.arange(len(data))
        everything = np.ones(len(self.windows), bool)
        self.kept = everything if by == "recording" else self.windows.audible()
        self.whole = Items.of_recordings(self.windows, everything)
        self.numbers = np.empty((len(data), 0), np.float32)
        positions = [int(self.windows.position[group[0]]) for group in self.whole.members]
        numbers = self.whole.numbers(np.arange(len(positions)))
        self.numbers = numbers[np.argsort(positions)][np.argsort(np.argsort(data.recordings))]

    def run(self, rule: str, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        """Accuracy of the regression and of the combined head, and minutes, after each round: (rounds, 3)."""
        data, windows, names = self.data, self.windows, self.labels.names
        inside = np.isin(windows.position, data.recordings[train]) & self.kept
        items = (Items.of_recordings if self.by == "recording" else Items.of_windows)(windows, inside)
        chosen: list[int] = []
        found = []
        for n in LABELS:
            rows = self.row_of[[int(windows.position[items.members[i][0]]) for i in chosen]].astype(int)
            given = Labelled(
                tuple(names[data.targets[row]] for row in rows), tuple(items.members[i] for i in chosen)
            )
            chosen += [row.item for row in suggest(items, given, n=n - len(chosen), rule=rule, seed=seed)]
            found.append(self.judge(items, chosen, test))
        return np.array(found)

    def judge(self, items: Items, chosen: list[int], test: np.ndarray) -> tuple[float, float, float]:
        data = self.data
        rows = self.row_of[[int(self.windows.position[items.members[i][0]]) for i in chosen]]
        numbers = items.numbers(np.array(chosen))
        classes, head = learn([self.labels.names[data.targets[row]] for row in rows], numbers)
        assert head is not None
        answers = np.array(classes)[head.scores(self.numbers[test].astype(np.float64)).argmax(axis=1)]
        truth = np.array(self.labels.names)[data.targets[test]]
        combined = np.nan
        if self.by == "recording":
            learned = fit_combined(part(self.heard, rows), data.targets[rows], TrainSettings(), 0)
            combined = (learned(part(self.heard, test)).argmax(axis=1) == data.targets[test]).mean()
            seconds = data.store.index["decoded_s"][data.recordings[rows]].sum()
        else:
            seconds = len(chosen) * data.spec.window_s
        return (answers == truth).mean(), combined, seconds / 60


def told(name: str, values: np.ndarray, beside: np.ndarray | None) -> str:
    """Means over draws; with ``beside``, the interval of the mean of the differences."""
    line = f"{name:<12}" + " ".join(f"{v:.3f}" for v in values.mean(axis=0))
    if beside is None:
        return line
    difference = values - beside
    spread = 1.96 * difference.std(axis=0, ddof=1) / np.sqrt(len(values))
    ends = zip(difference.mean(axis=0), spread, strict=True)
    return f"{line}\n{'  - random':<12}" + " ".join(f"{d:+.3f}±{s:.3f}" for d, s in ends)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--seeds", default="0-3", help="seeds of the folds, such as 0-3; three draws each")
    parser.add_argument("--by", choices=list(MINUTES), default="recording")
    options = parser.parse_args()
    first, last = map(int, options.seeds.split("-"))
    catalog = read_catalogs((Path(os.environ.get("AVIANVOX_DATA", "../shared/data")) / "puerto_rico",))
    store = FeatureStore.open(options.store)
    labels = catalog.labels
    data = training_data(catalog, store, store.spec, labels)
    recordings = {recording.id: recording for recording in catalog.recordings}
    listed = [recordings[name] for name in data.ids]
    loop = Loop(data, labels, options.by)
    found: dict[str, list[np.ndarray]] = {rule: [] for rule in RULES}
    for seed in range(first, last + 1):
        for k, fold in enumerate(make_split(listed, grouping="session", n_folds=3, seed=seed).folds):
            for rule, runs in found.items():
                runs.append(loop.run(rule, fold.train, fold.test, 3 * seed + k))
    results = {rule: np.array(runs) for rule, runs in found.items()}
    chance = results["random"]
    print(f"{len(chance)} draws, by {options.by}; accuracy on held-out sessions")
    for k, head in enumerate(("regression", "combined")):
        if not np.isnan(chance[:, 0, k]).any():
            print(f"\n{head}, after labels: {' '.join(map(str, LABELS))}")
            for rule, values in results.items():
                print(told(rule, values[:, :, k], None if rule == "random" else chance[:, :, k]))
    print(f"\nminutes listened after so many labels: {' '.join(map(str, LABELS))}")
    for rule, values in results.items():
        print(f"{rule:<12}" + " ".join(f"{v:.1f}" for v in values[:, :, 2].mean(axis=0)))
    minutes = MINUTES[options.by]
    print(f"\nregression, after minutes: {' '.join(map(str, minutes))} (between rounds: a straight line)")
    at = {
        rule: np.array([np.interp(minutes, run[:, 2], run[:, 0]) for run in values])
        for rule, values in results.items()
    }
    for rule, values in at.items():
        print(told(rule, values, None if rule == "random" else at["random"]))


if __name__ == "__main__":
    main()
