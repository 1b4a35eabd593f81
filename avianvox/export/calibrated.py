"""A model file with a calibration: the same flatbuffer, with a new description and card."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from avianvox.errors import ModelFileError
from avianvox.export.card import model_card
from avianvox.features.kinds import Spec
from avianvox.inference.calibration import Calibration
from avianvox.modelfile import ModelInfo, read_model_file, write_model_file


def write_calibration(
    path: Path | str, calibration: Calibration, *, kind: str, labels: tuple[str, ...], spec: Spec
) -> ModelInfo:
    """Put a calibration into a model file in place of the one it may have; the file appears whole or not.

    Parameters
    ----------
    path : path-like
    calibration : Calibration
    kind, labels, spec
        Of the models whose predictions it was fitted on.

    Raises
    ------
    ModelFileError
        The file is damaged or foreign, or holds another kind of model, other classes or other features.
    """
    found = read_model_file(path)
    info = found.info
    pairs: Mapping[str, tuple[Any, Any]] = {
        "kind of model": (kind, info.kind),
        "number of classes": (len(labels), len(info.labels)),
        "labels": (labels, info.labels.names),
        "features": (_heard(spec), _heard(info.spec)),
    }
    for what, (calibrated, there) in pairs.items():
        if calibrated != there:
            was, now = ("others",) * 2 if what == "labels" else (str(calibrated), str(there))
            raise ModelFileError(
                f"{path} was not changed: expected the same {what} in file and cross-validation, got "
                f"{now} and {was}; calibrate with a cross-validation of this model"
            )
    info = replace(info, calibration=calibration.to_mapping())
    write_model_file(path, flatbuffer=found.flatbuffer, info=info, card=model_card(info))
    return info


def _heard(spec: Spec) -> str:
    """What a cross-validation of several models shares with each of them: rows and window.

    How a model combines the rows is its own, and stands among the settings that are compared.
    """
    return f"{spec.extraction_fingerprint}, windows of {spec.n_frames} frames"
