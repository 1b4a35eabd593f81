"""Stages of a pipeline from the out-of-fold answers of cross-validations.

An `Answered` holds what one model says to one question, recording by recording: `species_answers` of a run's
species, `task_answers` of a task. `one_stage` and `two_stages` put them together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avianvox.calibration.pipeline import Stage
from avianvox.dataset.labels.columns import ANIMAL, EMPTY, column_value, column_values
from avianvox.errors import InputError
from avianvox.evaluation.predictions import Pooled, pool
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.task_figures import outputs_of, tasks_of_run
from avianvox.registry import nearest
from avianvox.types import NO_BIRD, Recording


@dataclass(frozen=True)
class Answered:
    """By id: the answer, its confidence, and the truth, which is "" where it is not known."""

    name: str
    said: dict[str, tuple[str, float]]
    truth: dict[str, str]
    near: Callable[[str, str], bool] = str.__eq__
    """Whether an answer counts as right."""


def species_answers(run: SavedRun, model: str, grouping: str) -> Answered:
    """The species that the model of a run names. Of a recording in several folds, the last answer counts.

    Raises
    ------
    InputError
        It names none.
    """
    pooled, names = _named_species(run, model, grouping), run.labels.names
    best = pooled.predicted
    rows = zip(pooled.recordings, best.tolist(), pooled.scores.max(axis=1).tolist(), strict=True)
    said = {recording.id: (names[label], score) for recording, label, score in rows}
    return Answered("species", said, {r.id: r.label for r in pooled.recordings})


def _named_species(run: SavedRun, model: str, grouping: str) -> Pooled:
    pooled = run.pooled(model, grouping)
    if model not in run.species_models:
        raise InputError(
            f"{run.path}: the model '{model}' was asked for its tasks alone and names no species; name tasks "
            "with --presence and --species"
        )
    return pooled


def presence_answers(run: SavedRun, model: str, grouping: str) -> Answered:
    """Empty or not, from species of which one is `NO_BIRD`: one stage with an extra class.

    Raises
    ------
    InputError
        The model names no species, or the run has no recordings of `NO_BIRD`.
    """
    pooled, names = _named_species(run, model, grouping), run.labels.names
    if NO_BIRD not in names:
        raise InputError(
            f"{run.path}: no recordings of '{NO_BIRD}' are among the classes; name a task that says whether "
            "anything calls, or cross-validate with empty recordings"
        )
    nothing = names.index(NO_BIRD)
    empty = pooled.scores[:, nothing]
    words = np.where(pooled.predicted == nothing, EMPTY, ANIMAL).tolist()
    scores = np.where(pooled.predicted == nothing, empty, 1 - empty).tolist()
    ids = [r.id for r in pooled.recordings]
    said = dict(zip(ids, zip(words, scores, strict=True), strict=True))
    truth = {r.id: str(column_value(r, "presence") or "") for r in pooled.recordings}
    return Answered("empty or not", said, truth)


def task_answers(
    run: SavedRun, model: str, grouping: str, task: str, *, within_one: bool = False
) -> Answered:
    """What the model of a run answers to a task with scores, also where the truth is not known.

    ``within_one``: of bins, the neighbours of the true one are right too.

    Raises
    ------
    InputError
        The model has no such task, or one without scores.
    """
    tasks = {one.name: one for one in tasks_of_run(run, model)}
    if task not in tasks:
        raise InputError(
            f"{run.path}: the model '{model}' has no task '{task}'{nearest(task, list(tasks))} "
            f"(tasks: {', '.join(tasks) or 'none'})"
        )
    asked = tasks[task]
    if asked.activation == "none":
        raise InputError(
            f"{run.path}: the task '{task}' is a number without a score; name one with classes or bins"
        )
    folds = run.predictions(model, grouping)
    joined = pool(folds, run.by_id)
    answers = [asked.answer(row) for row in outputs_of(asked, folds, joined)]
    values = column_values(joined.recordings, asked.column)
    targets, known = asked.encode(values), asked.known(values)
    ids = [recording.id for recording in joined.recordings]
    rows = zip(ids, targets, known.tolist(), strict=True)
    truth = {name: asked.answer(row).text if there else "" for name, row, there in rows}
    said = {name: (a.text, a.score or 0.0) for name, a in zip(ids, answers, strict=True)}
    places = {name: i for i, name in enumerate(asked.classes)}

    def near(answer: str, true: str) -> bool:
        return abs(places[answer] - places[true]) <= 1

    return Answered(task, said, truth, near if within_one else str.__eq__)


@dataclass(frozen=True)
class Asked:
    """What a pipeline asks.

    Attributes
    ----------
    presence, species, count : str
        Tasks as ``TASK`` or ``RUN:TASK``. Without ``presence`` the species say what is empty, if they have
        a class for it; without ``species`` they are the labels of the run; without ``count`` nothing counts.
    within_one : bool
        Whether the neighbours of the true bin are right too.
    accuracy, count_accuracy : float in [0, 1]
        Wanted.
    """

    presence: str = ""
    species: str = ""
    count: str = ""
    within_one: bool = False
    accuracy: float = 0.966
    count_accuracy: float = 0.966


def stages_of(
    run: Path, asked: Asked, *, model: str | None = None, grouping: str = "session"
) -> tuple[tuple[Recording, ...], tuple[Stage, ...], np.ndarray]:
    """The stages of a pipeline, the recordings that they are judged on, and the fold of each.

    Raises
    ------
    InputError
        There are several models and none is named, a task is missing, or nothing can be judged.
    RunError
        A folder holds no cross-validation, or has no such model or grouping.
    """
    opened = SavedRun.open(run)
    own = _model(opened, model)

    def of_task(text: str, *, within_one: bool = False) -> Answered:
        where, _, task = text.rpartition(":")
        other = SavedRun.open(Path(where)) if where else opened
        chosen = _model(other, model if not where or model in other.models else None)
        return task_answers(other, chosen, grouping, task, within_one=within_one)

    if asked.presence:
        presence: Answered | None = of_task(asked.presence)
    else:
        empty = not asked.species or NO_BIRD in opened.labels.names
        presence = presence_answers(opened, own, grouping) if empty else None
    species = of_task(asked.species) if asked.species else species_answers(opened, own, grouping)
    then = [(species, asked.accuracy)]
    if asked.count:
        then.append((of_task(asked.count, within_one=asked.within_one), asked.count_accuracy))
    pooled = opened.pooled(own, grouping)
    fold_of = {r.id: fold for r, fold in zip(pooled.recordings, pooled.folds.tolist(), strict=True)}
    tested = tuple(opened.by_id[name] for name in fold_of)
    kept, stages = _pipeline(tested, presence, then, asked.accuracy)
    return kept, stages, np.array([fold_of[r.id] for r in kept])


def _model(run: SavedRun, model: str | None) -> str:
    if model is None and len(run.models) > 1:
        raise InputError(f"{run.path} has several models; choose one with --model: {', '.join(run.models)}")
    return model or run.models[0]


def _pipeline(
    recordings: Sequence[Recording],
    presence: Answered | None,
    then: Sequence[tuple[Answered, float]],
    target: float,
) -> tuple[tuple[Recording, ...], tuple[Stage, ...]]:
    """Stages over the recordings whose truth is known in each stage where there is one."""
    kept = [r for r in recordings if _can_be_judged(r.id, presence, then)]
    if not kept:
        raise InputError("pipeline: no recording has a known value in all stages")
    everything = np.ones(len(kept), bool)
    stages = []
    asked = everything
    if presence is not None:
        stages.append(_stage(presence, kept, everything, target))
        asked = np.array([presence.said[r.id][0] != EMPTY for r in kept])
    stages += [_stage(answered, kept, asked, wanted) for answered, wanted in then]
    return tuple(kept), tuple(stages)


def _can_be_judged(name: str, presence: Answered | None, then: Sequence[tuple[Answered, float]]) -> bool:
    if presence is not None and not (name in presence.said and presence.truth.get(name)):
        return False
    if presence is not None and presence.truth[name] == EMPTY:
        return True
    return all(answered.truth.get(name) for answered, _ in then)


def _stage(answered: Answered, kept: Sequence[Recording], asked: np.ndarray, target: float) -> Stage:
    right, confidence = np.zeros(len(kept), bool), np.zeros(len(kept))
    missing = 0  # an answer may be empty: none of several classes
    for i, recording in enumerate(kept):
        text, score = answered.said.get(recording.id, ("", np.nan))
        missing += bool(asked[i]) and recording.id not in answered.said
        true = answered.truth.get(recording.id, "")
        right[i] = bool(text and true) and answered.near(text, true)
        confidence[i] = score
    if missing:
        raise InputError(
            f"pipeline: the stage '{answered.name}' has no answers for {missing} recordings that come to it; "
            "cross-validate it on the same catalogs"
        )
    return Stage(answered.name, right, confidence, asked, target)
