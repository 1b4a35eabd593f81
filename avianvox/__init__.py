"""avianvox turns recordings of animal voices into species names.

Start reading at :mod:`avianvox.types` (the values that travel), then follow one recording:
``audio`` decodes it, ``features`` describes it, ``inference`` names it. ``docs/architecture.md``
draws the whole picture.

Importing this package costs next to nothing: public names are resolved when they are first used.
"""

from importlib import import_module

TYPE_CHECKING = False  # typing takes longer than all else until `avianvox.signals` is at work
if TYPE_CHECKING:
    from avianvox.features.spec import FeatureSpec
    from avianvox.inference.classifier import Classifier
    from avianvox.modelfile import read_model_file

_PUBLIC = {
    "Classifier": "avianvox.inference.classifier",
    "FeatureSpec": "avianvox.features.spec",
    "read_model_file": "avianvox.modelfile",
}

__all__ = ["Classifier", "FeatureSpec", "__version__", "read_model_file"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("avianvox")
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'avianvox' has no attribute {name!r}")
