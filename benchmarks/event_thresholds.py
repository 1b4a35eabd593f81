"""From which score on is a species' event named? Rules for thresholds, judged on held-out sessions.

python benchmarks/event_thresholds.py RUN [--model cnn_v20] [--grouping session] [--precision 0.3]

RUN is the folder of `avianvox crossval`, which keeps every window's scores. Each fold is calibrated, and its
thresholds are chosen, on the other folds alone. Its windows become events as in `avianvox classify --by
event`. An event is right if it names the species that the recording is catalogued under: a bird that sings
behind it counts as wrong. "Found" are recordings of birds with a right event; brackets hold 95 % intervals
over resampled sessions. F1: of the precision of events and the share of recordings found.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from avianvox.calibration.scaling import held_out
from avianvox.calibration.thresholds import EVEN_SESSIONS, Rule, find_thresholds, shrunk
from avianvox.evaluation.bootstrap import session_interval
from avianvox.evaluation.figures import Table
from avianvox.evaluation.predictions import Pooled
from avianvox.evaluation.saved_run import SavedRun
from avianvox.inference.calibration import Calibration, LevelCalibration
from avianvox.inference.events import EventFinder, EventOptions, find_events
from avianvox.types import NO_BIRD, LabelSet, Window

_LENGTH = 1  # of a window, in samples: events need no seconds here

RULES: dict[str, Rule] = {
    "own threshold, none where no score suffices": lambda own, sessions, pooled: own,
    "own threshold, flat where no score suffices": lambda own, sessions, pooled: (
        pooled if math.isinf(own) else own
    ),
    "flat": lambda own, sessions, pooled: pooled,
    "own drawn to flat, even at 10 sessions": partial(shrunk, even=10),
    f"own drawn to flat, even at {EVEN_SESSIONS} sessions": shrunk,
    "own drawn to flat, even at 40 sessions": partial(shrunk, even=40),
    "the same at 20, none where no score suffices": lambda own, sessions, pooled: (
        own if math.isinf(own) else shrunk(own, sessions, pooled)
    ),
}

Choice = Callable[[Pooled], tuple[float, ...]]
"""From the other folds to a threshold for each class."""


def chosen(precision: float, rule: Rule) -> Choice:
    def choose(rest: Pooled) -> tuple[float, ...]:
        rows = rest.window_rows
        scores = rest.window_scores.astype(np.float64)
        return find_thresholds(
            scores, rest.targets[rows], rest.sessions[rows], precision=precision, rule=rule
        ).scores

    return choose


def fixed(score: float, n_classes: int) -> Choice:
    return lambda _: (score,) * n_classes


def events_of(test: Pooled, thresholds: tuple[float, ...], labels: LabelSet) -> list[list[int]]:
    """The species of each recording's events."""
    calibration = Calibration(LevelCalibration(thresholds=thresholds), LevelCalibration())
    finder = EventFinder(EventOptions(), labels, 1, calibration)
    found = []
    for row in range(len(test)):
        scores = test.window_scores[test.window_rows == row].astype(np.float32)
        windows = (Window(i * _LENGTH, _LENGTH, one) for i, one in enumerate(scores))
        found.append([event.label for event in find_events(windows, finder)])
    return found


@dataclass(frozen=True)
class Judged:
    """What a rule names on every fold by the thresholds of the others: counts by recording.

    ``can`` : by fold, the species that can have events.
    """

    right: np.ndarray
    wrong: np.ndarray
    targets: np.ndarray
    sessions: np.ndarray
    can: list[int]

    def precision(self, weights: np.ndarray) -> np.ndarray:
        found: np.ndarray = (self.right @ weights) / ((self.right + self.wrong) @ weights)
        return found

    def cells(self, first: "Judged", no_bird: int) -> tuple[str, ...]:
        """The cells of a rule beside the first rule."""
        r, w, birds = self.right, self.wrong, self.targets != no_bird
        precision = session_interval(self.precision, self.sessions)
        more = session_interval(lambda w: self.precision(w) - first.precision(w), self.sessions)
        recall = session_interval((r[birds] > 0).astype(float), self.sessions[birds])
        return (
            f"{r.sum()}",
            f"{w.sum()}",
            f"{precision.value:.3f} [{precision.low:.2f}, {precision.high:.2f}]",
            "" if self is first else f"{more.value:+.3f} [{more.low:+.2f}, {more.high:+.2f}]",
            f"{(r[birds] > 0).sum()}: {recall.value:.3f} [{recall.low:.2f}, {recall.high:.2f}]",
            f"{2 * precision.value * recall.value / (precision.value + recall.value):.3f}",
            f"{((r > 0) & (w == 0)).sum()} of {(r + w > 0).sum()}",
            f"{len(np.unique(self.targets[(r > 0) & birds]))}",
            " ".join(map(str, self.can)),
        )


def judge(parts: list[tuple[Pooled, Pooled]], choose: Choice, labels: LabelSet) -> Judged:
    right, wrong, can = [], [], []
    for rest, test in parts:
        thresholds = choose(rest)
        can.append(
            sum(math.isfinite(t) for t, name in zip(thresholds, labels.names, strict=True) if name != NO_BIRD)
        )
        for row, events in enumerate(events_of(test, thresholds, labels)):
            right.append(events.count(int(test.targets[row])))
            wrong.append(len(events) - right[-1])
    targets = np.concatenate([test.targets for _, test in parts])
    sessions = np.concatenate([test.sessions for _, test in parts])
    return Judged(np.array(right), np.array(wrong), targets, sessions, can)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run")
    parser.add_argument("--model", default="cnn_v20")
    parser.add_argument("--grouping", default="session")
    parser.add_argument("--precision", type=float, default=0.3)
    parser.add_argument("--fixed", default="0.2,0.25,0.3", help="flat numbers that no fold chose")
    args = parser.parse_args()
    run = SavedRun.open(args.run)
    parts, labels = list(held_out(run.pooled(args.model, args.grouping))), run.labels
    choices = {
        f"{name}, precision {args.precision:g}": chosen(args.precision, rule) for name, rule in RULES.items()
    } | {f"flat, {text}": fixed(float(text), len(labels)) for text in args.fixed.split(",")}
    columns = (
        "threshold of a species",
        "events right",
        "wrong",
        "precision",
        "more than the first",
        "recordings found",
        "F1",
        "with right events alone, of those with any",
        "species found",
        "species that can appear, by fold",
    )
    judged = {name: judge(parts, choice, labels) for name, choice in choices.items()}
    first, no_bird = next(iter(judged.values())), labels.index.get(NO_BIRD, -1)
    rows = tuple((name, *found.cells(first, no_bird)) for name, found in judged.items())
    print(Table(columns, rows).markdown())


if __name__ == "__main__":
    main()
