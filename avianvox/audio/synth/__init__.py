"""Synthetic voices: bird-like recordings whose answers are known exactly.

``voices`` holds single sounds and their boxes, ``species`` invented birds with a repertoire, ``scene`` puts
them into a place with noise, distance and reverberation, ``dataset`` writes folders of recordings. Start with
`synthesize_dataset`; `voice` is one clean call.

All randomness comes from named generators, so the same seed gives the same bytes (on one machine: another
processor may round the last bit differently). Boxes are computed from the parameters of the synthesis, never
measured from the sound, and leave out the tail of the reverberation.
"""

from avianvox.audio.synth.dataset import (
    SynthRecording,
    SynthSettings,
    read_annotations,
    synthesize_dataset,
    synthesize_recording,
)
from avianvox.audio.synth.scene import Call, Place, background, coloured_noise, record
from avianvox.audio.synth.species import Species, species
from avianvox.audio.synth.voices import KINDS, voice

__all__ = [
    "KINDS",
    "Call",
    "Place",
    "Species",
    "SynthRecording",
    "SynthSettings",
    "background",
    "coloured_noise",
    "read_annotations",
    "record",
    "species",
    "synthesize_dataset",
    "synthesize_recording",
    "voice",
]
