"""Calibration: what a score is worth, from the predictions of a cross-validation.

Start at `avianvox.calibration.calibrate.calibrate_run`. `scaling` brings scores to shares, `thresholds` finds
what each species must reach, `conformal` makes sets of species, `automation` says how much needs no second
look; `saved` reads what was found. What a model file carries of it is `avianvox.inference.calibration`.
"""
