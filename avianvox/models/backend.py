"""The one place where Keras is imported, after its backend is chosen and TensorFlow is told to be quiet.

Modules that need Keras take it from here: ``from avianvox.models.backend import keras``.
"""

import logging
import os

from avianvox.audio.chatter import silence_decoders
from avianvox.errors import require_extra

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

require_extra("keras", extra="train", purpose="working with Keras models")
require_extra("tensorflow", extra="train", purpose="working with Keras models")

with silence_decoders():  # while it is imported, TensorFlow does not heed the level
    import keras

logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of every second model that predicts

__all__ = ["keras"]
