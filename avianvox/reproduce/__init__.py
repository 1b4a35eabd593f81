"""Reproduction of the published experiment.

`run` fits its models, `figures` sets their figures beside the published ones.
"""
