"""The average of several models' probabilities, as a model of its own: nothing is fitted for it."""

from collections.abc import Sequence

import numpy as np

from avianvox.evaluation.predictions import FoldPredictions, read_predictions, write_predictions
from avianvox.evaluation.run_folder import ENSEMBLE, NOTES, RunFolder, calibration_path, fit_name, read_json


def averaged(members: Sequence[FoldPredictions]) -> FoldPredictions:
    """The mean of the scores of ``members`` for the same fold.

    Windows are averaged where all members have the same ones and pool them alike, whole recordings elsewhere.
    """
    first = members[0]
    same = all(
        one.pooling == first.pooling and np.array_equal(one.positions, first.positions) for one in members
    )
    found = np.stack([one.scores if same else one.recording_scores() for one in members])
    return FoldPredictions(
        scores=found.mean(axis=0, dtype=np.float64).astype(np.float32),
        positions=first.positions if same else np.arange(len(first.test_ids)),
        targets=first.targets,
        test_ids=first.test_ids,
        train_ids=first.train_ids,
        pooling=first.pooling if same else "mean",
    )


def write_ensemble(run: RunFolder, folds: Sequence[tuple[str, int]]) -> None:
    """Keep what the members in ``run.config`` predicted, averaged, for each grouping and fold of ``folds``.

    Members whose fits an earlier run did not finish are left out. Seconds and weights are those of all others
    together. A calibration of other averages is removed.
    """
    members = [
        member
        for member in run.config[ENSEMBLE]
        if all(run.predictions(fit_name(member, *fold)).exists() for fold in folds)
    ]
    changed = False
    for grouping, k in folds:
        names = [fit_name(member, grouping, k) for member in members]
        found = fit_name(ENSEMBLE, grouping, k)
        path = run.predictions(found)
        before = path.read_bytes() if path.exists() else b""
        write_predictions(path, averaged([read_predictions(run.predictions(name)) for name in names]))
        changed |= before != path.read_bytes()
        timings = run.timings()
        run.keep_seconds(found, sum(timings.get(name, 0.0) for name in names))
        notes = [run.path / NOTES / f"{name}.json" for name in names]
        if all(path.exists() for path in notes):
            n_weights = sum(read_json(path)["n_weights"] for path in notes)
            run.keep_notes(found, {"n_weights": n_weights})
    if changed:
        for grouping in {grouping for grouping, _ in folds}:
            calibration_path(run.path, ENSEMBLE, grouping).unlink(missing_ok=True)
