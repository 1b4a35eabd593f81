"""The one place where Keras is imported, after its backend is chosen and the process is made ready for it.

Modules that need Keras take it from here: ``from avianvox.models.backend import keras``.
"""

import logging
import os

from avianvox.audio.chatter import silence_decoders
from avianvox.errors import require_extra
from avianvox.models.allocator import keep_freed_memory

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

require_extra("keras", extra="train", purpose="working with Keras models")
require_extra("tensorflow", extra="train", purpose="working with Keras models")

keep_freed_memory()  # before TensorFlow has threads, which would have heaps of their own

with silence_decoders():  # while it is imported, TensorFlow does not heed the level
    import keras

logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of every second model that predicts

__all__ = ["keras"]
