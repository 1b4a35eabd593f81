"""Boxes: parts of recordings in time and frequency, drawn by people or found by a detector.

`avianvox.types.Box` is one; `overlap` compares many at a time, as arrays of begin, end, low and high.
"""
