"""`train_generator`: fit both adversaries on a catalog's patches and leave a run folder."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.config import row_of, settings_to_mapping
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.patches import PatchCutter
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.documents import parse_json, write_json
from avianvox.errors import InputError, RunError
from avianvox.features.store import FeatureStore
from avianvox.files import atomic_write
from avianvox.generate import run as folder
from avianvox.generate.adversaries import Adversaries, draw, noises
from avianvox.generate.conditions import CONDITIONS, Condition, Encoding
from avianvox.generate.networks import scaled
from avianvox.generate.pictures import draw_curve, draw_grid
from avianvox.generate.run import GeneratorRun
from avianvox.generate.settings import GenerateSettings
from avianvox.models.protocol import EpochReport, Progress
from avianvox.randomness import derive_rng
from avianvox.runfolder import catalog_hash, versions
from avianvox.training.config import TrainConfig
from avianvox.training.history import epochs_done, opened_checkpoint
from avianvox.training.run import write_arrays
from avianvox.training.train import hold_out
from avianvox.types import Recording

FIGURES = ("loss_generator", "loss_discriminator", "real_told", "generated_told")
_GRID_ROWS, _GRID_COLUMNS = 10, 8


@dataclass(frozen=True)
class Lesson:
    """What a generator learns from.

    Attributes
    ----------
    data : TrainingData
        The recordings, those without a condition left out.
    values : np.ndarray, shape (n,)
        Name or number of each recording; NaN throughout where the patches say it.
    condition : Condition
    encoding : Encoding
    left_out : tuple of str
        One line for each recording that cannot be used.
    """

    data: TrainingData
    values: np.ndarray
    condition: Condition
    encoding: Encoding
    left_out: tuple[str, ...] = ()


def lesson_of(
    data: TrainingData, recordings: Sequence[Recording], settings: GenerateSettings, cutter: PatchCutter
) -> Lesson:
    """Say what each recording is an example of.

    Raises
    ------
    InputError
        A class has a single recording, or there is nothing to tell apart.
    """
    condition = row_of(CONDITIONS, settings.condition, "generate.condition")
    said = [condition.of(recording) for recording in recordings]
    if condition.continuous:
        numbers = np.array([np.nan if value is None else float(value) for value in said])
        measured = condition.measure(
            cutter.cut(data.recordings, seed=settings.seed, epoch=0), cutter.store.bands
        )
        if measured is not None:
            return Lesson(data, numbers, condition, Encoding.of_numbers(measured))
        kept = np.flatnonzero(np.isfinite(numbers))
        encoding = Encoding.of_numbers(numbers)
        reasons = {i: "the condition is not known" for i in np.flatnonzero(~np.isfinite(numbers)).tolist()}
    else:
        numbers = np.array([value or "" for value in said], dtype=object)
        counts = Counter(value for value in numbers.tolist() if value)
        names = tuple(sorted(name for name, n in counts.items() if n >= settings.at_least))
        if single := [name for name in names if counts[name] < 2]:
            raise InputError(
                f"generate: '{single[0]}' has one recording to learn from, which a generator would only "
                "repeat; add recordings of it, or leave such classes out: --at-least 2"
            )
        if len(names) < 2:
            raise InputError(
                f"generate: expected two classes or more, got {len(names)} with {settings.at_least} "
                "recordings or more; choose another --condition"
            )
        encoding = Encoding(names)
        kept = np.flatnonzero(np.isin(numbers.astype(str), names))
        reasons = {
            i: "the condition is not known" if not value else f"'{value}' has fewer recordings than asked for"
            for i, value in enumerate(numbers.tolist())
            if value not in names
        }
    lines = tuple(f"{recordings[i].id}: {reason}" for i, reason in reasons.items())
    return Lesson(data.subset(kept), numbers[kept], condition, encoding, lines)


def fit_adversaries(
    lesson: Lesson,
    cutter: PatchCutter,
    settings: GenerateSettings,
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    shown: Callable[[int, Adversaries], None] | None = None,
) -> tuple[Adversaries, list[dict[str, float]]]:
    """Train both networks; a ``checkpoint`` is written after every epoch, and continued where it is there.

    ``shown`` is called after each epoch with its number, from 1.

    Raises
    ------
    RunError
        The checkpoint is damaged, or a loss became NaN.
    """
    adversaries = Adversaries(settings, lesson.encoding.width)
    history: list[dict[str, float]] = []
    if checkpoint is not None and checkpoint.exists():
        with opened_checkpoint(checkpoint) as arrays:
            adversaries.restore(arrays)
            history = parse_json(str(arrays["history"]))
    for epoch in range(len(history), settings.epochs):
        found = np.zeros(len(FIGURES))
        for step in range(settings.steps):
            real, conditions, wrong = _batch(lesson, cutter, settings, epoch, step)
            found += adversaries.step(real, conditions, wrong, epoch, step) / settings.steps
        if not np.isfinite(found).all():
            raise RunError(f"the loss is NaN after epoch {epoch + 1}; train again with a lower learning_rate")
        history.append(dict(zip(FIGURES, found.tolist(), strict=True)))
        if checkpoint is not None:
            with atomic_write(checkpoint, "wb") as stream:
                state: dict[str, Any] = adversaries.state()
                np.savez(stream, history=np.array(json.dumps(history)), **state)
        if shown is not None:
            shown(epoch + 1, adversaries)
        if progress is not None:
            progress(EpochReport(epoch + 1, settings.epochs, history[-1]))
    return adversaries, history


def _batch(
    lesson: Lesson, cutter: PatchCutter, settings: GenerateSettings, epoch: int, step: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Real patches, their conditions, and conditions of others."""
    rng = derive_rng(settings.seed, "generate", epoch, step)
    n = settings.batch_size
    if settings.balanced and not lesson.encoding.continuous:
        classes = np.resize(rng.permutation(len(lesson.encoding.names)), n)
        of_class = [np.flatnonzero(lesson.values == name) for name in lesson.encoding.names]
        chosen = np.array([rng.choice(of_class[k]) for k in classes.tolist()])
    else:
        chosen = rng.integers(len(lesson.data), size=n)
    indices = lesson.data.recordings[chosen]
    patches = cutter.cut(indices, seed=settings.seed, epoch=1 + epoch * settings.steps + step)
    values = lesson.values[chosen]
    measured = lesson.condition.measure(patches, cutter.store.bands)
    if measured is not None:
        values = np.where(np.isfinite(measured), measured, lesson.encoding.knots[0])
    conditions = lesson.encoding.encode(values)
    return scaled(patches), conditions, np.roll(conditions, 1 + int(rng.integers(n - 1)), axis=0)


def train_generator(
    catalog: Catalog,
    store: FeatureStore,
    settings: GenerateSettings,
    out: Path | str,
    *,
    resume: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
) -> GeneratorRun:
    """Fit a generator on the recordings of ``catalog``, whose features are in ``store``.

    Parameters
    ----------
    catalog : Catalog
    store : FeatureStore
        Of log-mel bands.
    settings : GenerateSettings
    out : path-like
        The run folder.
    resume : bool
        Go on with the run in ``out``; more epochs than before may be asked for.
    fresh : bool
        Remove the run in ``out`` first.
    progress : callable, optional

    Raises
    ------
    InputError, RunError, StoreError
        A class has one recording, ``out`` holds another run, the store has no log-mel bands, and the like.
    """
    out = Path(out)
    cutter = PatchCutter(store, settings.shape)
    by_id = {recording.id: recording for recording in catalog.recordings}
    data = training_data(catalog, store, store.log_mel, catalog.labels)
    recordings = [by_id[name] for name in data.ids]
    learned, held_out = hold_out(
        data, recordings, TrainConfig(validation=settings.validation, seed=settings.seed)
    )
    lesson = lesson_of(learned, [by_id[name] for name in learned.ids], settings, cutter)
    split = {
        "train": lesson.data.ids,
        "validation": [] if held_out is None else held_out.ids,
        "left out": [*data.left_out, *lesson.left_out],
    }
    document = {
        "generate": settings_to_mapping(settings),
        "features": store.log_mel.to_mapping(),
        "encoding": lesson.encoding.to_mapping(),
        "unit": lesson.condition.unit,
        "catalogs": [str(Path(path).resolve()) for path in catalog.paths],
        "data_hash": store.data_hash,
        "catalog_hash": catalog_hash(recordings),
        "licences": dict(sorted(Counter(r.licence or "not stated" for r in recordings).items())),
        "credits": sorted({r.attribution for r in recordings}),
        "versions": versions(("keras", "tensorflow")),
    }
    _prepare(out, document, resume=resume, fresh=fresh)
    folder.FOLDER.begin(out, document)
    write_json(out / folder.SPLIT, split)

    def show(epoch: int, adversaries: Adversaries) -> None:
        if epoch % settings.grid_every == 0 or epoch == settings.epochs:
            draw_grid(
                out / folder.GRIDS / f"epoch-{epoch:04}.png",
                *_grid(lesson.encoding, adversaries.generator, settings.seed),
                title=f"generated, after epoch {epoch}",
                unit=lesson.condition.unit,
            )

    adversaries, history = fit_adversaries(
        lesson, cutter, settings, checkpoint=out / folder.CHECKPOINT, progress=progress, shown=show
    )
    floors = cutter.read(
        lesson.data.recordings, cutter.offsets(lesson.data.recordings, seed=settings.seed, epoch=0)
    )[1]
    weights = {weight.path: weight.numpy() for weight in adversaries.generator.weights}
    write_arrays(out / folder.WEIGHTS, weights | {folder.FLOOR: floors.mean(axis=0)})
    _write_history(out, history)
    write_json(
        out / folder.FIGURES,
        {
            "epochs": len(history),
            "n_recordings": len(lesson.data),
            **{k: round(v, 6) for k, v in history[-1].items()},
        },
    )
    return GeneratorRun.open(out)


def _grid(encoding: Encoding, generator: Any, seed: int) -> tuple[np.ndarray, list[str]]:
    """Samples of the same noise in each row: shape (rows, columns, frames, bands), and names of the rows."""
    rows = encoding.series(_GRID_ROWS) if encoding.continuous else np.array(encoding.names[:_GRID_ROWS])
    noise = noises(_GRID_COLUMNS, seed, "grid")
    conditions = encoding.encode(rows.tolist())
    made = draw(
        generator,
        np.tile(noise, (len(rows), 1)),
        np.repeat(conditions, _GRID_COLUMNS, axis=0),
    )
    names = [f"{value:.4g}" if encoding.continuous else str(value) for value in rows.tolist()]
    return made.reshape(len(rows), _GRID_COLUMNS, *made.shape[1:]), names


def _write_history(out: Path, history: Sequence[dict[str, float]]) -> None:
    with atomic_write(out / folder.HISTORY) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["epoch", *FIGURES])
        for number, row in enumerate(history, start=1):
            table.writerow([number, *(f"{row[name]:.6g}" for name in FIGURES)])
    draw_curve(out / folder.CURVE, history)


_SAME = {
    "features": "feature settings",
    "encoding": "classes or numbers of the condition",
    "data_hash": "features in the store",
    "catalog_hash": "recordings, labels or sessions",
}


def _prepare(out: Path, document: dict[str, Any], *, resume: bool, fresh: bool) -> None:
    """Make ``out`` ready: an earlier run is continued, removed, or in the way."""
    if fresh:
        folder.FOLDER.erase(out)
    refuse_earlier(out, resume=resume)
    if not folder.FOLDER.config(out).exists():
        return
    same = ("generate", *_SAME)
    before, now = ({key: there.get(key) for key in same} for there in (folder.FOLDER.read(out), document))
    folder.FOLDER.refuse_other(out, before, now, but=("epochs",), words=_SAME)
    done, asked = epochs_done(out / folder.CHECKPOINT), document["generate"]["epochs"]
    if asked < done:
        raise RunError(
            f"the run in {out} has finished {done} epochs, expected at most {asked}; set epochs to {done} or "
            "more, or replace the run with --fresh"
        )
    (out / folder.FIGURES).unlink(missing_ok=True)


def refuse_earlier(out: Path, *, resume: bool) -> None:
    """Raise `RunError` where ``out`` holds something else, or a run that is not to be continued."""
    folder.FOLDER.refuse_foreign(out)
    if folder.FOLDER.config(out).exists() and not resume:
        raise RunError(f"{out} holds a generator's run; continue it with --resume or replace it with --fresh")
