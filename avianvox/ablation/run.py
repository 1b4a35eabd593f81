"""`ablate`: fit every step on several draws of folds and seeds, resumable.

The run folder holds ``config.json``, one cross-validation for each draw of folds in ``draws/``, and what
`avianvox.ablation.figures` and `avianvox.ablation.curves` make of these: ``figures.json``, ``table.md``,
``curves/``; a search adds what `avianvox.ablation.search` names. A step with seed 2 is the model "STEP.s2"
of its cross-validation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from avianvox.ablation.curves import write_curves
from avianvox.ablation.figures import DRAWS, FIGURES, TABLE, Ablation, conclude_ablation, model_name
from avianvox.ablation.fits import Prepare, StepFailed, StepFit
from avianvox.ablation.search import BEST, JOURNAL
from avianvox.ablation.steps import Step
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.splits import make_split
from avianvox.dataset.training_data import TrainingData
from avianvox.documents import Kind
from avianvox.errors import InputError, RunError
from avianvox.evaluation.crossval import CrossvalSettings, crossvalidate
from avianvox.evaluation.figures import GROUPED
from avianvox.evaluation.fits import FitReport
from avianvox.features.store import FeatureStore
from avianvox.models.networks import NETWORKS
from avianvox.models.protocol import Progress
from avianvox.randomness import hash_name
from avianvox.runfolder import CONFIG, FolderKind
from avianvox.types import Recording
from avianvox.workers import Workplace

CURVES = "curves"
BANKS, BY_SIZE = "generated", ("by_class_size.json", "by_class_size.md")
"""What `avianvox.generate.compare` adds."""
FOLDER = FolderKind(
    Kind(
        what="ablation",
        name="avianvox ablation",
        version=1,
        error=RunError,
        otherwise="make one with: avianvox ablate",
        outdated="make it again with --fresh, or with another --out",
    ),
    files=(CONFIG, FIGURES, TABLE, JOURNAL, f"{JOURNAL}.lock", BEST, *BY_SIZE),
    folders=(DRAWS, CURVES),
    also=(BANKS,),
    alone=True,
)
"""What tells its folder from others."""


@dataclass(frozen=True, slots=True)
class AblationSettings:
    """How steps are compared.

    Attributes
    ----------
    n_draws : int
        Draws of the folds; the folds of draw k are those of a cross-validation with ``seed`` + k - 1.
    n_seeds : int
        Fits of each step on each fold.
    n_folds, seed : int
    groupings : tuple of str
        Of random, session, recordist and site; one of the last three at least.
    inside_training : bool
        Whether all folds are drawn inside the training part of the first fold (of ``seed``), so that nothing
        is chosen by what its test part says.
    """

    n_draws: int = 3
    n_seeds: int = 1
    n_folds: int = 3
    seed: int = 0
    groupings: tuple[str, ...] = ("session",)
    inside_training: bool = False

    def __post_init__(self) -> None:
        for name in ("n_draws", "n_seeds"):
            if getattr(self, name) < 1:
                raise InputError(f"ablate: expected {name} of 1 or more, got {getattr(self, name)}")
        if unknown := [name for name in self.groupings if name not in ("random", *GROUPED)]:
            raise InputError(
                f"ablate: expected groupings among random, {', '.join(GROUPED)}, got {unknown[0]}"
            )
        if not any(name in GROUPED for name in self.groupings):
            raise InputError(f"ablate: expected one of the groupings {', '.join(GROUPED)} at least")

    @property
    def grouped(self) -> str:
        """The grouping that steps are compared under."""
        return next(name for name in self.groupings if name in GROUPED)


def ablate(
    data: TrainingData,
    catalog: Catalog,
    steps: Sequence[Step],
    out: Path,
    settings: AblationSettings,
    *,
    stores: Mapping[str, FeatureStore] | None = None,
    prepare: Mapping[str, Prepare] | None = None,
    curves: bool = False,
    ensembles: bool = False,
    fresh: bool = False,
    workplace: Workplace | None = None,
    progress: Callable[[FitReport], None] | None = None,
    epochs_seen: Progress | None = None,
    failed: Callable[[StepFailed], None] | None = None,
) -> Ablation:
    """Fit and compare ``steps``, of which the first is the base.

    Parameters
    ----------
    data : TrainingData
        All recordings, with the base's features.
    catalog : Catalog
    steps : sequence of Step
    out : Path
        The run folder; one of the same settings is continued, with more steps, draws or seeds if asked.
    settings : AblationSettings
    stores : mapping of str to FeatureStore, optional
        By the name of a step, its own features.
    prepare : mapping of str to Prepare, optional
        By the name of a step, what is made inside the training part of each fold.
    curves : bool
        Whether the test part is scored after each epoch, to be drawn. Nothing is chosen by it.
    ensembles : bool
        As in `conclude_ablation`.
    fresh : bool
        Erase the run in ``out`` first.
    workplace : Workplace, optional
    progress : callable, optional
        As in `crossvalidate`, over the fits of all draws.
    epochs_seen : callable, optional
        Called after each epoch of a network that is fitted in this process.
    failed : callable, optional
        Gets each step that cannot be fitted; the others go on.

    Raises
    ------
    InputError, RunError, ClusterError
        As `crossvalidate` does.
    """
    if fresh:
        FOLDER.erase(out)
    FOLDER.refuse_foreign(out)
    config = {
        "n_folds": settings.n_folds,
        "seed": settings.seed,
        "groupings": list(settings.groupings),
        "inside_training": settings.inside_training,
    }
    if FOLDER.config(out).exists():
        FOLDER.refuse_other(out, FOLDER.read(out), {**FOLDER.file.head, **config})
    by_id = {recording.id: recording for recording in catalog.recordings}
    if settings.inside_training:
        data = data.subset(_training_part(data, by_id, settings))
    origins = _origins(steps, data.ids)
    FOLDER.begin(out, config)

    def fit_draw(draw: int, going: Sequence[Step]) -> None:
        seed = settings.seed + draw - 1
        models = {
            model_name(step.name, number): StepFit(
                step,
                hash_name(seed, "ablate", number) % 2**31,
                (stores or {}).get(step.name),
                data if curves else None,
                epochs_seen,
                (prepare or {}).get(step.name),
            )
            for step in going
            for number in range(1, settings.n_seeds + 1)
        }
        crossvalidate(
            data,
            catalog,
            models,
            out / DRAWS / str(draw),
            CrossvalSettings(settings.groupings, settings.n_folds, seed),
            recipes={
                name: fit.step.to_mapping()
                | origins.get(fit.step.name, {})
                | ({} if fit.prepare is None else fit.prepare.to_mapping())
                for name, fit in models.items()
            },
            listen=False,
            workplace=workplace,
            progress=None if progress is None else partial(_told, progress, draw, settings.n_draws),
        )

    going = list(steps)
    for draw in range(1, settings.n_draws + 1):
        while True:
            try:
                fit_draw(draw, going)
                break
            except StepFailed as error:
                if error.step == steps[0].name:
                    raise
                going = [step for step in going if step.name != error.step]
                if failed is not None:
                    failed(error)
        if draw < settings.n_draws:  # what is known so far
            conclude_ablation(out, ensembles=ensembles)
    return recompute(out, ensembles=ensembles)


def recompute(out: Path, *, ensembles: bool = False) -> Ablation:
    """Table, figures and curves of the draws in ``out`` that are there. Raises as `conclude_ablation`."""
    FOLDER.read(out)
    result = conclude_ablation(out, ensembles=ensembles)
    write_curves(out / CURVES, result.histories)
    return result


def _told(progress: Callable[[FitReport], None], draw: int, n_draws: int, report: FitReport) -> None:
    """Say of a fit which draw it belongs to, and count over all draws."""
    before, name = (draw - 1) * report.n_fits, f"draw {draw}, {report.model}"
    progress(replace(report, model=name, number=before + report.number, n_fits=n_draws * report.n_fits))


def _origins(steps: Sequence[Step], ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """By step, the hash of the weights that it begins from. Raises `InputError` where these heard ``ids``."""
    from avianvox.training.origin import Origin

    found = {}
    for step in steps:
        if step.settings.from_ is not None and step.model in NETWORKS:
            origin = Origin.open(step.settings.from_)
            origin.refuse_heard(ids)
            found[step.name] = {"from_sha256": origin.sha256}
    return found


def _training_part(
    data: TrainingData, by_id: Mapping[str, Recording], settings: AblationSettings
) -> np.ndarray:
    recordings = [by_id[name] for name in data.ids]
    split = make_split(recordings, grouping=settings.grouped, n_folds=settings.n_folds, seed=settings.seed)
    return split.folds[0].train
