"""Ablation: a recipe with and without each of its parts, on several draws of folds and seeds.

`steps` says what is varied, `run` fits it, one cross-validation for each draw of folds, and `figures` and
`curves` are computed from the run folder alone.
"""
