"""Boxes: parts of recordings in time and frequency, drawn by people or found by a detector.

`avianvox.types.Box` is one; `overlap` compares many at a time, as arrays of begin, end, low and high. What
finds boxes is a `protocol.BoxSource`: `segmenter` by energy and shape, with settings that `tuning` fits to
drawn boxes, and `named` with the names of a classifier. `found` reads tables of any program, `judge` says
what they are worth.
"""
