"""A page that classifies in the browser: static files beside a model file, for devices without avianvox.

`site.write_site` writes the folder. ``page/`` holds the page as it is sent, ``litert/`` LiteRT for the web,
packed (`litert`). The page itself computes features, windows, pooling, calibration and events. Every setting
and filter comes from `describe`, so that each has one home, in Python.
"""
