"""Probes: models that learn from what an ear says of each window, its embedding and its own scores.

The ear has probably heard many recordings of xeno-canto in its training, perhaps these very ones. What it
reaches on them is therefore no measure of what it reaches on new recordings of species that it knows; species
that it doesn't know are the fair part, and are told apart by `avianvox.models.probes.heard.known_classes`.

A new one is one module here, a function ``fit(heard, targets, settings, seed)`` made into a
`avianvox.models.probes.probe.Probe`, and one row; ``tests/test_ear_probes.py`` holds each row to the
contract.
"""

from typing import TYPE_CHECKING, Protocol

from avianvox.models.protocol import Estimator, TrainSettings
from avianvox.registry import Registry

if TYPE_CHECKING:
    from avianvox.types import LabelSet


class ProbeFactory(Protocol):
    """What a row of `PROBES` stands for."""

    def __call__(self, settings: TrainSettings, labels: "LabelSet") -> Estimator: ...


PROBES: Registry[ProbeFactory] = Registry(
    "probe",
    {
        "own": (
            "avianvox.models.probes.own:own",
            "the ear's own answer among the classes",
        ),
        "cosine": (
            "avianvox.models.probes.cosine:cosine",
            "prototypes of the classes, by the angle to them",
        ),
        "mlp": (
            "avianvox.models.probes.mlp:mlp",
            "perceptron on the embedding",
        ),
        "lda": (
            "avianvox.models.probes.lda:lda",
            "linear discriminant analysis of the embedding",
        ),
        "logreg": (
            "avianvox.models.probes.logreg:logreg",
            "logistic regression on the embedding",
        ),
        "combined": (
            "avianvox.models.probes.combined:combined",
            "regression on the embedding, added to the ear's answer",
        ),
    },
)
"""Models on the embeddings of an ear. In a comparison they are called by its name too: ``birdnet_logreg``."""


def probe_of(name: str) -> tuple[str, str] | None:
    """Ear and probe of a name such as ``birdnet_logreg``; None for another one."""
    ear, _, probe = name.rpartition("_")
    return (ear, probe) if ear and probe in PROBES else None
