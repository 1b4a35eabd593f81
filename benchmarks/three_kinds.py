"""One target, three kinds of model: convolutional, dense, and dense on principal components.

    python benchmarks/three_kinds.py ../shared/data/puerto_rico --out runs/kinds

Each target has networks of its own, which learn nothing else: the peak frequency (a number), song or call
(two classes), the quality of a recording (five uneven classes) and call types (five attributes, several at
once). All three are trained by the recipe of `avianvox_small`, the dense ones with a lower learning rate, on
folds that keep sessions together. Figures have 95 % intervals over sessions; OUT/TARGET/report/report.html
has the pictures, OUT/variance.svg the cumulative variance of the principal components. A run that was stopped
goes on.
"""

import argparse
from pathlib import Path

import numpy as np

import avianvox as av
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.task_figures import judged_tasks, shown
from avianvox.explain.components import find_components
from avianvox.features.store import FeatureStore
from avianvox.models import KINDS
from avianvox.pages.plot import Axis, Plot, standalone
from avianvox.report.build import write_report
from avianvox.report.task_pictures import PICTURES

TARGETS = {
    "peak": 'kind = "regression"\nname = "peak"\ncolumn = "peak_hz"\nunit = "Hz"',
    "song_or_call": 'kind = "single"\nname = "song_or_call"',
    "quality": 'kind = "single"\nname = "quality"',
    "call_type": 'kind = "multi"\nname = "call_type"\n'
    'classes = ["song", "call", "alarm call", "dawn song", "duet"]',
}


def compare(target: str, asked: argparse.Namespace) -> None:
    """Cross-validate all kinds of model on one target, and print a row for each model and figure."""
    out = asked.out / target
    asked.out.mkdir(parents=True, exist_ok=True)
    config = asked.out / f"{target}.toml"
    config.write_text(f"[train]\nspecies = false\n\n[[tasks]]\n{TARGETS[target]}\n")
    av.crossvalidate(
        asked.catalog,
        models=KINDS,
        out=out,
        groupings=("session",),
        epochs=asked.epochs,
        config=config,
        store=asked.out / "features",
    )
    run = SavedRun.open(out)
    for model in KINDS:
        (one,) = judged_tasks(run, model, "session")
        rows = [(name, shown(found), len(one.targets)) for name, found in one.figures().items()]
        classes = PICTURES[one.task.kind]({model: one})[1].get(model, {})
        rows += [(f"AUC of {name}", f"{c['auc']:.3f}", c["recordings"]) for name, c in classes.items()]
        seconds = np.mean([s for fit, s in timings(out) if fit.startswith(f"{model}-")])
        for name, value, n in rows:
            print(f"| {target} | {model} | {name} | {value} | {n} | {seconds:.0f} |")
    write_report(run, out / "report", model=KINDS[0], n_clips=0)


def timings(out: Path) -> list[tuple[str, float]]:
    from avianvox.documents import read_json

    return list(read_json(out / "timings.json").items())


def draw_variance(asked: argparse.Namespace) -> None:
    """Cumulative variance over the number of components."""
    found = find_components(FeatureStore.open(asked.out / "features"), n_frames=256)
    shares = found.cumulative
    plot = Plot(
        Axis(0.0, float(len(shares)), "principal components"),
        Axis(0.0, 1.0, "share of the variance"),
        title="Cumulative variance of principal components",
    )
    plot.line(range(1, len(shares) + 1), shares.tolist(), "s1")
    (asked.out / "variance.svg").write_text(standalone(plot.svg()))
    kept = {n: f"{shares[n - 1]:.2f}" for n in (10, 50, 100, 250, 500) if n <= len(shares)}
    print(f"\ncumulative variance by components: {kept}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--targets", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--epochs", type=int, help="fewer than the recipe's, for a first look")
    asked = parser.parse_args()
    print("| target | model | figure | value | recordings | seconds of a fit |\n|---|---|---|---:|---:|---:|")
    for target in asked.targets:
        compare(target, asked)
    draw_variance(asked)


if __name__ == "__main__":
    main()
