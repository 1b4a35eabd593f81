"""avianvox turns recordings of animal voices into species names.

    >>> import avianvox as av
    >>> av.classify("recording.ogg")[0].scientific_name
    'Coccyzus vieilloti'

Its public names are listed in ``__all__``, each with an example: ``help(av.classify)``. How the parts hang
together: docs/architecture.md; or follow one recording: ``audio`` decodes it, ``features`` describes it,
``inference`` names it.

Importing this package costs next to nothing: public names are resolved when they are first used.
"""

from importlib import import_module

TYPE_CHECKING = False  # typing takes longer than all else until `avianvox.signals` is at work
if TYPE_CHECKING:
    from avianvox.api.models import load_model, read_table
    from avianvox.api.recordings import classify, events
    from avianvox.features.spec import FeatureSpec
    from avianvox.inference.classifier import Classifier
    from avianvox.modelfile import read_model_file

_PUBLIC = {
    "Classifier": "avianvox.inference.classifier",
    "FeatureSpec": "avianvox.features.spec",
    "classify": "avianvox.api.recordings",
    "events": "avianvox.api.recordings",
    "load_model": "avianvox.api.models",
    "read_model_file": "avianvox.modelfile",
    "read_table": "avianvox.api.models",
}

__all__ = [
    "Classifier",
    "FeatureSpec",
    "__version__",
    "classify",
    "events",
    "load_model",
    "read_model_file",
    "read_table",
]


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("avianvox")
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'avianvox' has no attribute {name!r}")
