"""Models: what learns from features. :data:`MODELS` lists them; `avianvox.models.protocol` says what they do.

Listing the table imports nothing; Keras and scikit-learn are imported when a model is used.
"""

from typing import TYPE_CHECKING, Protocol

from avianvox.models.protocol import Estimator, EstimatorFactory, TrainSettings
from avianvox.registry import Registry

if TYPE_CHECKING:
    from avianvox.types import LabelSet

_NETWORKS = {
    "pca_dense": "avianvox.training.estimator:pca_dense",
    "dense_pixels": "avianvox.training.estimator:dense_pixels",
    "cnn_v16": "avianvox.training.estimator:cnn_v16",
    "cnn_v18": "avianvox.training.estimator:cnn_v18",
    "cnn_v17": "avianvox.training.estimator:cnn_v17",
    "cnn_v20": "avianvox.training.estimator:cnn_v20",
}

MODELS: Registry[EstimatorFactory] = Registry(
    "model",
    {
        "gnb_pixels": "avianvox.models.pixels:gnb_pixels",
        "gnb_mfcc": "avianvox.models.statistics:gnb_mfcc",
        "logreg_mel": "avianvox.models.statistics:logreg_mel",
        "logreg_floor": "avianvox.models.statistics:logreg_floor",
        "logreg_windows": "avianvox.models.window_statistics:logreg_windows",
        "mlp_mfcc": "avianvox.models.statistics:mlp_mfcc",
        **_NETWORKS,
    },
)
"""``name -> factory``: ``MODELS.get("cnn_v20")(settings)`` is an estimator."""

TRAINABLE = tuple(MODELS)
"""What ``avianvox train`` trains; each keeps to `avianvox.models.protocol.TrainableEstimator`."""

SUMMARIES = {
    "gnb_pixels": "Gaussian naive Bayes on the pixels of random crops",
    "gnb_mfcc": "Gaussian naive Bayes on MFCC statistics of a recording",
    "logreg_mel": "logistic regression on mel statistics of a recording",
    "logreg_floor": "logreg_mel after subtraction of the noise floor",
    "logreg_windows": "logreg_floor on the windows of a recording",
    "mlp_mfcc": "perceptron on MFCC statistics of a recording",
    "pca_dense": "network on principal components of a window",
    "dense_pixels": "fully connected network on the pixels of a window",
    "cnn_v16": "convolutional network, kernels along time",
    "cnn_v18": "convolutional network, 3 x 3 kernels, 2 x 2 pooling",
    "cnn_v17": "convolutional network, 3 x 3 kernels, 3 x 3 pooling",
    "cnn_v20": "convolutional network like cnn_v17, MFCC replace mel bands",
}
"""One line for each row of `MODELS`."""

LADDER = (
    "chance",
    "majority",
    "session_lookup",
    "duration",
    "gnb_pixels",
    "gnb_mfcc",
    "logreg_mel",
    "logreg_floor",
    "logreg_windows",
    "mlp_mfcc",
    "pca_dense",
    "dense_pixels",
    "cnn_v16",
    "cnn_v18",
    "cnn_v17",
    "cnn_v20",
)
"""The rungs from the lowest up: rules of `avianvox.evaluation.rules` that hear nothing, then models."""


class ProbeFactory(Protocol):
    """What a row of `PROBES` stands for."""

    def __call__(self, settings: TrainSettings, labels: "LabelSet") -> Estimator: ...


PROBES: Registry[ProbeFactory] = Registry(
    "probe",
    {
        "own": "avianvox.models.probes:own",
        "cosine": "avianvox.models.probes:cosine",
        "mlp": "avianvox.models.probes:mlp",
        "logreg": "avianvox.models.probes:logreg",
        "combined": "avianvox.models.probes:combined",
    },
)
"""Models on the embeddings of an ear. In a comparison they are called by its name too: ``birdnet_logreg``."""

PROBE_SUMMARIES = {
    "own": "the ear's own answer among the classes",
    "cosine": "prototypes of the classes, by the angle to them",
    "mlp": "perceptron on the embedding",
    "logreg": "logistic regression on the embedding",
    "combined": "logistic regression on the embedding, added to the ear's own answer",
}
"""One line for each row of `PROBES`."""


def probe_of(name: str) -> tuple[str, str] | None:
    """Ear and probe of a name such as ``birdnet_logreg``; None for another one."""
    ear, _, probe = name.rpartition("_")
    return (ear, probe) if ear and probe in PROBES else None
