"""The one place where Keras is imported, after its backend is chosen and TensorFlow is told to be quiet.

Modules that need Keras take it from here: ``from avianvox.models.backend import keras``.
"""

import os

from avianvox.errors import require_extra

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

require_extra("keras", extra="train", purpose="working with Keras models")
require_extra("tensorflow", extra="train", purpose="working with Keras models")

import keras  # noqa: E402

__all__ = ["keras"]
