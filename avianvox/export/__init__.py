"""Export: from a run folder to one self-describing model file, compared with its model before it is written.

`export_run` is the whole way; :mod:`avianvox.export.graph` joins and converts, :mod:`avianvox.export.parity`
compares, :mod:`avianvox.export.card` writes the model card.
"""

from avianvox.export.exporter import ExportReport, export_run

__all__ = ["ExportReport", "export_run"]
