"""Ears: models that others trained, made into model files of avianvox.

Start with `birdnet.read_birdnet`, which finds BirdNET's files, or `generic.read_foreign`, which takes any
graph that hears a waveform. Both change it with `graft`; `add.add_ear` writes the user's model file.
"""
