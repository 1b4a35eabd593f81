"""avianvox turns recordings of animal voices into species names.

    >>> import avianvox as av
    >>> av.classify("recording.ogg")[0].scientific_name
    'Coccyzus vieilloti'

Its public names are listed in ``__all__``, each with an example: ``help(av.classify)``. How the parts hang
together: docs/architecture.md; or follow one recording: ``audio`` decodes it, ``features`` describes it,
``inference`` names it.

Importing this package costs next to nothing: public names are resolved when they are first used.
"""

import sys
from importlib import import_module
from types import FunctionType, ModuleType

TYPE_CHECKING = False  # typing takes longer than all else until `avianvox.signals` is at work
if TYPE_CHECKING:
    from avianvox.api.boxes import find_boxes, judge_boxes
    from avianvox.api.catalogs import read_catalog
    from avianvox.api.compare import crossvalidate
    from avianvox.api.detecting import export_detector, train_detector
    from avianvox.api.estimator import SpeciesClassifier
    from avianvox.api.explaining import explain
    from avianvox.api.generating import generate, train_generator
    from avianvox.api.live import listen
    from avianvox.api.models import load_model, read_table
    from avianvox.api.picture import plot_spectrogram
    from avianvox.api.pipelines import pipeline
    from avianvox.api.recordings import classify, events
    from avianvox.api.scenes import make_scenes
    from avianvox.api.stores import build_store, crops
    from avianvox.api.tables import Detections
    from avianvox.api.teach import export, train
    from avianvox.api.worth import calibrate
    from avianvox.audio.synth import synthesize_dataset
    from avianvox.features.spec import FeatureSpec
    from avianvox.inference.classifier import Classifier
    from avianvox.modelfile import read_model_file

_PUBLIC = {
    "Classifier": "avianvox.inference.classifier",
    "Detections": "avianvox.api.tables",
    "FeatureSpec": "avianvox.features.spec",
    "SpeciesClassifier": "avianvox.api.estimator",
    "build_store": "avianvox.api.stores",
    "calibrate": "avianvox.api.worth",
    "classify": "avianvox.api.recordings",
    "crops": "avianvox.api.stores",
    "crossvalidate": "avianvox.api.compare",
    "events": "avianvox.api.recordings",
    "explain": "avianvox.api.explaining",
    "export": "avianvox.api.teach",
    "export_detector": "avianvox.api.detecting",
    "find_boxes": "avianvox.api.boxes",
    "generate": "avianvox.api.generating",
    "judge_boxes": "avianvox.api.boxes",
    "listen": "avianvox.api.live",
    "load_model": "avianvox.api.models",
    "make_scenes": "avianvox.api.scenes",
    "pipeline": "avianvox.api.pipelines",
    "plot_spectrogram": "avianvox.api.picture",
    "read_catalog": "avianvox.api.catalogs",
    "read_model_file": "avianvox.modelfile",
    "read_table": "avianvox.api.models",
    "synthesize_dataset": "avianvox.audio.synth",
    "train": "avianvox.api.teach",
    "train_detector": "avianvox.api.detecting",
    "train_generator": "avianvox.api.generating",
}

__all__ = [
    "Classifier",
    "Detections",
    "FeatureSpec",
    "SpeciesClassifier",
    "__version__",
    "build_store",
    "calibrate",
    "classify",
    "crops",
    "crossvalidate",
    "events",
    "explain",
    "export",
    "export_detector",
    "find_boxes",
    "generate",
    "judge_boxes",
    "listen",
    "load_model",
    "make_scenes",
    "pipeline",
    "plot_spectrogram",
    "read_catalog",
    "read_model_file",
    "read_table",
    "synthesize_dataset",
    "train",
    "train_detector",
    "train_generator",
]


class _FrontDoor(ModuleType):
    """A module whose public names stay what they are when a folder of the same name (``export``) is imported.

    Python would put the folder in their place. Whoever imports from it finds it all the same.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _PUBLIC and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _FrontDoor


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("avianvox")
    if name in _PUBLIC:
        found = getattr(import_module(_PUBLIC[name]), name)
        if isinstance(found, FunctionType):
            from avianvox.api.words import spoken

            found = globals()[name] = spoken(found)
        return found
    raise AttributeError(f"module 'avianvox' has no attribute {name!r}")
