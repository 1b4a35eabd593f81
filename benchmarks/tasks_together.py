"""Species and another task by one network, against each by a network of its own, on the same session folds.

    python benchmarks/tasks_together.py CATALOG --out runs/together [--task call_type] [--classes song,call]
        [--model avianvox_small] [--epochs N] [--seeds 0,1,2]

Three cross-validations for each seed: species alone, the task alone, both. Each is kept in a folder of its
own under OUT, and a run that was interrupted goes on. Differences are paired by recording, with 95 %
intervals over whole sessions.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import avianvox as av
from avianvox.evaluation.bootstrap import session_interval
from avianvox.evaluation.metrics import expected_hits
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.task_figures import judged_tasks

WAYS = ("species", "task", "both")


def settings_of(way: str, asked: argparse.Namespace) -> dict[str, Any]:
    """What ``[train]`` and ``[[tasks]]`` say in one way."""
    classes = {"classes": asked.classes.split(",")} if asked.classes else {}
    task = {"kind": asked.kind, "name": asked.task, **classes, "pooling": asked.pooling}
    return {
        "species": {},
        "task": {"tasks": [task], "species": False},
        "both": {"tasks": [task]},
    }[way]


def judged(run: SavedRun, model: str) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """By what is asked: ids, how right each recording is answered, and sessions, in the order of ids."""
    pooled = run.pooled(model, "session")
    found = {
        "species": (
            np.array([r.id for r in pooled.recordings]),
            expected_hits(pooled.targets, pooled.scores),
            pooled.sessions,
        )
    }
    for one in judged_tasks(run, model, "session"):
        ratio = one.task.figures(one.targets, one.outputs)[one.task.headline]
        ids = np.array([r.id for r in one.recordings])
        found["task"] = (ids, ratio.above / ratio.below, one.sessions)
    return {
        name: tuple(part[np.argsort(ids)] for part in (ids, *rest))  # type: ignore[misc]
        for name, (ids, *rest) in found.items()
    }


def shown(values: np.ndarray, sessions: np.ndarray) -> str:
    found = session_interval(values, sessions)
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def compare(runs: Mapping[str, SavedRun], model: str) -> str:
    """A table: each question alone, by the network of both, and the difference."""
    answers = {way: judged(run, model) for way, run in runs.items()}
    lines = ["| asked | alone | together | difference |", "|---|---|---|---|"]
    for what in ("species", "task"):
        (ids, alone, sessions), (others, both, _) = answers[what][what], answers["both"][what]
        assert np.array_equal(ids, others), "the folds differ"
        cells = (shown(alone, sessions), shown(both, sessions), shown(both - alone, sessions))
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--task", default="call_type")
    parser.add_argument("--kind", default="multi")
    parser.add_argument("--classes", default="song,call")
    parser.add_argument("--pooling", default="", help="Of windows; that of the kind by default.")
    parser.add_argument("--model", default="avianvox_small")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", default="0")
    asked = parser.parse_args()
    for seed in map(int, asked.seeds.split(",")):
        for way in WAYS:
            av.crossvalidate(
                asked.catalog,
                asked.model,
                asked.out / f"{way}-{seed}",
                groupings=["session"],
                folds=asked.folds,
                seed=seed,
                epochs=asked.epochs,
                settings=settings_of(way, asked),
                store=asked.out / "features",
            )
        runs = {way: SavedRun.open(asked.out / f"{way}-{seed}") for way in WAYS}
        print(f"seed {seed}\n{compare(runs, asked.model)}", flush=True)


if __name__ == "__main__":
    main()
