"""Does adding generated crops to training help? Answered on folds that keep sessions together.

A step is the recipe as it is, or with patches: of a generator that was trained inside the fold's training
part (``pasted``, ``alone``), or, to tell what pasting alone does, cut from real recordings of that part
(``real``). All steps are fitted on the same folds with the same seeds, as `avianvox.ablation` does it, and
compared by recording, over all classes and by how many recordings a class has.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.ablation.figures import DRAWS, Ablation, answers_of, seeds_of
from avianvox.ablation.fits import StepFailed
from avianvox.ablation.run import BANKS, BY_SIZE, AblationSettings, ablate
from avianvox.ablation.steps import BASE, Step
from avianvox.config import Choice, settings_to_mapping
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.patches import BANK, PatchBank, PatchCutter
from avianvox.dataset.training_data import TrainingData
from avianvox.documents import write_json
from avianvox.errors import InputError
from avianvox.evaluation.bootstrap import Interval, PairedTest, paired_test, session_interval
from avianvox.evaluation.figures import GROUPED, Table
from avianvox.evaluation.fits import FitReport
from avianvox.evaluation.plain import plain
from avianvox.evaluation.saved_run import SavedRun
from avianvox.features.spec import FeatureSpec
from avianvox.files import atomic_write
from avianvox.generate.settings import GenerateSettings
from avianvox.models.networks import RECIPES
from avianvox.models.protocol import Progress, TrainSettings
from avianvox.training.config import TrainConfig
from avianvox.types import Recording
from avianvox.workers import Workplace

STEPS = {
    "pasted": "generated patches pasted into real crops",
    "alone": "crops of generated patches alone",
    "real": "real patches of the training part pasted into real crops",
}
"""What is compared with the recipe as it is."""

_N_SIZES = 3


@dataclass(frozen=True)
class CompareSettings:
    """What is added, and how much.

    Attributes
    ----------
    steps : tuple of str
        Of `STEPS`.
    share : float
        Of the crops that get patches.
    most : int
        Only classes with at most so many recordings in training; 0: all.
    per_class : int
        Patches of each class.
    """

    steps: tuple[str, ...] = ("pasted", "alone", "real")
    share: float = 0.5
    most: int = 0
    per_class: int = 64

    def __post_init__(self) -> None:
        if unknown := [name for name in self.steps if name not in STEPS]:
            raise InputError(f"generate: expected steps among {', '.join(STEPS)}, got {unknown[0]}")
        if self.per_class < 1:
            raise InputError(f"generate: expected 1 patch a class or more, got {self.per_class}")


@dataclass(frozen=True)
class InsideFold:
    """Makes the patches of one step from the training part of a fold: an `avianvox.ablation.fits.Prepare`.

    Patches are kept in ``folder`` by what they were made from, so that a run that is continued, and other
    steps, find them there.
    """

    step: str
    recordings: Mapping[str, Recording]
    generate: GenerateSettings
    compare: CompareSettings
    folder: Path
    progress: Progress | None = field(default=None, compare=False)

    def to_mapping(self) -> dict[str, Any]:
        """What the fits depend on besides the recipe."""
        asked = {"share": self.compare.share, "most": self.compare.most, "per_class": self.compare.per_class}
        own = {} if self.step == "real" else {"generator": settings_to_mapping(self.generate)}
        return {"generated": {"step": self.step, **asked, **own}}

    def __call__(self, data: TrainingData, settings: TrainSettings, seed: int) -> TrainSettings:
        """The recipe with patches that were made from ``data`` alone."""
        source = "real" if self.step == "real" else "generator"
        made_from = json.dumps(
            [source, self.compare.per_class, sorted(data.ids), seed, settings_to_mapping(self.generate)]
        )
        place = self.folder / f"{source}-{sha256(made_from.encode()).hexdigest()[:16]}"
        if not BANK.is_at(place) or not (place / "patches.npz").exists():
            bank = self._real(data, seed) if source == "real" else self._generated(data, seed)
            bank.save(place)
        chosen = {"patches": str(place.resolve()), "share": self.compare.share, "most": self.compare.most}
        kind = "alone" if self.step == "alone" else "pasted"
        return replace(settings, generated=Choice(kind, tuple(chosen.items())))

    def _generated(self, data: TrainingData, seed: int) -> PatchBank:
        from avianvox.generate.adversaries import draw, noises
        from avianvox.generate.train import fit_adversaries, lesson_of

        own = replace(self.generate, seed=seed, at_least=max(2, self.generate.at_least))
        cutter = PatchCutter(data.store, own.shape)
        lesson = lesson_of(data, [self.recordings[name] for name in data.ids], own, cutter)
        adversaries, _ = fit_adversaries(lesson, cutter, own, progress=self.progress)
        names = [name for name in lesson.encoding.names for _ in range(self.compare.per_class)]
        noise = noises(len(names), seed, "bank")
        patches = draw(adversaries.generator, noise, lesson.encoding.encode(names))
        return PatchBank(patches, tuple(names), self._about(data, generated=True))

    def _real(self, data: TrainingData, seed: int) -> PatchBank:
        cutter = PatchCutter(data.store, self.generate.shape)
        chosen = np.concatenate(
            [
                np.resize(np.flatnonzero(data.targets == label), self.compare.per_class)
                for label in np.unique(data.targets)
            ]
        )
        patches = cutter.cut(data.recordings[chosen], seed=seed, epoch=0)
        names = tuple(data.names[label] for label in data.targets[chosen].tolist())
        return PatchBank(patches, names, self._about(data, generated=False))

    def _about(self, data: TrainingData, *, generated: bool) -> dict[str, Any]:
        return {
            "generated": generated,
            "condition": "species",
            "spec": data.store.bands.extraction_fingerprint,
            "heard": sorted(data.ids),
            "licences": {},
            "credits": [],
        }


@dataclass(frozen=True)
class BySize:
    """One step on the classes of one size: accuracy, and the difference to the recipe as it is."""

    step: str
    least: int
    most: int
    n_recordings: int
    accuracy: Interval
    difference: PairedTest | None


@dataclass(frozen=True)
class Comparison:
    """The ablation, and the same by size of the classes."""

    ablation: Ablation
    by_size: tuple[BySize, ...]
    table: Table


def compare_generated(
    data: TrainingData,
    catalog: Catalog,
    config: TrainConfig,
    out: Path,
    settings: AblationSettings,
    asked: CompareSettings,
    generate: GenerateSettings,
    *,
    fresh: bool = False,
    workplace: Workplace | None = None,
    progress: Callable[[FitReport], None] | None = None,
    epochs_seen: Progress | None = None,
    failed: Callable[[StepFailed], None] | None = None,
) -> Comparison:
    """Fit the recipe of ``config`` with and without patches on every fold, and compare.

    The arguments are those of `avianvox.ablation.run.ablate`; ``asked`` and ``generate`` say what is added,
    and how generators are trained.

    Raises
    ------
    InputError
        The condition is none of species, or the network can't learn from patches.
    """
    if generate.condition != "species":
        raise InputError(
            "generate compare: expected the condition species, whose samples are examples of classes; got "
            f"{generate.condition}"
        )
    if config.generated is not None:
        raise InputError("generate compare: [train.generated] is what is compared; leave it out")
    spec = FeatureSpec()
    base = Step(BASE, config.model, config.settings, spec, {})
    steps = [base, *(replace(base, name=name, changes={"generated": name}) for name in asked.steps)]
    by_id = {recording.id: recording for recording in catalog.recordings}
    in_process = workplace is None or workplace.executor == "serial"
    prepare = {
        name: InsideFold(name, by_id, generate, asked, out / BANKS, epochs_seen if in_process else None)
        for name in asked.steps
    }
    ablate(
        data,
        catalog,
        steps,
        out,
        settings,
        prepare=prepare,
        fresh=fresh,
        workplace=workplace,
        progress=progress,
        epochs_seen=epochs_seen,
        failed=failed,
    )
    return conclude_comparison(out)


def conclude_comparison(out: Path) -> Comparison:
    """Figures of a run, from its folder alone. Raises `RunError` where it is no such run, or not complete."""
    from avianvox.ablation.run import recompute

    ablation = recompute(out)
    draws = [
        SavedRun.open(path)
        for path in sorted((out / DRAWS).iterdir())
        if path.name.isdigit() and (path / "figures.json").exists()
    ]
    found = tuple(_by_size(draws))
    table = _table(found)
    write_json(out / BY_SIZE[0], plain(found))
    with atomic_write(out / BY_SIZE[1]) as stream:
        stream.write(table.markdown())
    return Comparison(ablation, found, table)


def _by_size(draws: Sequence[SavedRun]) -> list[BySize]:
    main = next(name for name in draws[0].groupings if name in GROUPED)
    hits: dict[str, np.ndarray] = {}
    steps = [name for name in seeds_of(draws[0]) if all(name in seeds_of(run) for run in draws)]
    for step in steps:
        answers = [one for run in draws for one in answers_of(run, step, seeds_of(run)[step], main)]
        hits[step] = np.mean([one.hits for one in answers], axis=0)
        targets, sessions = answers[0].targets, answers[0].sessions
    size = np.bincount(targets)[targets]
    counts = np.bincount(targets)
    ends = np.unique(np.quantile(counts[counts > 0], np.arange(1, _N_SIZES + 1) / _N_SIZES).astype(int))
    rows = []
    for step in steps:
        least = 1
        for most in ends.tolist():
            part = (size >= least) & (size <= most)
            least, before = most + 1, least
            if not part.any():
                continue
            difference = None
            if step != BASE:
                difference = paired_test(hits[step][part], hits[BASE][part], sessions[part])
            accuracy = session_interval(hits[step][part], sessions[part])
            rows.append(BySize(step, before, most, int(part.sum()), accuracy, difference))
    return rows


def _table(rows: Sequence[BySize]) -> Table:
    columns = (
        "step",
        "recordings of a class",
        "recordings",
        "accuracy",
        "interval",
        "difference",
        "interval",
        "p",
    )
    return Table(columns, tuple(_cells(row) for row in rows))


def _cells(row: BySize) -> tuple[str, ...]:
    first = (row.step, f"{row.least} to {row.most}", str(row.n_recordings), f"{row.accuracy.value:.3f}")
    own = f"{row.accuracy.low:.3f} to {row.accuracy.high:.3f}"
    if row.difference is None:
        return (*first, own, "", "", "")
    d = row.difference
    return (*first, own, f"{d.difference:+.3f}", f"{d.low:+.3f} to {d.high:+.3f}", f"{d.p_value:.3f}")


def train_config_of(path: Path | None, **given: Any) -> TrainConfig:
    """The recipe that is compared: of a TOML file of ``avianvox train``, or of the network."""
    from avianvox.training.config import read_train_file

    config = read_train_file(path, **given)[0]
    if config.model not in RECIPES and config.combine != "above_floor":
        raise InputError(
            "generate compare: expected a network that sees what stands above the noise floor, got "
            f'{config.model} with combine = "{config.combine}"; choose one of {", ".join(RECIPES)}'
        )
    return config
