"""What notebooks show in place of a value's text: sound, spectrogram and scores."""

from collections.abc import Callable
from typing import Any

from avianvox.registry import Registry

SHOWN: Registry[Callable[[Any], str]] = Registry(
    "type that a notebook shows",
    {
        "Detection": "avianvox.api.display:detection_html",
        "Prediction": "avianvox.api.display:prediction_html",
        "Recording": "avianvox.api.display:recording_html",
        "Waveform": "avianvox.api.display:waveform_html",
    },
)
"""Name of a type to what makes HTML of a value of it."""


class Shown:
    """A value that notebooks show by its row of `SHOWN`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return SHOWN.get(type(self).__name__)(self)
