"""How much a whole pipeline labels without a person: `pipeline`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avianvox.calibration.pipeline import PipelineShare


def pipeline(
    run: "str | os.PathLike[str]",
    *,
    model: str | None = None,
    presence: str | None = None,
    species: str | None = None,
    count: str | None = None,
    within_one: bool = False,
    accuracy: float = 0.966,
    count_accuracy: float | None = None,
    grouping: str = "session",
    page: "str | os.PathLike[str] | None" = None,
) -> "PipelineShare":
    """Measure how much a pipeline labels without a person: empty or not, then the species, then how many.

    Parameters
    ----------
    run : path-like
        Folder of a cross-validation.
    model : str, optional
        Of the run; the only one by default.
    presence, species, count : str, optional
        Tasks that answer a stage, as ``"TASK"`` or ``"RUN:TASK"``. Without ``presence``, the species say what
        is empty; without ``species``, they are the labels of the run; without ``count``, nothing counts.
    within_one : bool
        Count neighbouring bins as right too.
    accuracy, count_accuracy : float in [0, 1]
        Wanted of each stage, and of the count; by default that of volunteers in Snapshot Serengeti.
    grouping : str
        Of the folds.
    page : path-like, optional
        HTML page with the table and a picture.

    Returns
    -------
    PipelineShare
        ``share`` of all recordings that are labelled automatically, ``accuracy`` of these, and ``stages``.

    Raises
    ------
    InputError, RunError

    Examples
    --------
    >>> import avianvox as av
    >>> compared = av.crossvalidate("recordings", "gnb_mfcc", "compared-run", folds=2)
    >>> found = av.pipeline("compared-run", accuracy=0.5)
    >>> [stage.name for stage in found.stages], 0 <= found.share <= 1
    (['empty or not', 'species'], True)
    """
    return measured(
        run,
        model=model,
        presence=presence,
        species=species,
        count=count,
        within_one=within_one,
        accuracy=accuracy,
        count_accuracy=count_accuracy,
        grouping=grouping,
        page=page,
    )[0]


def measured(
    run: "str | os.PathLike[str]",
    *,
    model: str | None,
    presence: str | None,
    species: str | None,
    count: str | None,
    within_one: bool,
    accuracy: float,
    count_accuracy: float | None,
    grouping: str,
    page: "str | os.PathLike[str] | None",
) -> "tuple[PipelineShare, tuple[PipelineShare, ...]]":
    """What `pipeline` returns, and the same over `avianvox.report.pipeline.TARGETS`."""
    from avianvox.calibration.pipeline import automate, pipeline_curve
    from avianvox.calibration.stages import Asked, stages_of
    from avianvox.files import atomic_write
    from avianvox.report.pipeline import TARGETS, pipeline_page

    counted = accuracy if count_accuracy is None else count_accuracy
    asked = Asked(presence or "", species or "", count or "", within_one, accuracy, counted)
    recordings, stages, folds = stages_of(Path(run), asked, model=model, grouping=grouping)
    found = automate(stages, folds, recordings=recordings)
    curve = pipeline_curve(stages, TARGETS, folds)
    if page is not None:
        with atomic_write(Path(page)) as stream:
            stream.write(pipeline_page(f"Automatic labelling, {Path(run).name}", stages, found, curve))
    return found, curve
