"""The ``[detect]`` table of a configuration file: how a detector is built and trained. Needs no Keras."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avianvox.config import Choice, read_toml, settings_from_mapping, settled
from avianvox.errors import ConfigError
from avianvox.features.spec import FeatureSpec
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.optimisers import OPTIMISERS
from avianvox.training.schedules import SCHEDULES

BOXES_STAY = ("height", "mask_bands", "mask_time")
"""Rows of `AUGMENTATIONS` after which every box is still where it was."""


@dataclass(frozen=True)
class DetectConfig:
    """How a detector is built and trained.

    Attributes
    ----------
    trunk : str
        A row of `avianvox.models.networks.NETWORKS` that looks at bands above the noise floor.
    window_frames : int
    anchors : int
        Sizes of anchors, found from the boxes.
    channels, pooled, hidden : int
        Channels of the map, cells of a pooled region along each axis, width of the layer before the classes.
    steps : int
        Batches in all.
    evaluate_every : int
        Steps from one evaluation and checkpoint to the next.
    batch_size : int
        Windows in a batch.
    learning_rate : float
    optimiser, schedule : str or Choice
        Rows of the tables that ``[train]`` has too.
    anchors_sampled, regions_sampled : int
        Of each window, in the losses.
    proposals : int
        Regions of a window that are looked at.
    boxed : float in [0, 1]
        Share of the windows that are drawn around a box, each class as often; others lie anywhere.
    least_part : float in (0, 1]
        Of a box that a window's border cuts, at least so much has to be inside; from less nothing is learned.
    mix : float in [0, 1]
        Share of the windows in which a second one is heard too, with its boxes.
    augment : tuple of str or Choice
        Rows of `BOXES_STAY`.
    validation : float in [0, 0.5]
        Share of the recordings held out, in whole sessions.
    from_ : str, optional
        Run of a classifier or a detector whose weights to begin from.
    overlap : float in [0, 0.9]
        Share of a window that its neighbour sees too, where boxes are searched for.
    seed : int
    """

    trunk: str = "avianvox_small"
    window_frames: int = 256
    anchors: int = 6
    channels: int = 48
    pooled: int = 6
    hidden: int = 128
    steps: int = 1500
    evaluate_every: int = 250
    batch_size: int = 8
    learning_rate: float = 2e-3
    optimiser: str | Choice = "adamw"
    schedule: str | Choice = "cosine"
    anchors_sampled: int = 96
    regions_sampled: int = 32
    proposals: int = 48
    boxed: float = 0.75
    least_part: float = 0.4
    mix: float = 0.3
    augment: tuple[str | Choice, ...] = ("height",)
    validation: float = 0.2
    from_: str | None = None
    overlap: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        counts = ("window_frames", "anchors", "channels", "pooled", "hidden", "steps", "evaluate_every")
        for name in (*counts, "batch_size", "anchors_sampled", "regions_sampled", "proposals"):
            if getattr(self, name) < 1:
                raise ConfigError(f"[detect] {name}: expected 1 or more, got {getattr(self, name)}")
        for name, most in (("boxed", 1), ("mix", 1), ("validation", 0.5), ("overlap", 0.9)):
            if not 0 <= getattr(self, name) <= most:
                raise ConfigError(f"[detect] {name}: expected 0 to {most}, got {getattr(self, name)}")
        if not 0 < self.least_part <= 1:
            raise ConfigError(f"[detect] least_part: expected above 0, at most 1, got {self.least_part}")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"[detect] learning_rate: expected 0 to 1, got {self.learning_rate}")
        for name, table in (("optimiser", OPTIMISERS), ("schedule", SCHEDULES)):
            object.__setattr__(self, name, settled(table, getattr(self, name), f"detect.{name}"))
        augment = tuple(settled(AUGMENTATIONS, choice, "detect.augment") for choice in self.augment)
        for choice in augment:
            kind = choice.kind if isinstance(choice, Choice) else choice
            if kind not in BOXES_STAY:
                raise ConfigError(
                    f"[detect] augment: expected some of {', '.join(BOXES_STAY)}, which leave boxes where "
                    f"they are, got '{kind}'"
                )
        object.__setattr__(self, "augment", augment)


def read_detect_file(path: Path | None, given: Mapping[str, Any]) -> tuple[DetectConfig, FeatureSpec]:
    """The tables ``[detect]`` and ``[features]`` of a TOML file; the defaults where there is none.

    ``given``: settings that go before those of the file. Raises `ConfigError` as `read_toml` does.
    """
    written: Mapping[str, Any] = {}
    spec = FeatureSpec()
    if path is not None:
        from avianvox.config import parse_toml

        spec = read_toml(path, {"detect": DetectConfig, "features": FeatureSpec})["features"]
        written = parse_toml(path).get("detect", {})
    config = settings_from_mapping(DetectConfig, {**written, **given}, table="detect")
    return config, spec.with_changes(combine="above_floor", n_frames=config.window_frames)
