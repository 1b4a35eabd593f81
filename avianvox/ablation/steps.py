"""Steps of an ablation: the base, and what each step changes of it.

A file of steps is TOML. ``[base]`` holds ``model`` and settings of ``[train]``; ``[step.NAME]`` holds the
settings that a step changes. A step may name another ``model``, which then begins at its own recipe, or with
``recipe = "base"`` at the base's settings; ``spec`` names other feature settings. Where no steps are written,
`standard_changes` says which there are: every part of the base's recipe left out in turn, every option that
is off switched on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from avianvox.config import parse_toml, row_of, settings_from_mapping, settings_to_mapping
from avianvox.dataset.placing import PLACINGS
from avianvox.errors import ConfigError, InputError, UnknownNameError
from avianvox.features.spec import FeatureSpec, spec_named
from avianvox.inference.pooling import POOLINGS
from avianvox.models import ARCHITECTURES, MODELS
from avianvox.models.networks import DEFAULT_NETWORK, RECIPES
from avianvox.models.protocol import TrainSettings
from avianvox.registry import Registry, nearest
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.config import TrainConfig, ears_of
from avianvox.training.emphasis import EMPHASES
from avianvox.training.ensembles import ENSEMBLES
from avianvox.training.losses import LOSSES
from avianvox.training.optimisers import OPTIMISERS
from avianvox.training.samplers import SAMPLERS
from avianvox.training.schedules import SCHEDULES

BASE = "base"

TABLES: Mapping[str, Registry[Any]] = {
    "loss": LOSSES,
    "sampler": SAMPLERS,
    "placing": PLACINGS,
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "emphasis": EMPHASES,
    "pooling": POOLINGS,
    "ensemble": ENSEMBLES,
}
"""Settings that choose a row: each other row is a standard step."""

_ASKING: Mapping[str, Registry[Any]] = {"sampler": SAMPLERS, "augment": AUGMENTATIONS}
"""Those with a row that is no step: it needs a setting of the user's."""

MORE: Mapping[str, Mapping[str, Any]] = {
    "optimiser_sgd": {"learning_rate": 0.05},
    "emphasis_overlap": {"model": "avianvox_cbam", "recipe": "base"},
    "pcen": {"spec": "pcen", "combine": "mel", "placing": "anywhere"},
    "combine_mel": {"combine": "mel"},
    "crops_4": {"crops_per_recording": 4},
    "batch_16": {"batch_size": 16},
    "window_384": {"window_frames": 384},
    "window_640": {"window_frames": 640},
    "average": {"average": 0.99},
    "also": {"also": 0.2},
    "epochs_30": {"epochs": 30},
    "epochs_120": {"epochs": 120},
    "guide_ensemble": {"guide": "ensemble"},
    "guide_voice": {"model": "avianvox_cbam", "recipe": "base", "guide": "voice"},
    "with_beside": {"beside": ("logreg_windows",), "beside_share": 0.3},
    "kernels_5": {"shape": {"kind": "blocks", "kernels": [5]}},
    "wide": {"shape": {"kind": "blocks", "filters": [96, 96, 144, 144, 192]}},
    "deep": {"shape": {"kind": "blocks", "filters": [64, 64, 64, 96, 96, 96, 128]}},
    "published": {"model": "cnn_v20"},
}
"""Standard steps that no table holds, and what is set besides in those that one does."""

NOT_VARIED = (
    "epochs",
    "batch_size",
    "patience",
    "validation_windows",
    "combine",
    "padding",
    "from_",
    "freeze_until",
    "guide",
    "self_training",
    "tasks",
    "species",
    "generated",
)
"""Settings that no standard step takes from their default by itself; some are in `MORE`."""

_NAME = re.compile(r"[A-Za-z0-9_+]+")
_UNUSED = ("seed", "validation", "patience", "validation_windows")


@dataclass(frozen=True)
class Step:
    """One row of an ablation.

    Attributes
    ----------
    name : str
    model : str
        A row of `avianvox.models.MODELS`.
    settings : TrainSettings
    spec : FeatureSpec
        Of the features that are extracted.
    changes : mapping
        What differs from the base, as plain values; empty for the base itself.
    """

    name: str
    model: str
    settings: TrainSettings
    spec: FeatureSpec
    changes: Mapping[str, Any]

    def to_mapping(self) -> dict[str, Any]:
        """All that its fits depend on, as plain values."""
        own = FeatureSpec()
        spec = {} if self.spec == own else {"spec": self.spec.to_mapping()}
        return {"model": self.model, **settings_to_mapping(self.settings), **spec}


def read_steps(path: Path | None = None, *, model: str | None = None, **given: Any) -> dict[str, Step]:
    """The base, under the name "base", and then the steps.

    Parameters
    ----------
    path : Path, optional
        A file of steps; without it, `DEFAULT_NETWORK` and `standard_changes`.
    model : str, optional
        The base's model; goes before that of the file.
    **given
        Settings of ``[train]`` that count for the base and all steps, whatever these say.

    Raises
    ------
    ConfigError
        The file has unknown tables, keys or names, or a value that can't be.
    """
    document = {} if path is None else parse_toml(path)
    for name in document:
        if name not in (BASE, "step"):
            raise ConfigError(f"{path} has no table [{name}]{nearest(name, [BASE, 'step'])}")
    written = {**document.get(BASE, {}), **({} if model is None else {"model": model})}
    where = "" if path is None else f"{path}: "
    try:
        base = _step(BASE, {}, {"model": DEFAULT_NETWORK, **written}, given)
        changes = document.get("step") or standard_changes(base)
        found = [
            _step(name, own, {"model": DEFAULT_NETWORK, **written}, given) for name, own in changes.items()
        ]
        if "step" not in document:
            found = [step for step in found if step.to_mapping() != base.to_mapping()]
    except (ConfigError, InputError, UnknownNameError) as error:
        raise ConfigError(f"{where}{error}") from error
    return {step.name: step for step in (base, *found)}


def _step(name: str, changes: Mapping[str, Any], base: Mapping[str, Any], given: Mapping[str, Any]) -> Step:
    if not _NAME.fullmatch(name) or (name == BASE and changes):
        raise ConfigError(f"[step.{name}]: expected a name of letters, digits, _ and +, other than '{BASE}'")
    table = BASE if name == BASE else f"step.{name}"
    if not isinstance(changes, Mapping):
        raise ConfigError(f"expected a table [{table}], got {changes!r:.60}")
    if unused := [key for key in (*base, *changes) if key in _UNUSED]:
        raise ConfigError(f"[{table}] {unused[0]}: not used here, no fit holds recordings back; leave it out")
    model = changes.get("model", base["model"])
    if model not in MODELS:
        raise ConfigError(
            f"[{table}] model: expected one of {', '.join(MODELS)}, got {model!r:.60}"
            f"{nearest(str(model), list(MODELS))}"
        )
    recipe = changes.get("recipe", "own")
    if recipe not in ("own", BASE):
        raise ConfigError(f"[{table}] recipe: expected own or base, got {recipe!r:.60}")
    if model == base["model"] or recipe == BASE:
        begin = {**RECIPES.get(base["model"], {}), **base}
    else:
        begin = dict(RECIPES.get(model, {}))
    spec_name = changes.get("spec", base.get("spec"))
    values = {**begin, **changes, **given, "model": model}
    values = {key: value for key, value in values.items() if key not in ("recipe", "spec")}
    try:
        settings = settings_from_mapping(TrainConfig, values, table=table).settings
    except ConfigError as error:
        raise ConfigError(str(error) if f"[{table}]" in str(error) else f"[{table}]: {error}") from error
    if ears_of(settings):
        raise ConfigError(
            f"[{table}] guide: expected one that needs no other model, got a teacher; compare it with: "
            "avianvox crossval --config"
        )
    spec = FeatureSpec() if spec_name is None else spec_named(spec_name)
    return Step(name, model, settings, spec, _plain(changes))


def _plain(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in changes.items()}


def standard_changes(base: Step) -> dict[str, dict[str, Any]]:
    """The steps that say what each part of a recipe is worth, and what each option would be.

    ``no_X``: the setting or augmentation X left out; ``with_X``: switched on; ``TABLE_ROW``: another row of a
    table. Tables are gone through, so that a new row is a step.
    """
    found: dict[str, dict[str, Any]] = {}
    usual = TrainSettings()
    for field in fields(TrainSettings):
        name, value = field.name, getattr(base.settings, field.name)
        rows: dict[str, dict[str, Any]] = {}
        if name in TABLES:
            chosen = _kind(value)
            others = [row for row in TABLES[name] if row != chosen and _stands_alone(name, row)]
            rows = {f"{name}_{row}": {name: row} for row in others}
        elif name == "augment":
            rows = _augmentations(value)
        elif name in NOT_VARIED:
            continue
        elif isinstance(value, bool):
            rows = {f"{'no' if value else 'with'}_{name}": {name: not value}}
        elif value != getattr(usual, name):
            rows = {f"no_{name}": {name: getattr(usual, name)}}
        found |= {step: {**changes, **MORE.get(step, {})} for step, changes in rows.items()}
    found |= {
        f"model_{name}": {"model": name} for name in RECIPES if name not in (base.model, *ARCHITECTURES)
    }
    return {**found, **{step: dict(changes) for step, changes in MORE.items() if step not in found}}


def _augmentations(chosen: tuple[Any, ...]) -> dict[str, dict[str, Any]]:
    plain = [
        choice if isinstance(choice, str) else {"kind": choice.kind, **dict(choice.settings)}
        for choice in chosen
    ]
    kinds = [_kind(choice) for choice in chosen]
    without = {
        f"no_{kind}": {"augment": [row for row, own in zip(plain, kinds, strict=True) if own != kind]}
        for kind in kinds
    }
    others = [row for row in AUGMENTATIONS if row not in kinds and _stands_alone("augment", row)]
    return without | {f"with_{row}": {"augment": [*plain, row]} for row in others}


def _stands_alone(setting: str, row: str) -> bool:
    """Whether a row needs no setting of the user's, such as a store of noises."""
    try:
        if setting in _ASKING:
            row_of(_ASKING[setting], row, f"train.{setting}")
    except ConfigError:
        return False
    return True


def _kind(choice: Any) -> str | None:
    return choice if choice is None or isinstance(choice, str) else str(choice.kind)
