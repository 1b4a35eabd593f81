"""The ``[generate]`` table: how a generator is trained. Needs no Keras."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avianvox.config import Choice, parse_toml, settings_from_mapping, settled
from avianvox.dataset.patches import PatchShape
from avianvox.errors import ConfigError
from avianvox.generate.conditions import CONDITIONS
from avianvox.registry import nearest


@dataclass(frozen=True)
class GenerateSettings:
    """How a generator is trained.

    Attributes
    ----------
    condition : str or Choice
        A row of `avianvox.generate.conditions.CONDITIONS`.
    epochs, steps, batch_size : int
        Steps of each epoch, and real patches of each step.
    learning_rate : float
        Adam's, of the generator; its first moment is 0.5.
    lead : float
        The discriminator's learning rate, in multiples of the generator's: where both learn equally fast,
        the discriminator lags behind and teaches nothing.
    n_frames, n_bands : int
        Of a patch.
    width : float in (0, 1]
        Share of the networks' filters; the paper's networks have 1.
    smoothing : float in [0, 0.5)
        How far below 1 the target of real patches lies: one-sided label smoothing.
    mismatched : float in [0, 1]
        Weight of real patches under a wrong condition, which the discriminator shall refuse too.
    diverse : float
        Weight of a loss that keeps samples of one condition apart: the inverse of how far they are moved by
        other noise. With 0, they tend to be one and the same.
    balanced : bool
        Whether the classes come equally often in each batch.
    spectral : bool
        Spectral normalisation of the discriminator.
    dropout : float in [0, 0.5]
        Of the discriminator, after each convolution.
    validation : float in [0, 0.5]
        Share of the recordings held out, in whole sessions, to compare samples with.
    at_least : int
        Classes with fewer recordings in training are left out.
    grid_every : int
        Epochs from one picture of samples to the next.
    seed : int
    """

    condition: str | Choice = "species"
    epochs: int = 80
    steps: int = 25
    batch_size: int = 16
    learning_rate: float = 1e-4
    lead: float = 8.0
    n_frames: int = 64
    n_bands: int = 64
    width: float = 0.5
    smoothing: float = 0.1
    mismatched: float = 0.0
    diverse: float = 0.1
    balanced: bool = True
    spectral: bool = False
    dropout: float = 0.0
    validation: float = 0.2
    at_least: int = 1
    grid_every: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "condition", settled(CONDITIONS, self.condition, "generate.condition"))
        for name in ("epochs", "steps", "batch_size", "grid_every", "at_least"):
            if getattr(self, name) < 1:
                raise ConfigError(f"[generate] {name}: expected 1 or more, got {getattr(self, name)}")
        if self.batch_size < 2:
            raise ConfigError("[generate] batch_size: expected 2 or more, got 1")
        for name in ("learning_rate", "lead"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"[generate] {name}: expected more than 0, got {getattr(self, name)}")
        for name, most in (
            ("smoothing", 0.5),
            ("validation", 0.5),
            ("dropout", 0.5),
            ("mismatched", 1.0),
            ("diverse", 10.0),
        ):
            if not 0 <= getattr(self, name) <= most:
                raise ConfigError(f"[generate] {name}: expected 0 to {most}, got {getattr(self, name)}")
        if not 0 < self.width <= 1:
            raise ConfigError(f"[generate] width: expected more than 0 and at most 1, got {self.width}")
        PatchShape(self.n_frames, self.n_bands)

    @property
    def shape(self) -> PatchShape:
        return PatchShape(self.n_frames, self.n_bands)


def read_generate_file(path: Path | None, **given: Any) -> GenerateSettings:
    """The table ``[generate]`` of a TOML file, with ``given`` before it. Raises `ConfigError`."""
    written: Mapping[str, Any] = {}
    if path is not None:
        document = parse_toml(path)
        for name in document:
            if name != "generate":
                raise ConfigError(f"{path} has no table [{name}]{nearest(name, ['generate'])}")
        written = document.get("generate", {})
    try:
        return settings_from_mapping(GenerateSettings, {**written, **given}, table="generate")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}" if path is not None else str(error)) from error
