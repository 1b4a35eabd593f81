"""Models: what learns from features. :data:`MODELS` lists them; `avianvox.models.protocol` says what they do.

Listing the table imports nothing; Keras and scikit-learn are imported when a model is used.
"""

from avianvox.models.protocol import EstimatorFactory
from avianvox.registry import Registry

MODELS: Registry[EstimatorFactory] = Registry(
    "model",
    {  # in the order of the ladder
        "gnb_pixels": "avianvox.models.pixels:gnb_pixels",
        "gnb_mfcc": "avianvox.models.statistics:gnb_mfcc",
        "logreg_mel": "avianvox.models.statistics:logreg_mel",
        "logreg_floor": "avianvox.models.statistics:logreg_floor",
        "mlp_mfcc": "avianvox.models.statistics:mlp_mfcc",
        "pca_dense": "avianvox.training.estimator:pca_dense",
        "dense_pixels": "avianvox.training.estimator:dense_pixels",
        "cnn_v16": "avianvox.training.estimator:cnn_v16",
        "cnn_v18": "avianvox.training.estimator:cnn_v18",
        "cnn_v17": "avianvox.training.estimator:cnn_v17",
        "cnn_v20": "avianvox.training.estimator:cnn_v20",
    },
)
"""``name -> factory``: ``MODELS.get("cnn_v20")(settings)`` is an estimator."""

LADDER = ("chance", "majority", "session_lookup", "duration", *MODELS)
"""The rungs from the lowest up: rules of `avianvox.evaluation.rules` that hear nothing, then all models."""
