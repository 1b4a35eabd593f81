"""What the model card says about a calibration."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np

from avianvox.calibration.calibrate import calibrate_run
from avianvox.calibration.saved import CalibrateOptions
from avianvox.evaluation.predictions import Pooled
from avianvox.evaluation.saved_run import SavedRun
from avianvox.export.card import model_card
from avianvox.features.spec import FeatureSpec
from avianvox.modelinfo import ModelInfo
from avianvox.types import LabelSet, Recording

PROTECT = "Thresholds do not protect against sounds or species outside the training data."


def test_the_card_marks_thresholds_that_are_borrowed(rng: np.random.Generator) -> None:
    """Three classes, mostly right; the last one is heard in three sessions, too few to tell."""
    sessions = np.arange(63)
    targets = np.where(sessions < 60, sessions % 2, 2)
    scores = rng.dirichlet(np.ones(3), len(sessions)) * 0.5
    scores[sessions, np.where(sessions % 10 == 9, 1 - sessions % 2, targets)] += 0.5
    recordings = tuple(Recording(f"R{i}", Path(f"R{i}.wav"), recordist=f"P{i}") for i in sessions)
    pooled = Pooled(recordings, targets, sessions % 3, scores, scores.astype(np.float32), sessions)
    labels = LabelSet(("Aus bus", "Cus dus", "Eus fus"))
    config = {"model_settings": {"epochs": 3}, "data_hash": "d"}
    run = SimpleNamespace(
        models=("m",),
        labels=labels,
        config=config,
        settings_of=lambda model: config["model_settings"],
        answers_tasks=lambda model: False,
        pooled=lambda model, grouping: pooled,
        held_out_species=lambda model, grouping: [],
    )
    report = calibrate_run(cast(SavedRun, run), options=CalibrateOptions(precision=0.6))
    assert report.calibration.basis["borrowed"] == ["Eus fus"]
    plain = ModelInfo("letters", "m", FeatureSpec(), labels)
    card = model_card(replace(plain, calibration=report.calibration.to_mapping()))
    assert "because they have too few sessions: Eus fus." in card
    scores = report.levels["window"].thresholds.scores
    assert f" Windows and events: from {min(scores):.2f} to {max(scores):.2f}." in card
    some = report.calibration.to_mapping()
    some["window"]["thresholds"] = [0.3, None, 0.51]
    card = model_card(replace(plain, calibration=some))
    assert "Windows and events: from 0.30 to 0.51; no score suffices for the other 1 classes." in card
    assert PROTECT in card
    assert PROTECT not in model_card(plain)
