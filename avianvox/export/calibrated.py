"""A model file with a calibration: the same graph and entries, with a new description and card."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from avianvox.ears.add import KIND as EAR
from avianvox.ears.card import ear_card
from avianvox.errors import ModelFileError
from avianvox.export.card import model_card
from avianvox.features.kinds import Spec
from avianvox.files import refuse_same, sha256_file
from avianvox.inference.calibration import Calibration
from avianvox.modelfile import ModelFile, read_model_file, write_model_file
from avianvox.modelinfo import ModelInfo


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
    pairs: dict[str, tuple[Any, Any]] = {
        "kind of model": (kind, info.kind),
        "number of classes": (len(labels), len(info.labels)),
        "labels": (labels, info.labels.names),
        "features": (_heard(spec), _heard(info.spec)),
        "tasks": (", ".join(calibration.tasks) or "none", _scored(info)),
    }
    if not info.names_species:
        calibration = calibration.of_tasks
        del pairs["number of classes"], pairs["labels"]
    for what, (calibrated, there) in pairs.items():
        if calibrated != there:
            was, now = ("others",) * 2 if what == "labels" else (str(calibrated), str(there))
            raise ModelFileError(
                f"{path} was not changed: expected the same {what} in file and cross-validation, got "
                f"{now} and {was}; calibrate with a cross-validation of this model"
            )
    return _write(found, Path(path), replace(info, calibration=calibration.to_mapping()))


def copy_calibrated(path: Path, out: Path, calibration: Calibration, *, sha256: str) -> ModelInfo:
    """A copy of a model file with a calibration, whose name is the stem of ``out``.

    Parameters
    ----------
    path : Path
        The model that was judged.
    out : Path
        Another file.
    calibration : Calibration
    sha256 : str
        Of the model file when it was judged.

    Raises
    ------
    ModelFileError
        The model is damaged, or another one by now.
    OutputError
        ``out`` is the model itself, or cannot be written.
    """
    refuse_same(out, path, "the model that was judged")
    found = read_model_file(path)
    if sha256_file(path) != sha256:
        raise ModelFileError(f"{path} is not the model that was judged; evaluate it again")
    info = replace(found.info, name=out.stem, calibration=calibration.to_mapping())
    return _write(found, out, info)


def _write(found: ModelFile, out: Path, info: ModelInfo) -> ModelInfo:
    card = ear_card(info) if info.kind == EAR else model_card(info)
    others = {name: bytes(content) for name, content in found.others.items()}
    write_model_file(out, flatbuffer=found.flatbuffer, info=info, card=card, others=others)
    return info


def _scored(info: ModelInfo) -> str:
    """Its tasks that have scores, which a calibration speaks of."""
    return ", ".join(output.name for output in info.tasks if output.classes) or "none"


def _heard(spec: Spec) -> str:
    """What a cross-validation of several models shares with each of them: rows and window.

    How a model combines the rows is its own, and stands among the settings that are compared.
    """
    return f"{spec.extraction_fingerprint}, windows of {spec.n_frames} frames"
