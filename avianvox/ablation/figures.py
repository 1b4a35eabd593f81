"""From the cross-validations of an ablation to one row a step; nothing is trained here.

Figures are means over draws of folds and seeds. Intervals are of resampled sessions: the observation is how
often each recording was named rightly over all draws and seeds, so that a session counts once, however many
draws there are. The difference to the base is paired by recording, over the draws that both have.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.ablation.steps import BASE
from avianvox.calibration.scaling import calibration_error
from avianvox.documents import write_json
from avianvox.errors import RunError
from avianvox.evaluation.bootstrap import Interval, PairedTest, paired_test, session_interval
from avianvox.evaluation.figures import GROUPED, Table
from avianvox.evaluation.metrics import evaluate, expected_hits
from avianvox.evaluation.plain import plain
from avianvox.evaluation.run_folder import RECIPES, RunFolder, fit_name
from avianvox.evaluation.saved_run import SavedRun
from avianvox.files import atomic_write
from avianvox.runfolder import told

DRAWS, FIGURES, TABLE = "draws", "figures.json", "table.md"
_SEEDED = re.compile(r"(?P<step>.+)\.s(?P<seed>\d+)")
_MEANS = ("macro_f1", "top5", "calibration_error")


def model_name(step: str, seed: int) -> str:
    """Under which a step's fits with one seed stand in a cross-validation; seeds count from 1."""
    return f"{step}.s{seed}"


@dataclass(frozen=True)
class Curve:
    """What one fit said after each epoch; ``test_`` figures are there if the test part was watched."""

    step: str
    draw: int
    seed: int
    grouping: str
    fold: int
    epochs: Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Row:
    """One step.

    Attributes
    ----------
    step : str
    changes : tuple of str
        What its settings differ in from the base's.
    n_draws, n_seeds : int
        Draws that are complete, and the seeds of the one with fewest.
    n_averaged : int
        Seeds whose probabilities were averaged; 1 where each was judged by itself.
    accuracy : Interval
        Per recording, under grouped folds.
    spread : float
        Standard deviation over draws and seeds; NaN of a single fit.
    difference : PairedTest or None
        To the base; None for the base itself.
    few, many : float
        Accuracy on recordings of the classes with at most, and with more than, the median number of
        recordings.
    macro_f1, top5, calibration_error : float
    random : float or None
        Accuracy under random folds, where these were asked for.
    seconds : float
        Mean of a fit.
    n_weights : int or None
    """

    step: str
    changes: tuple[str, ...]
    n_draws: int
    n_seeds: int
    n_averaged: int
    accuracy: Interval
    spread: float
    difference: PairedTest | None
    few: float
    many: float
    macro_f1: float
    top5: float
    calibration_error: float
    random: float | None
    seconds: float
    n_weights: int | None

    @property
    def name(self) -> str:
        return self.step if self.n_averaged == 1 else f"{self.step}, {self.n_averaged} seeds averaged"

    @property
    def megabytes(self) -> float | None:
        """Of the weights as float16: 2 bytes each. A model file holds some kilobytes besides."""
        return None if self.n_weights is None else 2e-6 * self.n_weights


@dataclass(frozen=True)
class Ablation:
    """All rows, the table of them, what to know beside it, and the curves of all fits."""

    rows: tuple[Row, ...]
    table: Table
    notes: tuple[str, ...]
    figures: Mapping[str, Any]
    histories: tuple[Curve, ...]


@dataclass(frozen=True)
class Answers:
    """Scores of the same recordings by one model under one grouping, in the order of their ids."""

    scores: np.ndarray
    targets: np.ndarray
    sessions: np.ndarray

    @property
    def hits(self) -> np.ndarray:
        return expected_hits(self.targets, self.scores)


def conclude_ablation(out: Path, *, ensembles: bool = False) -> Ablation:
    """Compute and write what follows from the draws in the run folder ``out``, as far as they are complete.

    ``ensembles``: also a row for each step of several seeds whose probabilities are averaged over these.

    Raises
    ------
    RunError
        No draw is, or a file is damaged.
    """
    draws: dict[int, SavedRun] = {}
    notes = []
    for number in sorted(int(path.name) for path in (out / DRAWS).iterdir() if path.name.isdigit()):
        try:
            draws[number] = SavedRun.open(out / DRAWS / str(number))
        except RunError as error:
            notes.append(f"draw {number} is left out: {error}")
    if not draws:
        raise RunError(f"{out}: no draw of the ablation is complete; run it again to finish it")
    first = next(iter(draws.values()))
    main = next(name for name in first.groupings if name in GROUPED)
    seeds = {number: seeds_of(run) for number, run in draws.items()}
    names = list(dict.fromkeys(step for found in seeds.values() for step in found))
    rows: list[Row] = []
    base: dict[int, np.ndarray] = {}
    for averaged in (False, True) if ensembles else (False,):
        for name in names:
            mine = {number: found[name] for number, found in seeds.items() if name in found}
            if averaged and min(map(len, mine.values())) < 2:
                continue
            row, hits = _row(name, draws, mine, main, base, averaged=averaged)
            if name == BASE and not averaged:
                base = hits
            rows.append(row)
    ordered = tuple(sorted(rows, key=lambda row: names.index(row.step)))
    table = ablation_table(ordered)
    notes += _notes(ordered, first, main)
    figures = plain({"grouping": main, "rows": [_mapping(row) for row in ordered], "notes": notes})
    histories = tuple(_curves(draws, seeds))
    result = Ablation(ordered, table, tuple(notes), figures, histories)
    _write(out, result)
    return result


def seeds_of(run: SavedRun) -> dict[str, list[int]]:
    """The complete fits of a draw: seeds by step, in the order of the run."""
    found: dict[str, list[int]] = {}
    for model in run.models:
        if match := _SEEDED.fullmatch(model):
            found.setdefault(match["step"], []).append(int(match["seed"]))
    return {step: sorted(seeds) for step, seeds in found.items()}


def answers_of(run: SavedRun, step: str, seeds: Sequence[int], grouping: str) -> list[Answers]:
    """What a step's fits with each of the seeds said of all recordings under a grouping."""
    found = []
    for seed in seeds:
        pooled = run.pooled(model_name(step, seed), grouping)
        order = np.argsort([recording.id for recording in pooled.recordings], kind="stable")
        found.append(Answers(pooled.scores[order], pooled.targets[order], pooled.sessions[order]))
    return found


def _mean(answers: Sequence[Answers]) -> Answers:
    scores = np.mean([one.scores for one in answers], axis=0)
    return Answers(scores, answers[0].targets, answers[0].sessions)


def _row(
    step: str,
    draws: Mapping[int, SavedRun],
    seeds: Mapping[int, Sequence[int]],
    main: str,
    base: Mapping[int, np.ndarray],
    *,
    averaged: bool,
) -> tuple[Row, dict[int, np.ndarray]]:
    """A step's row, and how often it named each recording rightly, by draw."""
    by_draw = {number: answers_of(draws[number], step, mine, main) for number, mine in seeds.items()}
    if averaged:
        by_draw = {number: [_mean(answers)] for number, answers in by_draw.items()}
    hits = {number: np.mean([one.hits for one in answers], axis=0) for number, answers in by_draw.items()}
    each = [one for answers in by_draw.values() for one in answers]
    targets, sessions = each[0].targets, each[0].sessions
    right = np.mean(list(hits.values()), axis=0)
    both = [number for number in hits if number in base]
    difference = None
    if both and (step != BASE or averaged):
        mine, theirs = (np.mean([found[number] for number in both], axis=0) for found in (hits, base))
        difference = paired_test(mine, theirs, sessions)
    size = np.bincount(targets)[targets]
    is_few = size <= np.median(np.unique_counts(targets).counts)
    values = [
        {**evaluate(one.targets, one.scores), "calibration_error": calibration_error(one.scores, one.targets)}
        for one in each
    ]
    accuracies = [value["accuracy"] for value in values]
    first = draws[next(iter(seeds))]
    means = {name: float(np.mean([value[name] for value in values])) for name in _MEANS}
    few, many = (float(right[part].mean()) if part.any() else math.nan for part in (is_few, ~is_few))
    n_seeds = min(map(len, seeds.values()))
    row = Row(
        step=step,
        changes=_changes(first, step),
        n_draws=len(hits),
        n_seeds=n_seeds,
        n_averaged=n_seeds if averaged else 1,
        accuracy=session_interval(right, sessions),
        spread=float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else math.nan,
        difference=difference,
        few=few,
        many=many,
        macro_f1=means["macro_f1"],
        top5=means["top5"],
        calibration_error=means["calibration_error"],
        random=_random(draws, seeds, step, averaged=averaged),
        seconds=_seconds(draws, seeds, step, main),
        n_weights=_n_weights(first, step, seeds, main, averaged=averaged),
    )
    return row, hits


def _random(
    draws: Mapping[int, SavedRun], seeds: Mapping[int, Sequence[int]], step: str, *, averaged: bool
) -> float | None:
    found = []
    for number, mine in seeds.items():
        if "random" in draws[number].groupings:
            answers = answers_of(draws[number], step, mine, "random")
            found += [one.hits.mean() for one in ([_mean(answers)] if averaged else answers)]
    return float(np.mean(found)) if found else None


def _seconds(
    draws: Mapping[int, SavedRun], seeds: Mapping[int, Sequence[int]], step: str, main: str
) -> float:
    found = []
    for number, mine in seeds.items():
        run = draws[number]
        timings = RunFolder(run.path, run.config).timings()
        names = [
            fit_name(model_name(step, seed), main, k)
            for seed in mine
            for k in range(len(run.splits[main].folds))
        ]
        found += [timings[name] for name in names if name in timings]
    return float(np.mean(found)) if found else math.nan


def _n_weights(
    run: SavedRun, step: str, seeds: Mapping[int, Sequence[int]], main: str, *, averaged: bool
) -> int | None:
    first = next(iter(seeds.values()))
    noted = run.notes(model_name(step, first[0]), main)[0].get("n_weights")
    return None if noted is None else int(noted) * (min(map(len, seeds.values())) if averaged else 1)


def _changes(run: SavedRun, step: str) -> tuple[str, ...]:
    """What a step's settings differ in from those of the base."""
    recipes = {
        match["step"]: own
        for name, own in run.config.get(RECIPES, {}).items()
        if (match := _SEEDED.fullmatch(name))
    }
    if BASE not in recipes or step not in recipes:
        return ()
    return tuple(told(recipes[BASE], recipes[step], words={"spec": "other feature settings"}))


def _curves(draws: Mapping[int, SavedRun], seeds: Mapping[int, Mapping[str, Sequence[int]]]) -> list[Curve]:
    return [
        Curve(step, number, seed, grouping, k, tuple(notes["epochs"]))
        for number, run in draws.items()
        for step, mine in seeds[number].items()
        for seed in mine
        for grouping in run.groupings
        for k, notes in enumerate(run.notes(model_name(step, seed), grouping))
        if notes.get("epochs")
    ]


def ablation_table(rows: Sequence[Row]) -> Table:
    """One row a step, its accuracy under grouped folds first."""
    with_random = any(row.random is not None for row in rows)
    first = ("step", "accuracy", "to base", "p", "few", "many", "F1", "top-5", "ECE", "spread", "fits")
    columns = (*first, *(("random", "gap") if with_random else ()), "seconds", "weights", "MB")
    return Table(columns, tuple(_cells(row, with_random=with_random) for row in rows))


def _cells(row: Row, *, with_random: bool) -> tuple[str, ...]:
    step = row.difference
    flattered = () if row.random is None else (f"{row.random:.3f}", f"{row.random - row.accuracy.value:+.3f}")
    return (
        row.name,
        f"{row.accuracy.value:.3f} [{row.accuracy.low:.2f}, {row.accuracy.high:.2f}]",
        "" if step is None else f"{step.difference:+.3f} [{step.low:+.2f}, {step.high:+.2f}]",
        "" if step is None else f"{step.p_value:.3f}",
        *(
            "" if math.isnan(value) else f"{value:.3f}"
            for value in (row.few, row.many, row.macro_f1, row.top5, row.calibration_error, row.spread)
        ),
        f"{row.n_draws} x {row.n_seeds}",
        *(flattered or ("", "") if with_random else ()),
        f"{row.seconds:.1f}",
        "" if row.n_weights is None else f"{row.n_weights:,}",
        "" if row.megabytes is None else f"{row.megabytes:.2f}",
    )


def _notes(rows: Sequence[Row], run: SavedRun, main: str) -> list[str]:
    counts = np.unique_counts([recording.label for recording in run.recordings]).counts
    n_folds = len(run.splits[main].folds)
    notes = [
        f"accuracy per recording, {n_folds} {main} folds, mean over draws of folds and seeds, with its 95 % "
        "interval over sessions",
        "to base, p: difference to the base, paired by recording, with its interval and two-sided p-value",
        f"few, many: accuracy on recordings of classes with at most {np.median(counts):g} recordings, and of "
        "the others",
        "ECE: expected calibration error; spread: standard deviation of the accuracy over draws and seeds; "
        "fits: draws x seeds",
        "seconds: of one fit; MB: weights as float16, estimated at 2 bytes a weight",
    ]
    if any(row.random is not None for row in rows):
        notes.append(
            f"random, gap: accuracy under random folds, and by how much it exceeds that of {main} folds"
        )
    if {row.n_draws for row in rows} != {rows[0].n_draws}:
        notes.append("rows have different numbers of draws: compare their differences, not their accuracies")
    return notes


def _mapping(row: Row) -> dict[str, Any]:
    return {**plain(row), "name": row.name, "megabytes": row.megabytes}


def _write(out: Path, result: Ablation) -> None:
    write_json(out / FIGURES, result.figures)
    changes = {row.step: row.changes for row in result.rows if row.changes}
    lines = [result.table.markdown(), *(f"- {note}" for note in result.notes), "", "## Steps", ""]
    lines += [f"- {step}: {'; '.join(texts)}" for step, texts in changes.items()]
    with atomic_write(out / TABLE) as stream:
        stream.write("\n".join((*lines, "")))
