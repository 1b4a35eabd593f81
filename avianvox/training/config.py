"""The ``[train]`` table of a configuration file. Needs no Keras, so that cross-validation reads it too."""

from dataclasses import dataclass, fields

from avianvox.errors import ConfigError
from avianvox.models.protocol import TrainSettings


@dataclass(frozen=True)
class TrainConfig(TrainSettings):
    """The ``[train]`` table: `TrainSettings`, and what one run needs besides.

    Attributes
    ----------
    model : str
        A network of `avianvox.models.cnn.VARIANTS`.
    seed : int
    validation : float in [0, 0.5]
        About this share of the recordings, in whole sessions, is held out for early stopping. 0 trains on all
        of them for exactly ``epochs`` epochs.
    """

    model: str = "cnn_v20"
    seed: int = 0
    validation: float = 0.15

    def __post_init__(self) -> None:
        TrainSettings.__post_init__(self)
        if not 0 <= self.validation <= 0.5:
            raise ConfigError(f"[train] validation: expected 0 to 0.5, got {self.validation}")

    @property
    def settings(self) -> TrainSettings:
        """The part that says how a model is fitted, on whatever recordings."""
        return TrainSettings(**{field.name: getattr(self, field.name) for field in fields(TrainSettings)})
