"""Models are compared on folds: `crossvalidate`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avianvox.api.catalogs import catalog_of, unreadable
from avianvox.api.watch import Watch
from avianvox.errors import InputError, UnknownNameError
from avianvox.evaluation.rules import RULES
from avianvox.models import MODELS, SETS
from avianvox.models.probes import PROBES, probe_of
from avianvox.registry import nearest

if TYPE_CHECKING:
    from avianvox.api.catalogs import Recordings
    from avianvox.dataset.catalog import Catalog
    from avianvox.dataset.training_data import TrainingData
    from avianvox.evaluation.conclude import CrossvalResult
    from avianvox.evaluation.figures import Table
    from avianvox.evaluation.fits import FitFunction
    from avianvox.features.spec import FeatureSpec
    from avianvox.features.store import FeatureStore
    from avianvox.models.protocol import Progress, TrainSettings
    from avianvox.types import Recording
    from avianvox.workers import Workplace

UNUSED = ("model", "seed", "validation", "patience", "validation_windows")
"""Keys of a [train] table that mean nothing here: models and seed are options, and no fit holds data back."""


@dataclass(frozen=True)
class Compared:
    """A cross-validation that is done.

    Attributes
    ----------
    path : Path
        The run folder.
    result : CrossvalResult
    catalog : Catalog
    store : FeatureStore
    left_out : tuple of str
        One line for each recording that could not be used.
    """

    path: Path
    result: "CrossvalResult"
    catalog: "Catalog"
    store: "FeatureStore"
    left_out: tuple[str, ...]

    @property
    def table(self) -> "Table":
        """The ladder: a row for each model that names species."""
        return self.result.table

    @property
    def figures(self) -> Mapping[str, Any]:
        """All figures, as ``figures.json`` holds them."""
        return self.result.figures

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know beside the numbers."""
        return self.result.notes

    @property
    def failed(self) -> list[str]:
        """One line for each recording that could not be read."""
        return unreadable(self.catalog.recordings, self.store)

    def accuracy(self, model: str, grouping: str = "session") -> float:
        """Of recordings, pooled over the folds of a grouping: the number of the ladder."""
        found = self.figures["models"][model]["groupings"][grouping]
        return float(found["recording"]["accuracy"]["pooled"])

    def __repr__(self) -> str:
        models = ", ".join(self.result.seconds)
        return f"<cross-validation of {models} in {self.path}>"

    def _repr_html_(self) -> str:
        from avianvox.api.display import table_html

        table, called = self.table, "models"
        if not table.rows and self.result.tasks is not None:
            table, called = self.result.tasks, "figures"
        rows = [list(row) for row in table.rows]
        return table_html(table.columns, rows, n_rows=len(rows), called=called)


def crossvalidate(
    catalog: "Recordings",
    models: str | Sequence[str],
    out: "str | os.PathLike[str]",
    *,
    groupings: Sequence[str] = ("random", "session"),
    folds: int = 3,
    seed: int = 0,
    per_class: Sequence[int] = (),
    hold_out_species: int | None = None,
    epochs: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: "str | os.PathLike[str] | None" = None,
    spec: str | None = None,
    store: "str | os.PathLike[str] | None" = None,
    jobs: int = 1,
    workplace: "Workplace | None" = None,
    ensemble: bool = False,
    fresh: bool = False,
    against: str | None = None,
    watch: Watch | None = None,
) -> Compared:
    """Compare models on random and on grouped folds.

    Random folds are too optimistic, because training and test share recording sessions; folds that keep
    sessions together are added where ``groupings`` has none. Each fit is kept at once: the same call goes on
    with a run that was interrupted, and more models add to it.

    Parameters
    ----------
    catalog : Catalog, path-like, or an iterable of paths or recordings
    models : str or sequence of str
        Names in `avianvox.models.MODELS` or its ``SETS``, such as ``"ladder"``, and rules that hear nothing,
        such as ``"chance"``.
    out : path-like
        The run folder.
    groupings : sequence of str
        Of ``random``, ``session``, ``recordist``, ``site`` and ``published``.
    folds : int
    seed : int
        Of folds and fits.
    per_class : sequence of int
        Learning curves: maximum numbers of training recordings of a class.
    hold_out_species : int, optional
        Besides, fit each model without so many species at a time.
    epochs : int, optional
        Of networks.
    settings : mapping, optional
        What else ``[train]`` may say of networks, such as ``{"batch_size": 8}``; it goes before ``config``.
    config : path-like, optional
        TOML file of `train`.
    spec : str, optional
        Named feature settings.
    store : path-like, optional
        Feature store; one in ``out`` if left out.
    jobs : int
        Processes that compute features. A script that asks for more than one needs
        ``if __name__ == "__main__":``.
    workplace : Workplace, optional
        Where the fits are made; here, if left out.
    ensemble : bool
        Average the probabilities of the models too: a row ``"ensemble"``. Rules don't count.
    fresh : bool
        Discard an earlier run in ``out``.
    against : str, optional
        Model that each other one is compared with, paired by session.
    watch : Watch, optional

    Returns
    -------
    Compared

    Raises
    ------
    UnknownNameError, InputError, CatalogError, RunError, StoreError, MissingExtraError

    Examples
    --------
    >>> import avianvox as av
    >>> compared = av.crossvalidate("recordings", ["chance", "gnb_mfcc"], "comparison", folds=2)
    >>> compared.accuracy("chance") < compared.accuracy("gnb_mfcc")
    True
    """
    from dataclasses import replace

    from avianvox.config import settings_to_mapping
    from avianvox.dataset.labels.measured import measured_catalog
    from avianvox.dataset.training_data import training_data
    from avianvox.errors import require_extra
    from avianvox.evaluation.crossval import CrossvalSettings
    from avianvox.evaluation.crossval import crossvalidate as compare
    from avianvox.evaluation.run_folder import FOLDER
    from avianvox.features.layout import STORE
    from avianvox.features.provide import default_store, provide_store
    from avianvox.features.spec import spec_named
    from avianvox.inference.embedding import EmbeddingSpec
    from avianvox.models.networks import NETWORKS
    from avianvox.tasks.asked import columns_of, tasks_of
    from avianvox.training.config import ears_of
    from avianvox.workers import Workplace

    for module in ("sklearn", "matplotlib"):
        require_extra(module, extra="train", purpose="avianvox crossval")
    watch, here, out = watch or Watch(), workplace or Workplace(), Path(out)
    names = rungs([models] if isinstance(models, str) else models, against=against)
    asked = CrossvalSettings(tuple(groupings), folds, seed, tuple(per_class), hold_out_species)
    given = {**(settings or {}), **({} if epochs is None else {"epochs": epochs})}
    train_settings, features_spec, recipes = _settings(
        None if config is None else Path(config), given, names, watch
    )
    if not train_settings.species:
        wants = {"--ensemble": ensemble, "--hold-out-species": hold_out_species, "--per-class": per_class}
        _refuse_without_species([name for name, wanted in wants.items() if wanted])
    if spec is not None:
        features_spec = spec_named(spec)
    teachers = [
        ear for name in names if name in NETWORKS for ear in ears_of(recipes.get(name, train_settings))
    ]
    ear_names = dict.fromkeys([*(ear[0] for name in names if (ear := probe_of(name))), *teachers])
    ear_specs = [EmbeddingSpec.of_model(name) for name in ear_names]
    if train_settings.tasks:
        _tell_without_tasks(names, watch)
    found = catalog_of(catalog)
    for line in found.problem_lines():
        watch.say(line)
    FOLDER.refuse_foreign(out)
    with watch.comparing() as told:
        at = default_store(out, features_spec) if store is None else Path(store)
        extracted = here if here.executor == "dask" else Workplace(jobs)
        features = provide_store(
            found.recordings, features_spec, at, workplace=extracted, progress=told.features
        )
        asked_columns = [task.column for task in tasks_of(train_settings.tasks)]
        found = measured_catalog(found, features, asked_columns)
        data = training_data(found, features, features_spec, found.labels)
        by_id = {recording.id: recording for recording in found.recordings}
        usable = [by_id[name] for name in data.ids]
        train_settings = _settled(train_settings, usable)
        recipes = {name: _settled(own, usable) for name, own in recipes.items()}
        data = replace(data, values=columns_of(tasks_of(train_settings.tasks), usable))
        ears = {
            ear.model: provide_store(
                found.recordings,
                ear,
                default_store(out, ear),
                workplace=extracted,
                progress=told.features,
            )
            for ear in ear_specs
        }
        unknown = data.names if hold_out_species else ()
        networks = [recipes.get(name, train_settings) for name in names if name in NETWORKS]
        learned_from = _learned_from(networks, data, unknown)
        learned_from |= {ear.model: ear.sha256 for ear in ear_specs}
        epochs_seen = told.epoch if here.executor == "serial" else None
        result = compare(
            replace(data, ears={name: ears[name] for name in teachers}),
            found,
            {name: _fit(name, found, recipes.get(name, train_settings), epochs_seen, ears) for name in names},
            out,
            asked,
            model_settings=settings_to_mapping(train_settings),
            recipes={name: settings_to_mapping(own) for name, own in recipes.items()},
            learned_from=learned_from,
            ensemble=tuple(name for name in names if name not in RULES) if ensemble else (),
            fresh=fresh,
            workplace=replace(
                here, shared=tuple((one.path / STORE).absolute() for one in (features, *ears.values()))
            ),
            against=against,
            progress=told.fit,
            steps=told.step,
        )
    return Compared(out, result, found, features, data.left_out)


def rungs(names: Sequence[str], *, against: str | None = None) -> tuple[str, ...]:
    """The names of models and rules, with the members of each set in its place.

    Raises
    ------
    UnknownNameError
        One of them is none.
    InputError
        There are none, or ``against`` is not among them: this is said before hours of fits.
    """
    if not names:
        raise InputError("--models names no model")
    known = [*MODELS, *RULES, *SETS]
    found: list[str] = []
    for name in names:
        first, *ears = name.split("+")
        if first not in known and probe_of(first) is None:
            raise UnknownNameError(
                f"unknown model '{first}'{nearest(first, known)} (known: {', '.join(known)}; with an ear "
                f"such as birdnet: {', '.join(f'birdnet_{probe}' for probe in PROBES)})"
            )
        found += SETS.get(first, (first,))
        found += [f"{ear}_{probe}" for ear in ears for probe in PROBES]
    if against is not None and against not in found:
        raise InputError(f"--against {against}: name it in --models too")
    return tuple(dict.fromkeys(found))


def _fit(
    name: str,
    catalog: "Catalog",
    settings: "TrainSettings",
    epochs_seen: "Progress | None",
    ears: "Mapping[str, FeatureStore]",
) -> "FitFunction":
    from functools import partial

    from avianvox.evaluation.fits import rule_fit
    from avianvox.models.protocol import fit_function

    if name in RULES:
        return rule_fit(name, catalog)
    if found := probe_of(name):
        from avianvox.models.probes.probe import fit_probe

        ear, probe = found
        return partial(fit_probe, PROBES.get(probe), settings, catalog.labels, ears[ear])
    return fit_function(MODELS.get(name), settings, epochs_seen)


def _settings(
    config: Path | None, given: Mapping[str, Any], names: Sequence[str], watch: Watch
) -> "tuple[TrainSettings, FeatureSpec, dict[str, TrainSettings]]":
    """How models are fitted, on what, and how those are that have a recipe; ``watch`` hears unused keys."""
    from avianvox.config import parse_toml
    from avianvox.models.networks import RECIPES
    from avianvox.training.config import TrainConfig, read_train_file

    read, spec = read_train_file(config, model=TrainConfig.model, **given)
    if config is not None:
        written = parse_toml(config).get("train", {})
        if unused := [name for name in written if name in UNUSED]:
            watch.say(f"not used from {config}: {', '.join(unused)}")
    own = {
        name: read_train_file(config, model=name, **given)[0].settings for name in names if name in RECIPES
    }
    return read.settings, spec, own


def _settled(settings: "TrainSettings", recordings: "Sequence[Recording]") -> "TrainSettings":
    """With the classes of the tasks that the recordings have."""
    from dataclasses import replace

    from avianvox.tasks.asked import choices_of, settled_tasks, tasks_of

    tasks = settled_tasks(tasks_of(settings.tasks), recordings)
    return replace(settings, tasks=choices_of(tasks)) if tasks else settings


def _refuse_without_species(options: Sequence[str]) -> None:
    """Raise `InputError` where options are given that look at species alone."""
    if options:
        raise InputError(
            f"{', '.join(options)}: expected models that name species, got [train] species = false; leave "
            "the option or the setting out"
        )


def _tell_without_tasks(names: Sequence[str], watch: Watch) -> None:
    """Say which models answer no tasks; raises `InputError` where none does."""
    from avianvox.models.networks import NETWORKS

    without = [name for name in names if name not in NETWORKS]
    if len(without) == len(names):
        raise InputError(
            f"[[tasks]]: expected a network among the models, got {', '.join(names)}; networks: "
            f"{', '.join(NETWORKS)}"
        )
    if without:
        watch.say(f"[[tasks]] are answered by networks alone, and not by {', '.join(without)}")


def _learned_from(
    networks: "Sequence[TrainSettings]", data: "TrainingData", unknown: tuple[str, ...]
) -> dict[str, str]:
    """Names and hashes of what networks of these settings learn from besides.

    Raises `InputError` where earlier weights know recordings of ``data``, or species of ``unknown``.
    """
    from hashlib import sha256

    from avianvox.training.inherited import BESIDES, hashes_besides, of_samples
    from avianvox.training.origin import Origin

    found: dict[str, str] = {}
    for settings in networks:
        if settings.from_ is not None and settings.from_ not in found:
            origin = Origin.open(settings.from_)
            origin.refuse_heard(data.ids)
            origin.refuse_known(unknown)
            found[settings.from_] = origin.sha256
        if settings.generated is not None:
            found |= {entry["name"]: entry["sha256"] for entry in of_samples(settings.generated)}
        if settings.self_training is not None:
            found["recordings without a label"] = sha256(repr(data.unlabelled).encode()).hexdigest()
        found |= {BESIDES[key]: digest for key, digest in hashes_besides(settings, data).items()}
    return found
