"""Catalogs of recordings, how they are split, and the crops that a model is fed.

Start at `avianvox.dataset.catalog.read_catalog`, then `splits.make_split`; `training_data` joins a catalog
with its feature store, and `crops.CropReader` reads batches from it.
"""
