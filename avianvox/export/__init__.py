"""Export: from a run folder to one self-describing model file, compared with its model before it is written.

`export_run` is the whole way; :mod:`avianvox.export.graph` joins and converts, :mod:`avianvox.export.parity`
compares, :mod:`avianvox.export.card` writes the model card, :mod:`avianvox.export.calibrated` adds a
calibration to a file that is there. The last two need no TensorFlow, so nothing comes before it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avianvox.export.exporter import ExportReport, export_run

__all__ = ["ExportReport", "export_run"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from avianvox.export import exporter

    return getattr(exporter, name)
