"""The configuration file of training. Needs no Keras, so that cross-validation reads it too."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from avianvox.config import parse_toml, read_toml, row_of, settings_from_mapping, settled
from avianvox.dataset.placing import PLACINGS
from avianvox.errors import ConfigError, InputError
from avianvox.features.spec import FeatureSpec
from avianvox.models.networks import RECIPES
from avianvox.models.protocol import TrainSettings
from avianvox.models.shapes import SHAPES
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.emphasis import EMPHASES
from avianvox.training.ensembles import ENSEMBLES
from avianvox.training.generated import GENERATED
from avianvox.training.guides import GUIDES
from avianvox.training.losses import LOSSES
from avianvox.training.optimisers import OPTIMISERS
from avianvox.training.samplers import SAMPLERS
from avianvox.training.schedules import SCHEDULES
from avianvox.training.self_training import SELF_TRAININGS


@dataclass(frozen=True)
class TrainConfig(TrainSettings):
    """The ``[train]`` table: `TrainSettings`, and what one run needs besides.

    Attributes
    ----------
    model : str
        A network of `avianvox.models.networks.NETWORKS`.
    seed : int
    validation : float in [0, 0.5]
        Share of the recordings held out for early stopping, in whole sessions. With 0, all recordings are
        used for training, for exactly ``epochs`` epochs.
    """

    model: str = "cnn_v20"
    seed: int = 0
    validation: float = 0.15

    def __post_init__(self) -> None:
        TrainSettings.__post_init__(self)
        for name, table in (
            ("loss", LOSSES),
            ("sampler", SAMPLERS),
            ("placing", PLACINGS),
            ("optimiser", OPTIMISERS),
            ("schedule", SCHEDULES),
            ("emphasis", EMPHASES),
            ("guide", GUIDES),
            ("ensemble", ENSEMBLES),
            ("self_training", SELF_TRAININGS),
            ("shape", SHAPES),
            ("generated", GENERATED),
        ):
            if (choice := getattr(self, name)) is not None:
                object.__setattr__(self, name, settled(table, choice, f"train.{name}"))
        augment = tuple(settled(AUGMENTATIONS, choice, "train.augment") for choice in self.augment)
        object.__setattr__(self, "augment", augment)
        if not 0 <= self.validation <= 0.5:
            raise ConfigError(f"[train] validation: expected 0 to 0.5, got {self.validation}")

    @property
    def settings(self) -> TrainSettings:
        """The part that says how a model is fitted, on whatever recordings."""
        return TrainSettings(**{field.name: getattr(self, field.name) for field in fields(TrainSettings)})


def ears_of(settings: TrainSettings) -> tuple[str, ...]:
    """Models whose embeddings a network with these settings learns from."""
    return () if settings.guide is None else row_of(GUIDES, settings.guide, "train.guide").ears


def read_train_file(path: Path | None, **given: Any) -> tuple[TrainConfig, FeatureSpec]:
    """The tables ``[train]``, ``[[tasks]]`` and ``[features]`` of a TOML file; defaults where there is none.

    Where neither the file nor ``given`` says how the model is fitted, its row of `RECIPES` does.

    Parameters
    ----------
    path : Path or None
    **given
        Settings of ``[train]`` that go before those of the file.

    Raises
    ------
    ConfigError
        As `read_toml` does, or ``[features]`` says how mel and MFCC are combined.
    """
    written: Mapping[str, Any] = {}
    spec = FeatureSpec()
    if path is not None:
        spec = read_toml(path, {"features": FeatureSpec}, besides=("train", "tasks"))["features"]
        document = parse_toml(path)
        written = document.get("train", {}) | {key: document[key] for key in ("tasks",) if key in document}
        _refuse_wrong(path, written)
        if spec.combine != FeatureSpec().combine:
            raise ConfigError(f"{path}: expected combine in [train], found it in [features]; move it")
    asked = {**written, **given}
    recipe = RECIPES.get(asked.get("model", TrainConfig.model), {})
    return settings_from_mapping(TrainConfig, {**recipe, **asked}, table="train"), spec


def _refuse_wrong(path: Path, written: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for what can't stand in the file, whatever else is asked for."""
    try:
        settings_from_mapping(TrainConfig, written, table="train")
    except (ConfigError, InputError) as error:
        raise ConfigError(f"{path}: {error}") from error
