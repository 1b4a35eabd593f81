"""A detector of boxes is trained and becomes a model file: `train_detector`, `export_detector`."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avianvox.api.watch import Watch
from avianvox.errors import AvianvoxError

if TYPE_CHECKING:
    from avianvox.detect.export import DetectorExport
    from avianvox.detect.run import DetectorRun
    from avianvox.types import Recording

Steps = Callable[[int, int, Mapping[str, float]], None]


def boxed_recordings(
    catalogs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    label: str = "",
    watch: Watch | None = None,
) -> "list[Recording]":
    """Recordings with the boxes that are drawn in them, of several catalogs.

    A folder without tables of annotations is a catalog like any other: what has no bird is background.

    Parameters
    ----------
    catalogs : path-like, or an iterable of them
    label : str
        Of boxes that the tables give no name.
    watch : Watch, optional
        Is told what is wrong with a box.

    Raises
    ------
    CatalogError
        One can't be read, or two have a recording of the same id.
    """
    from avianvox.dataset.catalog import SOURCE_PROBLEM, read_catalog
    from avianvox.dataset.sources.annotations import NoTables, read_boxes
    from avianvox.files import named

    watch = watch or Watch()
    by_id: dict[str, Recording] = {}
    for path in _paths(catalogs):
        try:
            catalog = read_boxes(path, label=label)
        except NoTables:
            catalog = read_catalog(path)
        for problem in catalog.problems:
            if problem.kind == SOURCE_PROBLEM:
                watch.say(problem.message)
        for recording in catalog.recordings:
            name = recording.id
            if name in by_id and by_id[name].path != recording.path:
                name = f"{named(path).name}/{name}"
            by_id[name] = replace(recording, id=name)
    return list(by_id.values())


def _paths(catalogs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    return [Path(path) for path in ([catalogs] if isinstance(catalogs, str | os.PathLike) else catalogs)]


def train_detector(
    catalogs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    label: str = "",
    config: Path | None = None,
    store: Path | None = None,
    resume: bool = False,
    fresh: bool = False,
    jobs: int = 1,
    watch: Watch | None = None,
    on_step: Steps | None = None,
    **settings: Any,
) -> "DetectorRun":
    """Train a detector on recordings with boxes, and leave a run folder.

    Parameters
    ----------
    catalogs : path-like, or an iterable of them
        As in `boxed_recordings`.
    out : path-like
        The run folder.
    label : str
        Of boxes that the tables give no name.
    config : Path, optional
        TOML file with the tables ``[detect]`` and ``[features]``.
    store : Path, optional
        Feature store; one inside ``out`` by default.
    resume, fresh : bool
        Continue the run in ``out``, or replace it.
    jobs : int
        Worker processes that compute features.
    watch : Watch, optional
    on_step : callable, optional
        Called after each step with its number, the number of all, and the last figures.
    **settings
        Of ``[detect]``, before those of the file.

    Returns
    -------
    DetectorRun
        ``figures`` has mean IoU and average precision of the recordings held out, also over the steps.

    Raises
    ------
    CatalogError, ConfigError, InputError, RunError, StoreError

    Examples
    --------
    A detector takes minutes; from then on its file finds boxes::

        run = av.train_detector("annotated", "runs/detector", label="Ninox boobook", steps=1000)
        print(run.figures["validation"])
        made = av.export_detector(run.path, "owl.tflite")
        found = av.find_boxes("recordings", detector=made.path, min_score=0.7)

    Settings are looked at first:

    >>> import avianvox as av
    >>> av.train_detector("annotated", "runs/detector", step=1000)
    Traceback (most recent call last):
    avianvox.errors.ConfigError: [detect] has no key 'step'; did you mean 'steps'?
    """
    from avianvox.detect.settings import read_detect_file
    from avianvox.detect.train import refuse_earlier_run, train_detector
    from avianvox.features.provide import default_store, provide_store
    from avianvox.workers import Workplace

    watch = watch or Watch()
    chosen, spec = read_detect_file(config, {k: v for k, v in settings.items() if v is not None})
    place, paths = Path(out), _paths(catalogs)
    if not fresh:
        refuse_earlier_run(place, resume=resume)
    recordings = boxed_recordings(paths, label=label, watch=watch)
    with watch.counting("features") as progress:
        features = provide_store(
            recordings,
            spec,
            store or default_store(place, spec),
            workplace=Workplace(jobs),
            progress=progress,
        )
    return train_detector(
        recordings,
        features,
        chosen,
        place,
        spec=spec,
        catalogs=[os.fspath(path) for path in paths],
        resume=resume,
        fresh=fresh,
        progress=on_step,
    )


def export_detector(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    name: str | None = None,
    licence: str = "",
    min_score: float = 0.5,
    quantize: str = "none",
) -> "DetectorExport":
    """Make a model file of a trained detector, compared with its network.

    Parameters
    ----------
    run : path-like
        The folder of `train_detector`.
    out : path-like
    name : str, optional
        Of the model; that of the file by default.
    licence : str
        Of the model, for its card.
    min_score : float in [0, 1]
        Of a box, where nobody asks for another.
    quantize : {"none", "float16"}
        Weights in half precision.

    Raises
    ------
    RunError
        There is no finished run of a detector.
    ModelFileError
        The file differs too much from its network.
    OutputError

    Examples
    --------
    >>> import avianvox as av
    >>> av.export_detector("recordings", "owl.tflite")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    avianvox.errors.RunError: no detector run in recordings: ...
    """
    from avianvox.detect.run import DetectorRun

    opened = DetectorRun.open(Path(run))  # before Keras is loaded
    from avianvox.detect.export import export_detector

    return export_detector(
        Path(run),
        Path(out),
        name=name,
        licence=licence,
        least_score=min_score,
        quantize=quantize,
        recordings=_learned_files(opened),
    )


def _learned_files(run: "DetectorRun") -> list[Path]:
    """Files that a detector learned from, as far as its catalogs still lead to them."""
    learned = set(run.learned)
    try:
        found = boxed_recordings(run.config["catalogs"])
    except AvianvoxError:
        return []
    return [recording.path for recording in found if recording.id in learned]
