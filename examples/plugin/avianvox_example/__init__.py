"""A package that adds a model, a catalog source and a format of tables to avianvox, by entry points.

What each of them has to offer stands in `avianvox.models.protocol`, `avianvox.dataset.sources` and
`avianvox.tables.formats`.
"""
