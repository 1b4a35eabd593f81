"""`train`: fit one model on a catalog and leave a run folder. The ``avianvox train`` command calls it."""

import json
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from avianvox.config import row_of, settings_to_mapping
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.labels.measured import measured_catalog
from avianvox.dataset.splits import make_split
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.documents import write_json
from avianvox.errors import InputError, RunError
from avianvox.evaluation.metrics import evaluate
from avianvox.evaluation.task_figures import judged, pooled_outputs
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.files import output_error
from avianvox.inference.pooling import pool_answers
from avianvox.models import MODELS, TRAINABLE
from avianvox.models.networks import NETWORKS
from avianvox.models.protocol import EpochReport, FittedModel, Progress, TrainableEstimator
from avianvox.registry import nearest
from avianvox.runfolder import catalog_hash, versions
from avianvox.tasks.asked import choices_of, columns_of, settled_tasks, tasks_of
from avianvox.training import run as folder
from avianvox.training.config import TrainConfig, ears_of
from avianvox.training.curves import draw_history, write_history
from avianvox.training.guides import GUIDES
from avianvox.training.history import History, epochs_done
from avianvox.training.inherited import (
    BESIDES,
    hashes_besides,
    of_origin,
    of_samples,
    of_teacher,
    of_unlabelled,
)
from avianvox.training.origin import Origin
from avianvox.training.run import Run
from avianvox.types import LabelSet, Recording

if TYPE_CHECKING:
    from avianvox.training.estimator import NetworkEstimator


def train(
    catalog: Catalog,
    store: FeatureStore,
    config: TrainConfig,
    out: Path | str,
    *,
    spec: FeatureSpec | None = None,
    ears: Mapping[str, FeatureStore] | None = None,
    catalogs: Sequence[str] = (),
    resume: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Fit one model.

    Parameters
    ----------
    catalog : Catalog
    store : FeatureStore
        Of the catalog's recordings.
    config : TrainConfig
    out : path-like
        The run folder.
    spec : FeatureSpec, optional
        The model's window; the store's by default. ``config.combine`` decides how mel and MFCC are combined.
    ears : mapping of str to FeatureStore, optional
        Embeddings of the catalog's recordings, by the models that `ears_of` names.
    catalogs : sequence of str
        Where the catalog was read from; export looks there for recordings to compare its file on.
    resume : bool
        Continue the run in ``out``, or start it when there is none. More ``epochs`` than before may be asked
        where the learning rate has no schedule and no other fits come first (self-training, an ensemble that
        teaches).
    fresh : bool
        Remove the run in ``out`` first.
    progress : callable, optional

    Returns
    -------
    Run

    Raises
    ------
    InputError
        The model leaves no run folder.
    RunError
        ``out`` holds a run and neither ``resume`` nor ``fresh`` is set, or one of another configuration, of
        other recordings or with more epochs; or the training loss became NaN.
    StoreError
        No recording of the catalog has features in the store.
    """
    check_trainable(config.model)
    asked: dict[str, Any] = {
        f"[train] {name.removesuffix('_')}": getattr(config, name)
        for name in ("from_", "guide", "self_training", "ensemble", "shape", "generated")
    }
    for name, value in (asked | {"[[tasks]]": config.tasks}).items():
        if value and config.model not in NETWORKS:
            raise InputError(
                f"{name}: expected a network, got {config.model}; networks: {', '.join(NETWORKS)}"
            )
    out = Path(out)
    estimator = cast("TrainableEstimator", MODELS.get(config.model)(config.settings))
    spec = estimator.spec_for(spec or store.bands)
    catalog = measured_catalog(catalog, store, [task.column for task in tasks_of(config.tasks)])
    by_id = {r.id: r for r in catalog.recordings}
    usable = [by_id[name] for name in training_data(catalog, store, spec, catalog.labels).ids]
    tasks = settled_tasks(tasks_of(config.tasks), usable)
    config = replace(config, tasks=choices_of(tasks))
    estimator = cast("TrainableEstimator", MODELS.get(config.model)(config.settings))
    labels = LabelSet.from_recordings(usable)  # a class that nothing usable is left of is not learned
    data = replace(
        training_data(catalog, store, spec, labels), ears=ears or {}, values=columns_of(tasks, usable)
    )
    learned, held_out = hold_out(data, usable, config)
    split = {"train": learned.ids, "validation": held_out.ids if held_out is not None else []}
    document = _describe(data, usable, labels, config, catalogs, split)
    before: set[str] = set()
    if config.from_ is not None:
        origin = Origin.open(config.from_)
        document |= _inherit(origin, cast("NetworkEstimator", estimator), learned, split["validation"])
        before |= origin.heard
    if config.self_training is not None:
        heard = [by_id[name] for name, _ in learned.unlabelled]
        ids = {recording.id for recording in heard}
        before |= ids
        data = replace(data, left_out=_without(data.left_out, ids))
        document[folder.INHERITED] = [*of_unlabelled(heard), *document.get(folder.INHERITED, ())]
    if teachers := ears_of(config):
        entries = [entry for name in teachers for entry in of_teacher(name)]
        document[folder.INHERITED] = [*entries, *document.get(folder.INHERITED, ())]
    if config.generated is not None:
        samples = of_samples(config.generated)
        document[folder.INHERITED] = [*samples, *document.get(folder.INHERITED, ())]
    _prepare(out, document, config, resume=resume, fresh=fresh)
    folder.FOLDER.begin(out, document)
    told = {"before": sorted(before)} if before else {}
    write_json(out / folder.SPLIT, split | {"left out": list(data.left_out)} | told)
    options: dict[str, Any] = {}
    if config.model in NETWORKS:
        options["checkpoint"] = out / folder.CHECKPOINT
    log = _EpochLog(out / folder.LOG, progress)
    fitted = estimator.fit(learned, seed=config.seed, validation=held_out, progress=log, **options)
    _finish(out, fitted, learned, held_out, config, by_id)
    return Run.open(out)


def _without(left_out: Sequence[str], heard: Collection[str]) -> tuple[str, ...]:
    """The same lines, without those of recordings that are heard without their labels."""
    return tuple(line for line in left_out if line.removesuffix(": no label") not in heard)


def check_trainable(name: str) -> None:
    """Raise `InputError` for a model that leaves no run folder."""
    if name not in TRAINABLE:
        raise InputError(
            f"'{name}' cannot be trained (models: {', '.join(TRAINABLE)}){nearest(name, list(TRAINABLE))}; "
            "compare it with: avianvox crossval"
        )


def refuse_earlier_run(out: Path, *, resume: bool) -> None:
    """Raise `RunError` where ``out`` holds something else, or a run that is not to be continued."""
    folder.FOLDER.refuse_foreign(out)
    if folder.FOLDER.config(out).exists() and not resume:
        raise RunError(f"{out} holds a training run; continue it with --resume or replace it with --fresh")


_NEAR, _MOST_HELD_OUT = 0.02, 5  # what is nearer than this in share counts as it; folds held out at most


def hold_out(
    data: TrainingData, recordings: Sequence[Recording], config: TrainConfig
) -> tuple[TrainingData, TrainingData | None]:
    """Part ``data`` into what is learned from and what early stopping looks at, in whole sessions.

    A session without which a class could not be learned stays in training. Real recordings alone are looked
    at where there are any: synthetic ones are learned from, but for those made of what is held out.
    """
    if config.validation == 0:
        return data, None
    real = np.flatnonzero([not r.synthetic for r in recordings])
    judged = real if len(real) else np.arange(len(recordings))
    candidates = [recordings[i] for i in judged.tolist()]
    n_sessions = len({r.session for r in candidates})
    largest_class = max(Counter(r.label for r in candidates).values())
    if n_sessions == 1:
        raise InputError(
            f"no validation part: all {len(candidates)} recordings are of one session; train without one: "
            "--validation 0"
        )
    chosen, n_folds = _nearest_share(config.validation)
    n_folds = max(2, min(n_folds, n_sessions, largest_class))
    chosen = min(max(1, min(chosen, round(config.validation * n_folds))), n_folds - 1)
    folds = make_split(candidates, grouping="session", n_folds=n_folds, seed=config.seed).folds[:chosen]
    tested = np.sort(np.concatenate([fold.test for fold in folds]))
    stays_in = np.setdiff1d(np.arange(len(candidates)), tested)
    learned = {candidates[i].label for i in stays_in}
    needed = {candidates[i].session for i in tested if candidates[i].label not in learned}
    stays = np.array([candidates[i].session in needed for i in tested], dtype=bool)
    held_out = judged[tested[~stays]]
    if not len(held_out):
        raise InputError(
            "no validation part: holding out any session would remove a class; train without one: "
            "--validation 0"
        )
    heard = {name for i in held_out.tolist() for name in (recordings[i].id, recordings[i].file_id)}
    others = sorted(set(range(len(recordings))) - set(judged.tolist()))
    made = [i for i in others if heard.isdisjoint(recordings[i].made_of)]
    learned_from = np.array([*judged[stays_in], *judged[tested[stays]], *made], np.int64)
    return data.subset(np.sort(learned_from)), data.subset(held_out)


def _nearest_share(share: float) -> tuple[int, int]:
    """The fewest folds of how many have nearly ``share``, in (0, 0.5], of the recordings."""
    each = [(k, round(k / share)) for k in range(1, _MOST_HELD_OUT + 1)]
    near = [(k, n) for k, n in each if abs(k / n - share) <= _NEAR]
    return (near or [min(each, key=lambda kn: abs(kn[0] / kn[1] - share))])[0]


class _EpochLog:
    """Writes a line for each epoch and passes the report on."""

    def __init__(self, path: Path, progress: Progress | None) -> None:
        self.path = path
        self.progress = progress
        self.started = time.monotonic()

    def __call__(self, report: EpochReport) -> None:
        figures = "  ".join(f"{name} {value:.4f}" for name, value in report.figures.items())
        line = (
            f"{time.monotonic() - self.started:8.1f} s  epoch {report.epoch}/{report.n_epochs}  {figures}\n"
        )
        try:
            with open(self.path, "a", encoding="utf-8") as stream:
                stream.write(line)
        except OSError as error:
            raise output_error(error, self.path) from error
        if self.progress is not None:
            self.progress(report)


def _describe(
    data: TrainingData,
    recordings: Sequence[Recording],
    labels: LabelSet,
    config: TrainConfig,
    catalogs: Sequence[str],
    split: dict[str, list[str]],
) -> dict[str, Any]:
    licences = Counter(r.licence or "not stated" for r in recordings)
    return {
        **hashes_besides(config, data),
        **({"tasks_hash": data.values_hash} if config.tasks else {}),
        "train": settings_to_mapping(config),
        "features": data.spec.to_mapping(),
        "labels": list(labels.names),
        "common_names": list(labels.common_names),
        "catalogs": [str(Path(source).resolve()) for source in catalogs],
        "n_recordings": len(data),
        "data_hash": data.store.data_hash,
        "extractor_revision": data.store.extractor_revision,
        "catalog_hash": catalog_hash(recordings),
        "split_hash": sha256(json.dumps(split).encode()).hexdigest(),
        "versions": versions(_made_with(config)),
        "licences": dict(sorted(licences.items())),
        "credits": sorted({r.attribution for r in recordings}),
    }


def _made_with(config: TrainConfig) -> tuple[str, ...]:
    names = [name in NETWORKS for name in (config.model, *config.beside)]
    return (*(("keras", "tensorflow") if any(names) else ()), *(() if all(names) else ("scikit-learn",)))


def _inherit(
    origin: Origin, estimator: "NetworkEstimator", learned: TrainingData, validation: Sequence[str]
) -> dict[str, Any]:
    """What ``config.json`` says of the weights that a run began from."""
    begun = estimator.begun(learned)
    assert begun is not None
    return {
        folder.BEGUN: {
            "run": str(origin.run.path.resolve()),
            "sha256": origin.sha256,
            "taken": list(begun.taken),
            "anew": list(begun.anew),
            "frozen": list(begun.frozen),
            "validation_heard": len(origin.overlap(validation)),
        },
        folder.INHERITED: of_origin(origin),
    }


_SAME = {
    "features": "feature settings",
    "labels": "classes",
    "data_hash": "features in the store",
    "catalog_hash": "recordings, labels or sessions",
    "split_hash": "recordings held out",
    folder.BEGUN: "weights to begin from",
    folder.INHERITED: "weights, a teacher or samples that it learns from",
    "tasks_hash": "labels of the tasks",
    **BESIDES,
}
"""What a run that goes on has to share with its beginning, beside its settings, in ``config.json``."""


def _prepare(out: Path, document: dict[str, Any], config: TrainConfig, *, resume: bool, fresh: bool) -> None:
    """Make ``out`` ready: an earlier run is continued, removed, or in the way."""
    if fresh:
        folder.FOLDER.erase(out)
    refuse_earlier_run(out, resume=resume)
    if not folder.FOLDER.config(out).exists():
        return
    earlier, same = folder.FOLDER.read(out), ("train", *_SAME)
    before, now = ({key: there.get(key) for key in same} for there in (earlier, document))
    # more epochs go on where the learning rate stays (a schedule was laid out over all of them), and where no
    # other fits came first, which would have more of them too
    guide = None if config.guide is None else row_of(GUIDES, config.guide, "train.guide")
    first_fits = config.self_training is not None or (guide is not None and guide.n_fits > 0)
    but = () if first_fits or "schedule" in document["train"] else ("epochs",)
    folder.FOLDER.refuse_other(out, before, now, but=but, words=_SAME)
    done, asked = epochs_done(out / folder.CHECKPOINT), document["train"]["epochs"]
    if asked < done:
        raise RunError(
            f"the run in {out} has finished {done} epochs, expected at most {asked}; "
            f"set epochs to {done} or more, or replace the run with --fresh"
        )
    (out / folder.FIGURES).unlink(missing_ok=True)


def _finish(
    out: Path,
    fitted: FittedModel,
    learned: TrainingData,
    held_out: TrainingData | None,
    config: TrainConfig,
    recordings: Mapping[str, Recording],
) -> None:
    arrays = fitted.arrays()
    names: tuple[str, ...] = ("mean", "deviation")
    scale = {name: arrays.pop(name) for name in names if name in arrays}
    if scale:
        folder.write_arrays(out / folder.NORMALISATION, scale)
    folder.write_arrays(out / folder.WEIGHTS, arrays)
    figures: dict[str, Any] = {}
    history: History | None = getattr(fitted, "history", None)
    if history is not None:
        write_history(out / folder.HISTORY, history)
        shown = ("loss", "accuracy") if config.species else ("loss",)
        draw_history(
            out / folder.CURVE, history, title=f"{config.model}, {len(learned)} recordings", shown=shown
        )
        figures |= {"epochs": len(history.epochs), "best_epoch": history.best_epoch}
    figures |= {
        "train": _figures(fitted, learned, recordings),
        "validation": None if held_out is None else _figures(fitted, held_out, recordings),
    }
    if (windows := getattr(fitted, "self_taught", None)) is not None:
        figures["self_training"] = {"n_windows": windows}
    write_json(out / folder.FIGURES, figures, allow_nan=True)


def _figures(fitted: FittedModel, data: TrainingData, recordings: Mapping[str, Recording]) -> dict[str, Any]:
    """Figures per window and per recording, if species are named, and those of tasks where there are any."""
    answers = fitted.predict(data)
    part = [recordings[name] for name in data.ids] if answers.tasks else []
    tasks = {
        task.name: judged(
            task, part, pooled_outputs(task, answers.tasks[task.name], answers.positions, len(data))
        ).to_mapping()
        for task in (tasks_of(fitted.settings.tasks) if answers.tasks else ())  # type: ignore[attr-defined]
    }
    found: dict[str, Any] = {"tasks": tasks} if tasks else {}
    found |= {"n_recordings": len(data), "n_windows": len(answers.positions)}
    if not tasks or fitted.settings.species:  # type: ignore[attr-defined]
        found["window"] = evaluate(data.targets[answers.positions], answers.scores)
        found["recording"] = evaluate(data.targets, pool_answers(answers, len(data)))
    return found
