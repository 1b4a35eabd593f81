"""How many animals call in synthetic scenes: an ordinal head, twelve plain classes, and the number of boxes.

    avianvox scenes RECORDINGS --background BACKGROUND --out scenes --scenes 600 --seconds 5.9 \\
        --callers 1 60 --calls 1 1 --overlap --listen 15 --parts train=2,validation=1,test=2
    python benchmarks/count_callers.py scenes/train scenes/validation scenes/test --out counts

All are judged on the same session folds, whose sessions, of clips and of backgrounds, training never heard:
as many folds as the scenes have. Empty scenes take no part; whether anything calls is another question. Both
networks are the same but for the head. Boxes are those of the plain segmenter, or stand in tables of another
detector (``--boxes NAME=FOLDER``, repeatable: a folder of Raven tables as ``avianvox detect`` writes it).
Beside the bare number of boxes stands what it says after a fit on the other folds. Two rows need no sound:
the commonest bin, and the true number of calls.
"""

import argparse
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import avianvox as av
from avianvox.boxes.segmenter import EnergySegmenter
from avianvox.dataset.catalog import Catalog, read_catalogs
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.task_figures import judged_tasks, shown
from avianvox.scenes.counting import CountFigures, animals_of_boxes, bin_of, box_counts, count_figures
from avianvox.tables.formats import read_table
from avianvox.tasks.ordinal import BINS

HEADS = {
    "ordinal head": 'kind = "ordinal"\nname = "count"\n',
    "12 plain classes": 'kind = "single"\nname = "number"\ncolumn = "count_bin"\nclasses = {classes}\n',
}


def network_bins(catalog: Catalog, head: str, out: Path, epochs: int | None, seed: int) -> dict[str, int]:
    """Position of the bin that a network gives to each scene, by id."""
    present = [name for name in BINS if any(dict(r.more).get("count_bin") == name for r in catalog)]
    text = "[[tasks]]\n" + HEADS[head].format(classes=present)
    n_folds = len({r.session for r in catalog})
    with TemporaryDirectory() as folder:
        config = Path(folder, "count.toml")
        config.write_text(text)
        av.crossvalidate(
            catalog,
            "avianvox_small",
            out,
            groupings=("session",),
            folds=n_folds,
            seed=seed,
            epochs=epochs,
            config=config,
            settings={"species": False},
        )
    (judged,) = judged_tasks(SavedRun.open(out), "avianvox_small", "session")
    answers = [judged.task.answer(row).text for row in judged.outputs]
    return {r.id: BINS.index(text) for r, text in zip(judged.recordings, answers, strict=True)}


def table_counts(catalog: Catalog, folder: Path) -> np.ndarray:
    """Number of boxes that the tables of a folder have for each scene."""
    rows = Counter(
        Path(row.path).name
        for table in sorted(folder.rglob("*selection*.txt"))
        for row in read_table(table)
        if row.scientific_name or row.common_name
    )
    return np.array([rows[r.path.name] for r in catalog], np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scenes", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--boxes", action="append", default=[], metavar="NAME=FOLDER")
    asked = parser.parse_args()
    catalog = read_catalogs(asked.scenes)
    catalog = catalog.subset(i for i, r in enumerate(catalog) if r.count)
    true = np.array([bin_of(r.count or 0) for r in catalog])
    sessions = np.array(catalog.sessions)
    animals = np.array([r.count for r in catalog], np.float64)
    told = {
        head: network_bins(catalog, head, asked.out / head.replace(" ", "_"), asked.epochs, asked.seed)
        for head in HEADS
    }
    rows = {head: np.array([bins[r.id] for r in catalog]) for head, bins in told.items()}
    counts = {"boxes of the segmenter": box_counts(catalog, EnergySegmenter())}
    for name, _, folder in (text.partition("=") for text in asked.boxes):
        counts[f"boxes of {name}"] = table_counts(catalog, Path(folder))
    counts["true number of calls"] = np.array([int(dict(r.more)["calls"]) for r in catalog])
    for name, numbers in counts.items():
        rows[name] = np.array([bin_of(n) for n in numbers])
        rows[f"{name}, fitted"] = np.array([bin_of(n) for n in animals_of_boxes(numbers, animals, sessions)])
    rows["commonest bin"] = np.full(len(true), np.bincount(true).argmax())
    figures: dict[str, CountFigures] = {
        name: count_figures(true, bins, sessions) for name, bins in rows.items()
    }
    print(f"{len(catalog)} synthetic scenes, {len(set(sessions))} folds of sessions\n")
    print("| what counts | exact | within one bin |\n|---|---|---|")
    for name, found in figures.items():
        print(f"| {name} | {shown(found.exact)} | {shown(found.within_one)} |")


if __name__ == "__main__":
    main()
