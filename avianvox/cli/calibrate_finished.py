"""``avianvox calibrate`` of a finished model, by the answers that ``avianvox evaluate`` kept."""

import json
from collections.abc import Iterator
from math import isinf
from pathlib import Path

from avianvox.calibration.answers import read_answers
from avianvox.calibration.finished import FinishedReport, calibrate_answers
from avianvox.calibration.saved import CalibrateOptions
from avianvox.cli.calibrate import level_rows, verdicts
from avianvox.cli.common import echo, echo_text
from avianvox.cli.targets import refuse_recording
from avianvox.evaluation.figures import Table
from avianvox.export.calibrated import copy_calibrated
from avianvox.files import atomic_write


def calibrate_finished(
    folder: Path, model: str | None, out: Path | None, options: CalibrateOptions, as_json: bool
) -> None:
    """Calibrate a finished model by the answers that ``avianvox evaluate`` kept, into a copy of it."""
    answers = read_answers(folder, model)
    out = out or folder / f"{Path(answers.path).stem}_calibrated.tflite"
    refuse_recording(str(out))
    report = calibrate_answers(answers, options)
    copy_calibrated(Path(answers.path), out, report.calibration, sha256=answers.sha256)
    text = json.dumps(report.to_mapping(), indent=1, allow_nan=False)
    with atomic_write(folder / "calibration.json") as stream:
        stream.write(f"{text}\n")
    echo_text(text if as_json else "\n".join(_finished_lines(report)))
    echo(f"wrote {out}; {answers.path} is as it was", err=True)


def _finished_lines(report: FinishedReport) -> Iterator[str]:
    window, recording = report.levels["window"], report.levels["recording"]
    yield (
        f"{report.answers.name}, {report.n_folds} session folds: {recording.n_sessions} sessions, "
        f"{recording.n} recordings, {window.n} windows with a best answer"
    )
    yield ""
    columns = ("best answers", "per recording", "per window")
    yield Table(columns, tuple((name, *cells) for name, *cells in level_rows(recording, window))).markdown()
    yield from verdicts(report)
    for title, level in (("recordings", recording), ("windows", window)):
        decided, found = level.decided, level.thresholds
        rightly = f", {decided.right} of them rightly ({decided.precision:.0%})" if decided.named else ""
        own = sum(one.source == "own" for one in found.classes[:-1])
        of_all = "no score suffices" if isinf(found.pooled.score) else f"from {found.pooled.score:.2f}"
        yield (
            f"Thresholds for {report.options.rule}: of {decided.n} held-out {title} {decided.named} are named"
            f"{rightly}. {own} classes have a threshold of their own; the others: {of_all}"
        )
