"""Models: what learns from features. :data:`MODELS` lists them; `avianvox.models.protocol` says what they do.

Listing the table imports nothing; Keras and scikit-learn are imported when a model is used.
"""

from avianvox.models.networks import NETWORKS
from avianvox.models.protocol import EstimatorFactory
from avianvox.registry import GROUPS, Registry

_NETWORKS = {name: f"avianvox.training.together:{name}" for name in NETWORKS}
"""Each is what `avianvox.training.together` makes of the network of that name."""

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
    group=GROUPS["models"],
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
    **NETWORKS.summaries,
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
    "avianvox_small",
)
"""The rungs from the lowest up: rules of `avianvox.evaluation.rules` that hear nothing, then models."""

ARCHITECTURES = (
    "alexnet",
    "nin",
    "vgg",
    "googlenet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
)
"""Well-known plans of `avianvox.models.trunks`, in the order in which they are compared."""

KINDS = ("avianvox_small", "dense_deep", "pca_deep")
"""Convolutional, dense, and dense on principal components: three kinds of model for one target."""

SETS = {"ladder": LADDER, "architectures": ARCHITECTURES, "kinds": KINDS}
"""Names that stand for several models in a comparison."""
