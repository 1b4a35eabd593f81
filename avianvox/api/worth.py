"""What scores are worth, and from which on a species is named: `calibrate`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avianvox.errors import InputError

if TYPE_CHECKING:
    from avianvox.api.compare import Compared
    from avianvox.calibration.finished import FinishedReport
    from avianvox.calibration.saved import CalibrateOptions, CalibrationReport


@dataclass(frozen=True)
class Calibrated:
    """What scores are worth.

    Attributes
    ----------
    report : CalibrationReport or FinishedReport
    kept : Path
        Where the report lies as JSON.
    model : Path or None
        The model file that has the calibration.
    notes : tuple of str
        What to know beside it.
    """

    report: "CalibrationReport | FinishedReport"
    kept: Path
    model: Path | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<calibration in {self.model or self.kept}>"

    @property
    def figures(self) -> Mapping[str, Any]:
        """All figures as plain values."""
        return self.report.to_mapping()


def calibrate(
    run: "Compared | str | os.PathLike[str]",
    *,
    model: str | None = None,
    grouping: str = "session",
    into: "str | os.PathLike[str] | None" = None,
    out: "str | os.PathLike[str] | None" = None,
    precision: float | None = 0.9,
    options: "CalibrateOptions | None" = None,
) -> Calibrated:
    """Find what the scores of a model are worth, and a threshold for each species, on held-out folds.

    Nothing is trained and no sound is read.

    Parameters
    ----------
    run : Compared or path-like
        A cross-validation, or the folder of ``avianvox evaluate`` for a finished model, such as BirdNET.
    model : str, optional
        Of the run; the only one if left out.
    grouping : str
        The folds. Results on random folds are too optimistic for new sessions.
    into : path-like, optional
        Model file of the same kind and classes that receives the calibration.
    out : path-like, optional
        Of a finished model: the calibrated copy.
    precision : float in (0, 1], optional
        Minimum precision of named recordings; None: thresholds with the best F1.
    options : CalibrateOptions, optional
        More than the precision, which it then says too.

    Returns
    -------
    Calibrated

    Raises
    ------
    RunError, InputError, UnknownNameError, ModelFileError, MissingExtraError

    Examples
    --------
    >>> import avianvox as av
    >>> compared = av.crossvalidate("recordings", "gnb_mfcc", "comparison", folds=2)
    >>> found = av.calibrate(compared, precision=0.8)
    >>> found.report.model, found.report.levels["recording"].n
    ('gnb_mfcc', 16)
    """
    from avianvox.audio.guard import refuse_recording
    from avianvox.calibration.answers import holds_answers
    from avianvox.calibration.saved import CalibrateOptions
    from avianvox.errors import RunError, require_extra
    from avianvox.runfolder import CONFIG

    require_extra("scipy", extra="train", purpose="avianvox calibrate")
    folder = Path(run) if isinstance(run, str | os.PathLike) else run.path
    asked = options or CalibrateOptions(precision=precision)
    if holds_answers(folder):
        if into is not None:
            raise InputError("--into is for a cross-validation, and RUN is of 'avianvox evaluate'")
        return _calibrate_finished(folder, model, None if out is None else Path(out), asked)
    if into is not None:
        refuse_recording(into)
    if out is not None:
        raise InputError("--out is for a finished model; --into names the model file of a cross-validation")
    if not (folder / CONFIG).exists():
        raise RunError(
            f"{folder}: expected the folder of a cross-validation or of an evaluation, found neither; make "
            "one with: avianvox crossval, or of a finished model: avianvox evaluate"
        )
    return _calibrate_run(folder, model, grouping, None if into is None else Path(into), asked)


def _calibrate_run(
    folder: Path, model: str | None, grouping: str, into: Path | None, options: "CalibrateOptions"
) -> Calibrated:
    from avianvox.calibration.calibrate import calibrate_run
    from avianvox.calibration.saved import keep_report
    from avianvox.evaluation.run_folder import HELD_OUT
    from avianvox.evaluation.saved_run import SavedRun
    from avianvox.export.calibrated import write_calibration
    from avianvox.export.card import training_differences

    saved, notes = SavedRun.open(folder), []
    report = calibrate_run(saved, model, grouping=grouping, options=options)
    if saved.config.get(HELD_OUT) and report.unknown is None:
        notes.append(
            f"species were held out, and fits of {report.model} on them are missing; no score is found below "
            "which nothing is named: run the cross-validation again to make them"
        )
    kept = keep_report(saved, report)
    if into is not None:
        info = write_calibration(
            into,
            report.calibration,
            kind=report.model,
            labels=saved.labels.names,
            spec=saved.windows_of(report.model)[0],
        )
        if differences := training_differences(info):
            notes.append(
                f"{into} was trained differently from the models of {folder} ({'; '.join(differences)}); its "
                "calibration may be worse than measured"
            )
    return Calibrated(report, kept, into, tuple(notes))


def _calibrate_finished(
    folder: Path, model: str | None, out: Path | None, options: "CalibrateOptions"
) -> Calibrated:
    import json

    from avianvox.audio.guard import refuse_recording
    from avianvox.calibration.answers import read_answers
    from avianvox.calibration.finished import calibrate_answers
    from avianvox.export.calibrated import copy_calibrated
    from avianvox.files import atomic_write

    answers = read_answers(folder, model)
    copy = out or folder / f"{Path(answers.path).stem}_calibrated.tflite"
    refuse_recording(copy)
    report = calibrate_answers(answers, options)
    copy_calibrated(Path(answers.path), copy, report.calibration, sha256=answers.sha256)
    kept = folder / "calibration.json"
    with atomic_write(kept) as stream:
        stream.write(f"{json.dumps(report.to_mapping(), indent=1, allow_nan=False)}\n")
    return Calibrated(report, kept, copy)
