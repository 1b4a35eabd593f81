"""Models: what learns from features. :data:`MODELS` lists them; `avianvox.models.protocol` says what they do.

Listing the table imports nothing; Keras and scikit-learn are imported when a model is used.
"""

from avianvox.models.protocol import EstimatorFactory
from avianvox.registry import GROUPS, Registry

_NETWORKS = {
    "pca_dense": "avianvox.training.together:pca_dense",
    "dense_pixels": "avianvox.training.together:dense_pixels",
    "cnn_v16": "avianvox.training.together:cnn_v16",
    "cnn_v18": "avianvox.training.together:cnn_v18",
    "cnn_v17": "avianvox.training.together:cnn_v17",
    "cnn_v20": "avianvox.training.together:cnn_v20",
    "avianvox_small": "avianvox.training.together:avianvox_small",
    "avianvox_lean": "avianvox.training.together:avianvox_lean",
    "avianvox_mfcc": "avianvox.training.together:avianvox_mfcc",
    "avianvox_two_branches": "avianvox.training.together:avianvox_two_branches",
    "avianvox_cbam": "avianvox.training.together:avianvox_cbam",
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
    "pca_dense": "network on principal components of a window",
    "dense_pixels": "fully connected network on the pixels of a window",
    "cnn_v16": "convolutional network, kernels along time",
    "cnn_v18": "convolutional network, 3 x 3 kernels, 2 x 2 pooling",
    "cnn_v17": "convolutional network, 3 x 3 kernels, 3 x 3 pooling",
    "cnn_v20": "like cnn_v17, MFCC replace mel bands",
    "avianvox_small": "network for few recordings, noise floor out",
    "avianvox_lean": "avianvox_small of depthwise-separable blocks",
    "avianvox_mfcc": "avianvox_small on MFCC alone",
    "avianvox_two_branches": "avianvox_small with a branch on MFCC, joined late",
    "avianvox_cbam": "avianvox_small with attention by channel and place",
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
