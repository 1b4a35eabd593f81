"""Models are taught and leave as files: `train` and `export`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avianvox.api.catalogs import catalog_of, unreadable
from avianvox.api.watch import Watch
from avianvox.errors import InputError

if TYPE_CHECKING:
    from avianvox.api.catalogs import Recordings
    from avianvox.dataset.catalog import Catalog
    from avianvox.export.exporter import ExportReport
    from avianvox.export.on_ear import EarExport
    from avianvox.features.spec import FeatureSpec
    from avianvox.features.store import FeatureStore
    from avianvox.training.config import TrainConfig
    from avianvox.training.on_ear import EarRun
    from avianvox.training.run import Run
    from avianvox.types import LabelSet


NOT_ON_EAR = (
    "a head on an ear has no such settings, and answers the species alone; [[tasks]] are for networks, "
    "such as avianvox_small"
)


@dataclass(frozen=True)
class Trained:
    """A training run that is done.

    Attributes
    ----------
    run : Run or EarRun
        What lies in the run folder.
    catalog : Catalog
    store : FeatureStore
        What it learned from.
    """

    run: "Run | EarRun"
    catalog: "Catalog"
    store: "FeatureStore"

    def __repr__(self) -> str:
        return f"<training run of {len(self.labels)} classes in {self.path}>"

    @property
    def path(self) -> Path:
        return self.run.path

    @property
    def labels(self) -> "LabelSet":
        return self.run.labels

    @property
    def figures(self) -> Mapping[str, Any]:
        """How good it is, as ``figures.json`` holds it."""
        return self.run.figures

    @property
    def failed(self) -> list[str]:
        """One line for each recording that could not be read."""
        return unreadable(self.catalog.recordings, self.store)


def train(
    catalog: "Recordings",
    out: "str | os.PathLike[str]",
    *,
    model: str | None = None,
    on: str | None = None,
    store: "str | os.PathLike[str] | None" = None,
    config: "str | os.PathLike[str] | None" = None,
    resume: bool = False,
    fresh: bool = False,
    jobs: int = 1,
    watch: Watch | None = None,
    **settings: Any,
) -> Trained:
    """Train a model on a catalog.

    Parameters
    ----------
    catalog : Catalog, path-like, or an iterable of paths or recordings
        Recordings without a bird are in a folder ``background`` or ``no bird``.
    out : path-like
        The run folder.
    model : str, optional
        A name in `avianvox.models.MODELS`; the default network if left out.
    on : str, optional
        Name or file of a model that gives embeddings, such as ``"birdnet"``: a head on it, in seconds.
    store : path-like, optional
        Feature store; one in ``out`` if left out.
    config : path-like, optional
        TOML file with the tables ``[train]`` and ``[features]``.
    resume, fresh : bool
        Go on with the run in ``out``, or replace it.
    jobs : int
        Processes that compute features. A script that asks for more than one needs
        ``if __name__ == "__main__":``.
    watch : Watch, optional
    **settings
        What ``[train]`` may say, such as ``epochs``, ``batch_size``, ``validation``, ``seed``, ``loss`` or
        ``from_``; ``teacher`` names a model whose embeddings are learned beside the classes.

    Returns
    -------
    Trained

    Raises
    ------
    CatalogError, ConfigError, InputError, RunError, StoreError
        ``out`` holds a run already, settings are unknown, or nothing can be learned from.
    MissingExtraError
        The model needs a package that is not installed.

    Examples
    --------
    >>> import avianvox as av
    >>> trained = av.train("recordings", "run", model="logreg_windows", validation=0)
    >>> len(trained.labels), trained.figures["train"]["n_recordings"]
    (4, 16)
    """
    watch = watch or Watch()
    if on is not None:
        given = dict(settings)
        seed = given.pop("seed", 0)
        others = [name for name, value in (("model", model), ("config", config)) if value is not None]
        if others := [*others, *given, *(["resume"] if resume else [])]:
            raise InputError(f"on takes no {', '.join(others)}; {NOT_ON_EAR}")
        return _train_on_ear(catalog, Path(out), on, store, seed=seed, fresh=fresh, jobs=jobs, watch=watch)
    if model is not None:
        settings["model"] = model
    return _train(
        catalog,
        Path(out),
        store,
        None if config is None else Path(config),
        settings,
        resume=resume,
        fresh=fresh,
        jobs=jobs,
        watch=watch,
    )


def _train(
    given: "Recordings",
    out: Path,
    store: "str | os.PathLike[str] | None",
    config: Path | None,
    settings: Mapping[str, Any],
    *,
    resume: bool,
    fresh: bool,
    jobs: int,
    watch: Watch,
) -> Trained:
    from avianvox.errors import require_extra

    require_extra("sklearn", extra="train", purpose="avianvox train")
    from avianvox.features.provide import default_store, provide_store
    from avianvox.inference.embedding import EmbeddingSpec
    from avianvox.models.networks import NETWORKS
    from avianvox.training.config import ears_of
    from avianvox.training.train import check_trainable, refuse_earlier_run, train
    from avianvox.workers import Workplace

    refuse_earlier_run(out, resume=resume or fresh)
    asked, spec = settings_of(config, settings)
    check_trainable(asked.model)
    if asked.model in NETWORKS:
        require_extra("tensorflow", extra="train", purpose=f"avianvox train --model {asked.model}")
    catalog = catalog_of(given)
    for line in catalog.problem_lines():
        watch.say(line)
    at = default_store(out, spec) if store is None else Path(store)
    with watch.counting("features") as report:
        features = provide_store(catalog.recordings, spec, at, workplace=Workplace(jobs), progress=report)
    ears = {}
    for name in ears_of(asked):
        ear_spec = EmbeddingSpec.of_model(name)
        with watch.counting(f"embeddings by {name}") as report:
            place = default_store(out, ear_spec)
            ears[name] = provide_store(
                catalog.recordings, ear_spec, place, workplace=Workplace(jobs), progress=report
            )
    with watch.epochs() as epochs:
        run = train(
            catalog,
            features,
            asked,
            out,
            spec=spec,
            ears=ears,
            catalogs=catalog.paths,
            resume=resume,
            fresh=fresh,
            progress=epochs,
        )
    return Trained(run, catalog, features)


def settings_of(config: Path | None, settings: Mapping[str, Any]) -> "tuple[TrainConfig, FeatureSpec]":
    """What a TOML file and settings besides say; these go first, and a teacher is the guide that it is."""
    from avianvox.config import parse_toml
    from avianvox.models.networks import DEFAULT_NETWORK
    from avianvox.training.config import read_train_file

    options = {name.removesuffix("_"): value for name, value in settings.items()}
    if "teacher" in options:
        options["guide"] = {"kind": "teacher", "model": options.pop("teacher")}
    written = {} if config is None else parse_toml(config).get("train", {})
    own = written.get("guide")
    if "guide" in options and isinstance(own, dict) and own.get("kind") == "teacher":
        options = {**options, "guide": {**own, **options["guide"]}}  # the file says how, the option who
    asked = {**written, **options}
    if "model" not in asked:
        options = {"model": _begun_model(asked.get("from")) or DEFAULT_NETWORK, **options}
    return read_train_file(config, **options)


def _begun_model(run: Any) -> str | None:
    """The network of the run whose weights are begun from; None where there is none."""
    if not isinstance(run, str | Path):
        return None
    from avianvox.training.origin import Origin

    return Origin.open(run).run.architecture


def _train_on_ear(
    given: "Recordings",
    out: Path,
    ear: str,
    store: "str | os.PathLike[str] | None",
    *,
    seed: int,
    fresh: bool,
    jobs: int,
    watch: Watch,
) -> Trained:
    from avianvox.errors import require_extra
    from avianvox.features.provide import default_store, provide_store
    from avianvox.inference.embedding import EmbeddingSpec
    from avianvox.training.on_ear import refuse_taken, train_on_ear
    from avianvox.workers import Workplace

    require_extra("sklearn", extra="train", purpose="avianvox train --on")
    refuse_taken(out, fresh=fresh)
    spec = EmbeddingSpec.of_model(ear)
    catalog = catalog_of(given)
    for line in catalog.problem_lines():
        watch.say(line)
    at = default_store(out, spec) if store is None else Path(store)
    with watch.counting("embeddings") as report:
        features = provide_store(catalog.recordings, spec, at, workplace=Workplace(jobs), progress=report)
    run = train_on_ear(catalog, features, out, seed=seed, catalogs=catalog.paths, fresh=fresh)
    return Trained(run, catalog, features)


def export(
    run: "Trained | Run | EarRun | str | os.PathLike[str]",
    out: "str | os.PathLike[str]",
    *,
    quantize: str | None = None,
    verify: bool = True,
    name: str | None = None,
    figures: "str | os.PathLike[str] | None" = None,
    licence: str = "",
    head_only: bool = False,
) -> "ExportReport | EarExport":
    """Export a training run as one model file, which `classify` and phones run.

    Parameters
    ----------
    run : Trained or path-like
        A run, or its folder.
    out : path-like
        The model file, such as ``first.tflite``.
    quantize : {"none", "float16", "dynamic", "int8"}, optional
        Quantisation of the network; none, and float16 of a head on an ear, if left out.
    verify : bool
        Compare the file with its model, and write nothing where they differ.
    name : str, optional
        Of the model; the file's name if left out.
    figures : path-like, optional
        ``figures.json`` of a cross-validation, for the model card.
    licence : str
        Of the model, for the model card.
    head_only : bool
        Of a head on an ear: leave the ear out.

    Returns
    -------
    ExportReport or EarExport
        ``path``, ``size`` in bytes and ``info`` of the file.

    Raises
    ------
    InputError, RunError, ModelFileError, OutputError
        There is no such run, or its model answers for whole recordings, or the file differs from it.

    Examples
    --------
    >>> import avianvox as av
    >>> trained = av.train("recordings", "windows", model="logreg_windows", validation=0)
    >>> made = av.export(trained, "synthetic.tflite")
    >>> av.classify("recordings/Sonospiza loquax", model=made.path)[0].scientific_name
    'Sonospiza loquax'
    """
    from avianvox.audio.guard import refuse_recording

    folder = Path(run) if isinstance(run, str | os.PathLike) else run.path
    out = Path(out)
    refuse_recording(out)
    on_ear = refuse_for_run(folder, quantize=quantize, head_only=head_only)
    if on_ear:
        from avianvox.export.on_ear import export_on_ear

        float16 = quantize != "none"
        return export_on_ear(folder, out, name=name, float16=float16, licence=licence, head_only=head_only)
    from avianvox.audio.chatter import silence_decoders

    with silence_decoders():  # TensorFlow greets on standard error
        from avianvox.export import export_run

    return export_run(
        folder,
        out,
        quantize=quantize or "none",
        verify=verify,
        name=name,
        figures=None if figures is None else Path(figures),
        licence=licence,
    )


def refuse_for_run(folder: Path, *, quantize: str | None, head_only: bool) -> bool:
    """Raise `InputError` where the run in ``folder`` can't leave so; whether it is a head on an ear."""
    from avianvox.training.on_ear import FOLDER as ON_EAR
    from avianvox.training.run import FOLDER as NETWORK

    if ON_EAR.is_at(folder):
        if quantize not in (None, "none", "float16"):
            raise InputError(f"--quantize {quantize}: a head on an ear is exported with none or float16")
        if head_only and quantize is not None:
            raise InputError("--head-only and --quantize exclude each other")
        return True
    NETWORK.read(folder)
    if head_only:
        raise InputError("--head-only is for a run on an ear: avianvox train CATALOG --on birdnet")
    return False
